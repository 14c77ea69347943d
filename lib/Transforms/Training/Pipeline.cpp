//===- Pipeline.cpp - From a model to its train step ----------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Transforms/Training/Passes.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"

using namespace mlir;
using namespace mlir::pi;

namespace {
/// The options of the passes, by the same names.
struct TrainStepOptions : PassPipelineOptions<TrainStepOptions> {
  PiAddOptimizerOptions defaults;
  Option<std::string> optimizer{*this, "optimizer", llvm::cl::desc("adamw"),
                                llvm::cl::init(defaults.optimizer)};
  Option<double> beta1{*this, "beta1", llvm::cl::desc("Decay of exp_avg"),
                       llvm::cl::init(defaults.beta1)};
  Option<double> beta2{*this, "beta2", llvm::cl::desc("Decay of exp_avg_sq"),
                       llvm::cl::init(defaults.beta2)};
  Option<double> epsilon{*this, "epsilon",
                         llvm::cl::desc("Joins the denominator"),
                         llvm::cl::init(defaults.epsilon)};
  Option<bool> accumulate{
      *this, "accumulate",
      llvm::cl::desc("add up gradients of several batches for an update"),
      llvm::cl::init(defaults.accumulate)};
  Option<int32_t> ignoreIndex{
      *this, "ignore-index",
      llvm::cl::desc("Target of positions that do not count"),
      llvm::cl::init(PiBuildLossOptions().ignoreIndex)};
  Option<uint64_t> recomputationBudget{
      *this, "recomputation-budget",
      llvm::cl::desc("Bytes that the tensors of a function may take at a time; "
                     "0 for any number"),
      llvm::cl::init(PiPlanRecomputationOptions().budget)};
};
} // namespace

static void buildTrainStep(OpPassManager &manager,
                           const TrainStepOptions &options) {
  manager.addPass(createPiBuildLoss({options.ignoreIndex}));
  manager.addPass(createPiDifferentiate());
  manager.addPass(createPiBuildFiniteCheck());
  manager.addPass(createPiBuildEvaluation({options.ignoreIndex}));
  manager.addPass(
      createPiAddOptimizer({options.optimizer, options.beta1, options.beta2,
                            options.epsilon, options.accumulate}));
  PiPlanRecomputationOptions recomputation;
  recomputation.budget = options.recomputationBudget;
  manager.addPass(createPiPlanRecomputation(recomputation));
}

void mlir::pi::registerTrainStepPipeline() {
  PassPipelineRegistration<TrainStepOptions>(
      "pi-build-train-step",
      "from a model with @forward to @train_step, @evaluate and @check_finite",
      buildTrainStep);
}
