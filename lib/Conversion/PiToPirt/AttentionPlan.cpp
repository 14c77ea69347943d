//===- AttentionPlan.cpp - Plans of attention and its gradient ------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PlanModels.h"

#include "pi/Conversion/PiToPirt/PlanEmitter.h"
#include "pi/Dialect/Pi/IR/Pi.h"

using namespace mlir;
using namespace mlir::pi;

/// What attention and its gradient say alike.
template <typename Op>
static AttentionSpec getSpec(Op op) {
  RankedTensorType qkv = op.getQkv().getType();
  AttentionSpec spec{
      qkv.getElementType(), qkv.getDimSize(0),
      qkv.getDimSize(1),    static_cast<int64_t>(op.getNumHeads()),
      op.getHeadSize(),     op.getScale().convertToDouble()};
  spec.causal = op.getCausal();
  spec.temperature = static_cast<bool>(op.getTemperature());
  spec.entropy = static_cast<bool>(op.getEntropy());
  return spec;
}

template <typename Op>
static LogicalResult checkTemperature(Op op) {
  Value temperature = op.getTemperature();
  if (!temperature || getElementTypeOrSelf(temperature).isF32())
    return success();
  return op.emitError("attention on a GPU takes a temperature in f32, not ")
         << temperature.getType();
}

namespace {
struct AttentionPlan
    : PlanOpInterface::ExternalModel<AttentionPlan, AttentionOp> {
  LogicalResult emitPlan(Operation *operation, PlanEmitter &emitter) const {
    auto op = cast<AttentionOp>(operation);
    if (failed(checkTemperature(op)))
      return failure();
    AttentionSpec spec = getSpec(op);
    spec.logSumExp = static_cast<bool>(op.getLogSumExp());
    SmallVector<Value> arguments = {emitter.lookup(op.getQkv())};
    if (spec.temperature)
      arguments.push_back(emitter.lookup(op.getTemperature()));
    for (Value result : op->getResults())
      arguments.push_back(emitter.allocate(result));
    return emitter.launch(op.getLoc(),
                          buildAttention(emitter.kernels(), op.getLoc(), spec),
                          arguments);
  }
};

struct AttentionGradPlan
    : PlanOpInterface::ExternalModel<AttentionGradPlan, AttentionGradOp> {
  LogicalResult emitPlan(Operation *operation, PlanEmitter &emitter) const {
    auto op = cast<AttentionGradOp>(operation);
    if (failed(checkTemperature(op)))
      return failure();
    FailureOr<KernelSequence> sequence =
        buildAttentionGrad(emitter.kernels(), op.getLoc(), getSpec(op));
    if (failed(sequence))
      return failure();
    SmallVector<Value> arguments;
    for (Value operand : op->getOperands())
      arguments.push_back(emitter.lookup(operand));
    for (MemRefType type : sequence->scratch)
      arguments.push_back(emitter.allocateScratch(op.getLoc(), type));
    for (Value result : op->getResults())
      arguments.push_back(emitter.allocate(result));
    for (const KernelLaunch &kernel : sequence->kernels)
      if (failed(emitter.launch(op.getLoc(), kernel, arguments)))
        return failure();
    return success();
  }
};
} // namespace

void mlir::pi::attachAttentionPlan(MLIRContext &context) {
  AttentionOp::attachInterface<AttentionPlan>(context);
  AttentionGradOp::attachInterface<AttentionGradPlan>(context);
}
