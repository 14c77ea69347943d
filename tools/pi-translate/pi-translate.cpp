//===- pi-translate.cpp - Models into and out of the pi dialect -----------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// As mlir-translate, but an input may be a directory or a name, and the sizes
// that an import fixes are options; so this has a main of its own.
//
//===----------------------------------------------------------------------===//

#include "pi/Support/OutputFile.h"
#include "pi/Target/GPT2/ImportGPT2.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/raw_ostream.h"

namespace cl = llvm::cl;
using namespace mlir;

static constexpr llvm::StringLiteral overview = R"(
pi-translate: models from other formats to MLIR in the pi dialect

  pi-translate --import-gpt2 gpt2 --seq-len 128 -o gpt2.mlir
  pi-translate --import-gpt2 path/to/checkpoint --batch 2 -o model.mlir

INPUT of --import-gpt2 is a Hugging Face checkpoint directory (config.json, and
the Safetensors files if there are any, whose names, shapes and types are
compared with the configuration), a config.json, or a built-in name: gpt2,
gpt2-medium, gpt2-large, gpt2-xl. An existing path wins over a built-in name.
Weights are not part of the output: they are read when the model runs.

Exit status: 0 on success; 1 on an error, and then no output file is written.
)";

namespace {
enum class Translation { ImportGPT2 };
} // namespace

static cl::OptionCategory category("pi-translate options");

static cl::opt<Translation>
    translation(cl::desc("Translation:"), cl::Required, cl::cat(category),
                cl::values(clEnumValN(Translation::ImportGPT2, "import-gpt2",
                                      "Hugging Face GPT-2 to the pi dialect")));
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

static StringRef toString(DiagnosticSeverity severity) {
  switch (severity) {
  case DiagnosticSeverity::Note:
    return "note";
  case DiagnosticSeverity::Warning:
    return "warning";
  case DiagnosticSeverity::Error:
    return "error";
  case DiagnosticSeverity::Remark:
    return "remark";
  }
  llvm_unreachable("unknown severity");
}

/// Prints `file:line:column: error: message`, without what is not known.
static void printDiagnostic(Diagnostic &diagnostic) {
  llvm::raw_ostream &os = llvm::errs();
  auto loc = dyn_cast<FileLineColLoc>(diagnostic.getLocation());
  if (!loc)
    os << "pi-translate: ";
  else if (loc.getLine() == 0)
    os << loc.getFilename().getValue() << ": ";
  else
    os << loc.getFilename().getValue() << ":" << loc.getLine() << ":"
       << loc.getColumn() << ": ";
  os << toString(diagnostic.getSeverity()) << ": " << diagnostic << "\n";
  for (Diagnostic &note : diagnostic.getNotes())
    printDiagnostic(note);
}

static OwningOpRef<ModuleOp> translate(MLIRContext *context) {
  switch (translation) {
  case Translation::ImportGPT2: {
    pi::GPT2ImportOptions options;
    options.batch = batch;
    if (sequenceLength.getNumOccurrences())
      options.sequenceLength = sequenceLength;
    return pi::importGPT2(input, options, context);
  }
  }
  llvm_unreachable("unknown translation");
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv, overview);

  MLIRContext context(MLIRContext::Threading::DISABLED);
  context.getDiagEngine().registerHandler(
      [](Diagnostic &diagnostic) { printDiagnostic(diagnostic); });
  OwningOpRef<ModuleOp> module = translate(&context);
  if (!module)
    return EXIT_FAILURE;

  // Locations are how reports name a layer, so they are part of the output.
  OpPrintingFlags flags;
  flags.enableDebugInfo();
  llvm::Error error = pi::writeOutputFile(
      output, [&](llvm::raw_ostream &os) { module->print(os, flags); });
  if (error) {
    llvm::errs() << output << ": error: " << llvm::toString(std::move(error))
                 << "\n";
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
