//===- PrivateOptimize.cpp - Applies the rewrites that pay ----------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CheckpointOutput.h"

#include "pi/Cost/CostReport.h"
#include "pi/Transforms/Private/Passes.h"

#include "mlir/Pass/PassManager.h"
#include "llvm/Support/FormatVariadic.h"

#include <functional>

namespace mlir::pi {
#define GEN_PASS_DEF_PIPRIVATEOPTIMIZE
#include "pi/Transforms/Private/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

namespace {
/// A pass that may lower the cost.
struct Rewrite {
  StringRef name;
  unsigned level;
  /// The pass in each of its settings.
  std::vector<std::function<std::unique_ptr<Pass>()>> settings;
  /// Why the user's options do not let it be tried; empty if they do.
  StringRef obstacle = {};
  /// Whether trying it is more than a change of the module: it is tried once,
  /// and what it wrote is written again if it is not applied.
  bool writesCheckpoint = false;

  bool isApplied = false;
  /// Why it was skipped when last tried.
  std::string reason = {};
};

struct PrivateOptimize
    : public pi::impl::PiPrivateOptimizeBase<PrivateOptimize> {
  using PiPrivateOptimizeBase::PiPrivateOptimizeBase;

  void getDependentDialects(DialectRegistry &registry) const final {
    for (const Rewrite &rewrite : listRewrites())
      for (const auto &makePass : rewrite.settings)
        makePass()->getDependentDialects(registry);
  }
  void runOnOperation() final;

private:
  std::vector<Rewrite> listRewrites() const;
  FailureOr<OperationCost> estimate();
  double getObjective(const OperationCost &cost) const {
    return minimize == "bytes" ? cost.cost.bytes : cost.seconds;
  }
  /// Tries all settings; the module is in the best of them if that is cheaper
  /// than `current`, which is then its cost, and else as it was. Fails after an
  /// error message if the checkpoint of that module cannot be written.
  LogicalResult tryRewrite(Rewrite &rewrite, OperationCost &current);
  /// Whether the checkpoint can be read and another written, if both are asked
  /// for. A mistake in an option is no reason to skip a pass.
  LogicalResult verifyCheckpoint();
  /// Writes the checkpoint of the module as it is.
  LogicalResult writeCheckpoint();

  CostOptions costOptions;
};
} // namespace

std::vector<Rewrite> PrivateOptimize::listRewrites() const {
  auto packCausalSoftmax = [](int64_t rows) {
    return [=] { return createPiPackCausalSoftmax({rows}); };
  };
  auto deferNormalization = [](bool byProduct) {
    return [=] { return createPiDeferNormalization({byProduct}); };
  };
  auto reciprocalByRsqrt = [] { return createPiReciprocalByRsqrt(); };
  auto mergeHeads = [](int64_t heads) {
    return [=] { return createPiMergeHeads({heads}); };
  };
  auto temperatureByProduct = [] { return createPiTemperatureByProduct(); };
  auto keepWithOwner = [](bool weights, bool tokens) {
    return [=] { return createPiKeepWithOwner({weights, tokens}); };
  };
  auto narrowExponential = [this] {
    return createPiNarrowExponential({scoreRange});
  };
  auto foldLinear = [this] {
    PiFoldLinearOptions options;
    options.weights = weights;
    options.output = output;
    return createPiFoldLinear(options);
  };
  // A pass is tried after those that change what it saves: deferring the
  // division pays or not by how the rest of a softmax is evaluated.
  std::vector<Rewrite> rewrites = {
      {"pi-keep-with-owner=tokens", 2, {keepWithOwner(false, true)}},
      {"pi-keep-with-owner=weights", 2, {keepWithOwner(true, false)}},
      {"pi-pack-causal-softmax",
       1,
       {packCausalSoftmax(8), packCausalSoftmax(16), packCausalSoftmax(32)}},
      {"pi-narrow-exponential", 2, {narrowExponential}},
      {"pi-reciprocal-by-rsqrt", 1, {reciprocalByRsqrt}},
      {"pi-merge-heads",
       1,
       {mergeHeads(2), mergeHeads(4), mergeHeads(8), mergeHeads(0)}},
      {"pi-temperature-by-product", 1, {temperatureByProduct}},
      {"pi-defer-normalization",
       1,
       {deferNormalization(false), deferNormalization(true)}},
      {"pi-fold-linear", 3, {foldLinear}},
  };
  rewrites.back().writesCheckpoint = true;
  if (weights.empty() || output.empty())
    rewrites.back().obstacle = "it needs weights=DIR and output=DIR";
  return rewrites;
}

FailureOr<OperationCost> PrivateOptimize::estimate() {
  FunctionOpInterface function = findReportedFunction(getOperation(), "");
  if (!function)
    return failure();
  FailureOr<CostReport> report = estimateCost(function, costOptions);
  if (failed(report))
    return failure();
  return report->getTotal();
}

static std::string format(const OperationCost &cost) {
  return llvm::formatv("{0:f3} MB and {1:f2} s", cost.cost.bytes / 1e6,
                       cost.seconds);
}

static std::string toText(Pass &pass) {
  std::string text;
  llvm::raw_string_ostream os(text);
  pass.printAsTextualPipeline(os);
  return text;
}

LogicalResult PrivateOptimize::verifyCheckpoint() {
  ModuleOp module = getOperation();
  if (weights.empty() != output.empty())
    return module.emitError("weights and output go together, but only ")
           << (output.empty() ? "weights" : "output") << " is given";
  if (weights.empty() || level < 3)
    return success();
  auto checkpoint = pi_runtime::Checkpoint::open(weights);
  if (!checkpoint)
    return module.emitError() << checkpoint.status().message();
  return CheckpointOutput(module, *checkpoint, output).verify();
}

LogicalResult PrivateOptimize::writeCheckpoint() {
  ModuleOp module = getOperation();
  auto checkpoint = pi_runtime::Checkpoint::open(weights);
  if (!checkpoint)
    return module.emitError() << checkpoint.status().message();
  return CheckpointOutput(module, *checkpoint, output).write(/*added=*/{});
}

LogicalResult PrivateOptimize::tryRewrite(Rewrite &rewrite,
                                          OperationCost &current) {
  ModuleOp module = getOperation();
  OwningOpRef<ModuleOp> original(module.clone());
  OwningOpRef<ModuleOp> best;
  OperationCost bestCost = current;
  std::string bestText;
  SmallVector<Diagnostic> bestRemarks;
  bool hasWritten = false;
  rewrite.reason.clear();
  for (const auto &makePass : rewrite.settings) {
    ++numTried;
    std::unique_ptr<Pass> pass = makePass();
    std::string text = toText(*pass);
    OpPassManager pipeline(ModuleOp::getOperationName());
    pipeline.addPass(std::move(pass));

    // An error of the pass is why it is skipped. What else it says holds if it
    // is applied.
    std::string error;
    SmallVector<Diagnostic> remarks;
    FailureOr<OperationCost> cost = failure();
    {
      ScopedDiagnosticHandler handler(&getContext(), [&](Diagnostic &diag) {
        if (diag.getSeverity() != DiagnosticSeverity::Error)
          remarks.push_back(std::move(diag));
        else if (error.empty())
          error = diag.str();
      });
      if (succeeded(runPipeline(pipeline, module))) {
        hasWritten |= rewrite.writesCheckpoint;
        cost = estimate();
      }
    }
    if (failed(cost)) {
      rewrite.reason = error;
    } else if (getObjective(*cost) < getObjective(bestCost)) {
      bestCost = *cost;
      bestText = text;
      bestRemarks = std::move(remarks);
      best = module.clone();
    } else if (!best && rewrite.reason.empty()) {
      double more = getObjective(*cost) - getObjective(current);
      rewrite.reason =
          more > 0 ? "it would cost " + format(*cost) : "it would save nothing";
    }
    module.getBodyRegion().takeBody(original->getBodyRegion());
    original = module.clone();
  }
  if (!best)
    return success(!hasWritten || succeeded(writeCheckpoint()));
  module.getBodyRegion().takeBody(best->getBodyRegion());
  rewrite.isApplied = true;
  ++numApplied;
  for (Diagnostic &remark : bestRemarks)
    getContext().getDiagEngine().emit(std::move(remark));
  emitRemark(module.getLoc())
      << bestText << ": from " << format(current) << " to " << format(bestCost);
  current = bestCost;
  return success();
}

void PrivateOptimize::runOnOperation() {
  ModuleOp module = getOperation();
  llvm::Expected<CostOptions> parsed =
      CostOptions::parse(protocol, network, softmaxDivision);
  if (!parsed) {
    module.emitError(llvm::toString(parsed.takeError()));
    return signalPassFailure();
  }
  costOptions = *parsed;
  if (level > 3) {
    module.emitError("unknown level ")
        << level.getValue() << "; known are 0 to 3";
    return signalPassFailure();
  }
  if (minimize != "bytes" && minimize != "seconds") {
    module.emitError("cannot minimize '")
        << minimize << "'; known are bytes, seconds";
    return signalPassFailure();
  }
  FailureOr<OperationCost> current = estimate();
  if (failed(current) || failed(verifyCheckpoint()))
    return signalPassFailure();

  std::vector<Rewrite> rewrites = listRewrites();
  bool hasChanged = true;
  while (hasChanged) {
    hasChanged = false;
    for (Rewrite &rewrite : rewrites) {
      bool isDone = rewrite.isApplied ||
                    (rewrite.writesCheckpoint && !rewrite.reason.empty());
      if (isDone || rewrite.level > level || !rewrite.obstacle.empty())
        continue;
      if (failed(tryRewrite(rewrite, *current)))
        return signalPassFailure();
      hasChanged |= rewrite.isApplied;
    }
  }
  for (const Rewrite &rewrite : rewrites) {
    if (rewrite.isApplied)
      continue;
    InFlightDiagnostic remark = emitRemark(module.getLoc())
                                << "skipped " << rewrite.name << ": ";
    if (rewrite.level > level)
      remark << "it belongs to level " << rewrite.level;
    else
      remark << (rewrite.obstacle.empty() ? StringRef(rewrite.reason)
                                          : rewrite.obstacle);
  }
}
