//===- pi-translate.cpp - Models into and out of the pi dialect -----------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// As mlir-translate, but an input may be a directory or a name, the sizes that
// an import fixes are options, and an export may write a second file; so this
// has a main of its own.
//
//===----------------------------------------------------------------------===//

#include "pi/Support/Diagnostics.h"
#include "pi/Support/OutputFile.h"
#include "pi/Target/GPT2/ImportGPT2.h"
#include "pi/Target/StableHLO/ExportStableHLO.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "pi/Dialect/Pi/IR/Pi.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/raw_ostream.h"

namespace cl = llvm::cl;
using namespace mlir;

static constexpr llvm::StringLiteral overview = R"(
pi-translate: models into and out of MLIR in the pi dialect

  pi-translate --import-gpt2 gpt2 --seq-len 128 -o gpt2.mlir
  pi-translate --import-gpt2 path/to/checkpoint --batch 2 -o model.mlir
  pi-translate --pi-to-stablehlo model.mlir -o model.stablehlo.mlir

INPUT of --import-gpt2 is a Hugging Face checkpoint directory (config.json, and
the Safetensors files if there are any, whose names, shapes and types are
compared with the configuration), a config.json, or a built-in name: gpt2,
gpt2-medium, gpt2-large, gpt2-xl. An existing path wins over a built-in name.
Weights are not part of the output: they are read when the model runs.

INPUT of --pi-to-stablehlo is a module of the pi dialect with a function
@forward; - is the standard input. Each operation becomes a function that is
named after its location, and @main calls them; its arguments are the inputs of
@forward, then the parameters. --interface=FILE lists them for programs, as JSON.

Exit status: 0 on success; 1 on an error, and then no output file is written.
)";

namespace {
enum class Translation { ImportGPT2, PiToStableHLO };
} // namespace

static constexpr llvm::StringRef getName(Translation translation) {
  switch (translation) {
  case Translation::ImportGPT2:
    return "import-gpt2";
  case Translation::PiToStableHLO:
    return "pi-to-stablehlo";
  }
  llvm_unreachable("unknown translation");
}

static cl::OptionCategory category("pi-translate options");

static cl::opt<Translation>
    translation(cl::desc("Translation:"), cl::Required, cl::cat(category),
                cl::values(clEnumValN(Translation::ImportGPT2,
                                      getName(Translation::ImportGPT2),
                                      "Hugging Face GPT-2 to the pi dialect"),
                           clEnumValN(Translation::PiToStableHLO,
                                      getName(Translation::PiToStableHLO),
                                      "the pi dialect to StableHLO text")));
static cl::opt<std::string> input(cl::Positional, cl::Required,
                                  cl::desc("INPUT"), cl::cat(category));
static cl::opt<std::string> output("o",
                                   cl::desc("Output file (default: - , the "
                                            "standard output)"),
                                   cl::value_desc("file"), cl::init("-"),
                                   cl::cat(category));
static cl::opt<int64_t> batch("batch", cl::desc("Batch size B (default: 1)"),
                              cl::value_desc("N"), cl::init(1),
                              cl::cat(category));
static cl::opt<int64_t>
    sequenceLength("seq-len",
                   cl::desc("Sequence length T, also the capacity of the "
                            "key/value cache (default: n_positions)"),
                   cl::value_desc("T"), cl::cat(category));
static cl::opt<std::string>
    interfaceFile("interface",
                  cl::desc("Where --pi-to-stablehlo writes what the arguments, "
                           "results and steps are, as JSON (default: nowhere)"),
                  cl::value_desc("file"), cl::cat(category));

static bool fail(const llvm::Twine &message) {
  llvm::errs() << "pi-translate: error: " << message << "\n";
  return false;
}

/// Refuses options that the translation does not read.
static bool checkOptions() {
  const std::pair<const cl::Option *, Translation> readers[] = {
      {&batch, Translation::ImportGPT2},
      {&sequenceLength, Translation::ImportGPT2},
      {&interfaceFile, Translation::PiToStableHLO}};
  for (auto [option, reader] : readers)
    if (option->getNumOccurrences() && reader != translation)
      return fail("--" + option->ArgStr + " is an option of --" +
                  getName(reader) + ", not of --" + getName(translation));
  return true;
}

static bool write(llvm::ArrayRef<pi::OutputFile> files) {
  if (llvm::Error error = pi::writeOutputFiles(files))
    return fail(llvm::toString(std::move(error)));
  return true;
}

static bool importGPT2(MLIRContext *context) {
  pi::GPT2ImportOptions options;
  options.batch = batch;
  if (sequenceLength.getNumOccurrences())
    options.sequenceLength = sequenceLength;
  OwningOpRef<ModuleOp> module = pi::importGPT2(input, options, context);
  if (!module)
    return false;
  // Locations are how reports name a layer, so they are part of the output.
  OpPrintingFlags flags;
  flags.enableDebugInfo();
  return write({{"-o", output,
                 [&](llvm::raw_ostream &os) { module->print(os, flags); }}});
}

static bool exportStableHLO(MLIRContext *context) {
  DialectRegistry registry;
  registry.insert<arith::ArithDialect, cf::ControlFlowDialect,
                  func::FuncDialect, pi::PIDialect, tensor::TensorDialect>();
  pi::registerStableHLOExportModels(registry);
  context->appendDialectRegistry(registry);
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(input, context);
  if (!module)
    return false;
  FailureOr<pi::StableHLOModule> text = pi::exportStableHLO(*module);
  if (failed(text))
    return false;
  llvm::SmallVector<pi::OutputFile> files = {
      {"-o", output, [&](llvm::raw_ostream &os) { os << text->text; }}};
  if (!interfaceFile.empty())
    files.push_back({"--interface", interfaceFile, [&](llvm::raw_ostream &os) {
                       os << llvm::formatv("{0:2}\n", text->interface);
                     }});
  return write(files);
}

static bool translate(MLIRContext *context) {
  switch (translation) {
  case Translation::ImportGPT2:
    return importGPT2(context);
  case Translation::PiToStableHLO:
    return exportStableHLO(context);
  }
  llvm_unreachable("unknown translation");
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv, overview);

  MLIRContext context(MLIRContext::Threading::DISABLED);
  context.printOpOnDiagnostic(false);
  context.getDiagEngine().registerHandler([](Diagnostic &diagnostic) {
    pi::printDiagnostic(diagnostic, "pi-translate");
  });
  return checkOptions() && translate(&context) ? EXIT_SUCCESS : EXIT_FAILURE;
}
