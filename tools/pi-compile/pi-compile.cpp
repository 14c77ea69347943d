//===- pi-compile.cpp - Compiles models to artefacts ----------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CodeGenTarget.h"

#include "pi/Registration.h"
#include "pi/Transforms/Execution/Passes.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"

namespace cl = llvm::cl;
using namespace mlir;
using namespace pi_compile;

static constexpr llvm::StringLiteral overview = R"(
pi-compile: models in the pi dialect to artefacts that pi-run executes

  pi-compile private.mlir --target=cpu -o private.pi
  pi-compile private.mlir --target=cuda --precision=f32 -o private.pi

INPUT holds @forward, as pi-translate makes it and pi-opt rewrites it; - is the
standard input. Prefill and decoding with a key/value cache are made from it.
Weights are not part of the artefact: they are read when the model runs.
Compiling for CUDA (sm_90a) needs ptxas, but no GPU.

Exit status: 0 on success; 1 on an error, and then no output file is written.
)";

static cl::OptionCategory category("pi-compile options");

static cl::opt<std::string> input(cl::Positional, cl::Required,
                                  cl::desc("INPUT"), cl::cat(category));
static cl::opt<std::string> output("o", cl::desc("Artefact to write"),
                                   cl::value_desc("file"), cl::Required,
                                   cl::cat(category));
static cl::opt<std::string> target("target",
                                   cl::desc("cpu or cuda (default: cpu)"),
                                   cl::value_desc("name"), cl::init("cpu"),
                                   cl::cat(category));
static cl::opt<std::string>
    precision("precision",
              cl::desc("Number format of activations and matrices: f32 on the "
                       "CPU, bf16 (default) or f32 with CUDA"),
              cl::value_desc("format"), cl::cat(category));
static cl::opt<std::string>
    processor("cpu",
              cl::desc("Processor of host code, as clang's -march (default: "
                       "this machine's; with CUDA x86-64-v3)"),
              cl::value_desc("name"), cl::cat(category));

static cl::opt<std::string> entryPoints(
    "entry-points",
    cl::desc("forward,prefill,decode (default), or forward alone: @forward "
             "may then be any function of tensors"),
    cl::value_desc("names"), cl::init("forward,prefill,decode"),
    cl::cat(category));

static LogicalResult fail(const llvm::Twine &message) {
  llvm::errs() << "pi-compile: error: " << message << "\n";
  return failure();
}

/// The target that the command line names, and the precision.
static const CodeGenTarget *chooseTarget(CodeGenOptions &options) {
  auto found = llvm::find_if(getTargets(), [](const CodeGenTarget *candidate) {
    return candidate->name() == target;
  });
  if (found == getTargets().end()) {
    (void)fail("there is no target '" + target + "'; there are cpu and cuda");
    return nullptr;
  }
  ArrayRef<StringRef> precisions = (*found)->precisions();
  options.precision =
      precision.empty() ? precisions.front().str() : precision.getValue();
  if (!llvm::is_contained(precisions, options.precision)) {
    (void)fail("target " + target + " does not compute in '" + precision +
               "'; it computes in " + llvm::join(precisions, " or "));
    return nullptr;
  }
  options.processor = processor;
  return *found;
}

/// Whether prefill and decode are asked for, or an error.
static FailureOr<bool> chooseGeneration() {
  if (entryPoints == "forward")
    return false;
  if (entryPoints == "forward,prefill,decode")
    return true;
  return fail("there are no entry points '" + entryPoints +
              "'; there are 'forward,prefill,decode' and 'forward'");
}

static OwningOpRef<ModuleOp> readModule(MLIRContext &context,
                                        llvm::SourceMgr &sources) {
  std::string message;
  std::unique_ptr<llvm::MemoryBuffer> file = openInputFile(input, &message);
  if (!file) {
    (void)fail(message);
    return nullptr;
  }
  sources.AddNewSourceBuffer(std::move(file), llvm::SMLoc());
  return parseSourceFile<ModuleOp>(sources, &context);
}

static LogicalResult writeModel(const CompiledModel &model) {
  std::vector<pi_runtime::SectionData> sections;
  for (const auto &[name, bytes] : model.sections)
    sections.push_back({name, bytes});
  pi_runtime::Status status =
      pi_runtime::writeArtifact(output, model.manifest, sections);
  return status ? success() : fail(status.message());
}

static LogicalResult compile() {
  CodeGenOptions options;
  const CodeGenTarget *chosen = chooseTarget(options);
  FailureOr<bool> generation = chooseGeneration();
  if (!chosen || failed(generation))
    return failure();
  if (output == "-")
    return fail("an artefact is written to a file, not to standard output: "
                "give -o a name");
  DialectRegistry registry;
  pi::registerAllDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.printOpOnDiagnostic(false);
  llvm::SourceMgr sources;
  SourceMgrDiagnosticHandler diagnostics(sources, &context);
  OwningOpRef<ModuleOp> module = readModule(context, sources);
  if (!module)
    return failure();
  PassManager manager(&context);
  pi::buildExecutionPipeline(manager, *generation);
  if (failed(manager.run(*module)))
    return failure();
  FailureOr<CompiledModel> model = chosen->compile(*module, options);
  return failed(model) ? failure() : writeModel(*model);
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv, overview);
  return failed(compile()) ? EXIT_FAILURE : EXIT_SUCCESS;
}
