//===- OptimizerPlan.cpp - Plans of what updates parameters --------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PlanModels.h"

#include "pi/Conversion/PiToPirt/PlanEmitter.h"
#include "pi/Dialect/Pi/IR/Pi.h"
#include "llvm/ADT/SmallVectorExtras.h"

using namespace mlir;
using namespace mlir::pi;

static SmallVector<Value> lookup(PlanEmitter &emitter, ValueRange tensors) {
  return llvm::map_to_vector(
      tensors, [&](Value tensor) { return emitter.lookup(tensor); });
}

static int64_t countElements(Value tensor) {
  return cast<RankedTensorType>(tensor.getType()).getNumElements();
}

namespace {
struct GlobalNormPlan
    : PlanOpInterface::ExternalModel<GlobalNormPlan, GlobalNormOp> {
  LogicalResult emitPlan(Operation *operation, PlanEmitter &emitter) const {
    auto op = cast<GlobalNormOp>(operation);
    Location loc = op.getLoc();
    auto elements = llvm::map_to_vector(op.getInputs(), countElements);
    FailureOr<KernelLaunch> squares =
        buildSumsOfSquares(emitter.kernels(), loc, elements);
    if (failed(squares))
      return failure();
    int64_t blocks = squares->grid[0];
    Value partials = emitter.allocateScratch(
        loc, MemRefType::get({blocks}, emitter.builder().getF32Type()));
    if (failed(emitter.launch(loc, squares, partials,
                              lookup(emitter, op.getInputs()))))
      return failure();
    return emitter.launch(loc, buildRootOfSum(emitter.kernels(), loc, blocks),
                          {partials, emitter.allocate(op.getResult())});
  }
};

/// All updates that stand one behind the other are one launch.
struct AdamWPlan : PlanOpInterface::ExternalModel<AdamWPlan, AdamWOp> {
  LogicalResult emitPlan(Operation *operation, PlanEmitter &emitter) const {
    auto op = cast<AdamWOp>(operation);
    const Value updated[] = {op.getWeight(), op.getExpAvg(), op.getExpAvgSq()};
    for (auto [before, after] : llvm::zip_equal(updated, op->getResults()))
      if (failed(emitter.updateInPlace(before, after)))
        return failure();
    if (joins(op, dyn_cast_if_present<AdamWOp>(op->getNextNode())))
      return success();
    SmallVector<AdamWOp> group = {op};
    while (joins(op, dyn_cast_if_present<AdamWOp>(group.back()->getPrevNode())))
      group.push_back(cast<AdamWOp>(group.back()->getPrevNode()));
    return launch(group, emitter);
  }

private:
  /// Whether two updates share everything but the tensors.
  static bool joins(AdamWOp op, AdamWOp other) {
    return other && op.getLearningRate() == other.getLearningRate() &&
           op.getWeightDecay() == other.getWeightDecay() &&
           op.getStep() == other.getStep() &&
           op.getCoefficient() == other.getCoefficient() &&
           op.getBeta1() == other.getBeta1() &&
           op.getBeta2() == other.getBeta2() &&
           op.getEpsilon() == other.getEpsilon();
  }

  static LogicalResult launch(ArrayRef<AdamWOp> group, PlanEmitter &emitter) {
    AdamWOp op = group.front();
    Location loc = op.getLoc();
    AdamWSpec spec{op.getBeta1().convertToDouble(),
                   op.getBeta2().convertToDouble(),
                   op.getEpsilon().convertToDouble(),
                   /*elements=*/{},
                   /*decay=*/{}};
    SmallVector<Value> lists[4];
    for (AdamWOp update : group) {
      spec.elements.push_back(countElements(update.getWeight()));
      spec.decay.push_back(update.getDecay());
      const Value tensors[] = {update.getWeight(), update.getGradient(),
                               update.getExpAvg(), update.getExpAvgSq()};
      for (auto [list, tensor] : llvm::zip_equal(lists, tensors))
        list.push_back(emitter.lookup(tensor));
    }
    auto isWritten = [&](Value buffer) {
      return llvm::any_of(ArrayRef<int>{0, 2, 3}, [&](int list) {
        return llvm::is_contained(lists[list], buffer);
      });
    };
    for (auto [update, gradient] : llvm::zip_equal(group, lists[1]))
      if (isWritten(gradient))
        return update->emitError("has a gradient that an update beside it, "
                                 "which runs at the same time, writes over");
    Value factors = emitter.allocateScratch(
        loc, MemRefType::get({3}, emitter.builder().getF32Type()));
    if (failed(emitter.launch(loc,
                              buildAdamWFactors(emitter.kernels(), loc, spec),
                              {emitter.lookup(op.getLearningRate()),
                               emitter.lookup(op.getWeightDecay()),
                               emitter.lookup(op.getStep()), factors})))
      return failure();
    SmallVector<Value> table;
    for (ArrayRef<Value> list : lists)
      llvm::append_range(table, list);
    return emitter.launch(loc, buildAdamW(emitter.kernels(), loc, spec),
                          {factors, emitter.lookup(op.getCoefficient())},
                          table);
  }
};

struct IsFinitePlan : PlanOpInterface::ExternalModel<IsFinitePlan, IsFiniteOp> {
  LogicalResult emitPlan(Operation *operation, PlanEmitter &emitter) const {
    auto op = cast<IsFiniteOp>(operation);
    SmallVector<Value> buffers = lookup(emitter, op.getInputs());
    SmallVector<MemRefType> types;
    for (Value input : op.getInputs())
      types.push_back(getBufferType(input.getType()));
    buffers.push_back(emitter.allocate(op.getResult()));
    return emitter.launch(op.getLoc(),
                          buildIsFinite(emitter.kernels(), op.getLoc(), types),
                          buffers);
  }
};

struct MeanEntropyPlan
    : PlanOpInterface::ExternalModel<MeanEntropyPlan, MeanEntropyOp> {
  LogicalResult emitPlan(Operation *operation, PlanEmitter &emitter) const {
    auto op = cast<MeanEntropyOp>(operation);
    Value entropy = emitter.lookup(op.getEntropy());
    return emitter.launch(op.getLoc(),
                          buildMeanEntropy(emitter.kernels(), op.getLoc(),
                                           cast<MemRefType>(entropy.getType())),
                          {entropy, emitter.allocate(op.getResult())});
  }
};
} // namespace

void mlir::pi::attachOptimizerPlan(MLIRContext &context) {
  GlobalNormOp::attachInterface<GlobalNormPlan>(context);
  AdamWOp::attachInterface<AdamWPlan>(context);
  IsFiniteOp::attachInterface<IsFinitePlan>(context);
  MeanEntropyOp::attachInterface<MeanEntropyPlan>(context);
}
