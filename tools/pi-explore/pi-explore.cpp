//===- pi-explore.cpp - Architectures for a private-inference budget ------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Cost/ExternalModels.h"
#include "pi/Explore/Exploration.h"
#include "pi/Support/Diagnostics.h"
#include "pi/Support/OutputFile.h"
#include "pi/Target/GPT2/ImportGPT2.h"
#include "pi/Transforms/Architecture/Passes.h"
#include "pi/Transforms/Private/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "pi/Dialect/Pi/IR/Pi.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"

namespace cl = llvm::cl;
using namespace mlir;

static constexpr llvm::StringLiteral overview = R"(
pi-explore: the architectures of a model that a private-inference budget allows

  pi-explore --config=gpt2 --seq-len=128 --budget=10GB
  pi-explore --config=gpt2 --seq-len=128 --protocol=spu-0.9.5 --network=lan
  pi-explore --config=gpt2 --seq-len=128 --json=explore.json --top=1000
  pi-explore --config=gpt2 --seq-len=128 --emit=41 -o private.mlir
  python -m pi_mlir.plot_explore explore.json -o frontier.png

GELU and LayerNorm are what costs most under private inference, beside softmax.
The tool removes or replaces them, layer by layer and in all layers, and lists
what is then sent between the two parties: the architectures that have a name in
Entropy-Guided Attention (arXiv 2501.03489), and those on the frontier, which no
other one beats by keeping as much for fewer bytes.

It knows what an architecture costs, and not how good it is: each has to be
trained in its own form. docs/explore.md says more.

Exit status: 0 on success, also if nothing fits; 1 on an error, and then no file
is written.
)";

static cl::OptionCategory category("pi-explore options");

static cl::opt<std::string>
    config("config", cl::Required,
           cl::desc("The model: a Hugging Face checkpoint directory, a "
                    "config.json, or gpt2, gpt2-medium, gpt2-large, gpt2-xl"),
           cl::value_desc("model"), cl::cat(category));
static cl::opt<int64_t>
    sequenceLength("seq-len",
                   cl::desc("Sequence length T (default: n_positions)"),
                   cl::value_desc("T"), cl::cat(category));
static cl::opt<std::string> budget(
    "budget",
    cl::desc("Bytes that both parties together may send, in B, kB, MB or "
             "GB (1e9 B), as in 5GB (default: no limit)"),
    cl::value_desc("size"), cl::cat(category));
static cl::opt<std::string>
    protocol("protocol",
             cl::desc("cheetah (default), spu-0.9.5, bumblebee or cryptflow2"),
             cl::value_desc("name"), cl::init("cheetah"), cl::cat(category));
static cl::opt<std::string>
    network("network",
            cl::desc("paper (default), lan, wan, or bandwidth=1Gbps,rtt=10ms"),
            cl::value_desc("network"), cl::init("paper"), cl::cat(category));
static cl::opt<std::string>
    weights("weights",
            cl::desc("shared (default) if weights are secret-shared, known if "
                     "their owner keeps them in the clear"),
            cl::value_desc("who"), cl::init("shared"), cl::cat(category));
static cl::opt<std::string>
    tokens("tokens",
           cl::desc("shared (default) if tokens are secret-shared, known if "
                    "their owner makes one-hot rows of them"),
           cl::value_desc("who"), cl::init("shared"), cl::cat(category));
static cl::opt<unsigned> top(
    "top",
    cl::desc("How many architectures of the frontier are listed: those that "
             "fit and keep most, or without a budget some of all "
             "(default: 10)"),
    cl::value_desc("N"), cl::init(10), cl::cat(category));
static cl::opt<std::string>
    jsonFile("json",
             cl::desc("Where all architectures are written as JSON, with the "
                      "passes that make them"),
             cl::value_desc("file"), cl::cat(category));
static cl::opt<unsigned>
    emit("emit", cl::desc("Write the model of this row instead of the table"),
         cl::value_desc("row"), cl::cat(category));
static cl::opt<std::string>
    output("o",
           cl::desc("Where the table or the model goes (default: - , the "
                    "standard output)"),
           cl::value_desc("file"), cl::init("-"), cl::cat(category));

static LogicalResult fail(const llvm::Twine &message) {
  llvm::errs() << "pi-explore: error: " << message << "\n";
  return failure();
}

/// Reads `shared` or `known`.
static FailureOr<bool> isKnown(const cl::opt<std::string> &option) {
  if (option != "shared" && option != "known")
    return fail("unknown " + option.ArgStr + " '" + option +
                "'; known are shared, known");
  return option == "known";
}

static FailureOr<pi::CostOptions> readCostOptions() {
  llvm::Expected<pi::CostOptions> options =
      pi::CostOptions::parse(protocol, network);
  if (!options)
    return fail(llvm::toString(options.takeError()));
  FailureOr<bool> knownWeights = isKnown(weights),
                  knownTokens = isKnown(tokens);
  if (failed(knownWeights) || failed(knownTokens))
    return failure();
  options->ownerKnowsWeights = *knownWeights;
  options->ownerKnowsTokens = *knownTokens;
  return *options;
}

static FailureOr<pi::ListingOptions> readListingOptions() {
  pi::ListingOptions options;
  options.model = config;
  options.top = top;
  if (top == 0)
    return fail("--top=0 lists nothing; give 1 or more");
  if (budget.empty() && budget.getNumOccurrences() == 0)
    return options;
  llvm::Expected<pi::Budget> parsed = pi::Budget::parse(budget);
  if (!parsed)
    return fail(llvm::toString(parsed.takeError()));
  options.budget = *parsed;
  return options;
}

/// The model of the row that --emit names.
static OwningOpRef<ModuleOp> buildRow(ModuleOp model,
                                      const pi::Exploration &exploration) {
  size_t count = exploration.architectures.size();
  if (emit == 0 || emit > count) {
    (void)fail("there is no row " + llvm::Twine(emit) + ": the rows are 1 to " +
               llvm::Twine(count));
    return nullptr;
  }
  return pi::build(model, exploration.architectures[emit - 1]);
}

static LogicalResult run(MLIRContext &context) {
  FailureOr<pi::CostOptions> cost = readCostOptions();
  FailureOr<pi::ListingOptions> listing = readListingOptions();
  if (failed(cost) || failed(listing))
    return failure();
  pi::GPT2ImportOptions import;
  if (sequenceLength.getNumOccurrences())
    import.sequenceLength = sequenceLength;
  OwningOpRef<ModuleOp> model = pi::importGPT2(config, import, &context);
  if (!model)
    return failure();
  auto function = model->lookupSymbol<func::FuncOp>("forward");
  listing->sequenceLength =
      cast<ShapedType>(function.getArgumentTypes().front()).getDimSize(1);
  FailureOr<pi::Exploration> exploration = pi::explore(*model, *cost);
  if (failed(exploration))
    return failure();

  OwningOpRef<ModuleOp> emitted;
  if (emit.getNumOccurrences()) {
    emitted = buildRow(*model, *exploration);
    if (!emitted)
      return failure();
  }
  auto print = [&](raw_ostream &os) {
    // Locations are how reports name a layer, so they are part of the output.
    OpPrintingFlags flags;
    flags.enableDebugInfo();
    if (emitted)
      emitted->print(os, flags);
    else
      pi::printTable(*exploration, *listing, os);
  };
  llvm::SmallVector<pi::OutputFile> files = {{"-o", output, print}};
  if (!jsonFile.empty())
    files.push_back({"--json", jsonFile, [&](raw_ostream &os) {
                       pi::printJson(*exploration, *listing, os);
                     }});
  if (llvm::Error error = pi::writeOutputFiles(files))
    return fail(llvm::toString(std::move(error)));
  return success();
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv, overview);
  pi::registerArchitecturePasses();
  pi::registerPrivatePasses();

  DialectRegistry registry;
  registry.insert<arith::ArithDialect, func::FuncDialect, pi::PIDialect>();
  pi::registerCostExternalModels(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.printOpOnDiagnostic(false);
  context.getDiagEngine().registerHandler([](Diagnostic &diagnostic) {
    pi::printDiagnostic(diagnostic, "pi-explore");
  });
  return succeeded(run(context)) ? EXIT_SUCCESS : EXIT_FAILURE;
}
