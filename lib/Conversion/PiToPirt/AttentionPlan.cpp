//===- AttentionPlan.cpp - Plans of attention -----------------------------===//
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

namespace {
struct AttentionPlan
    : PlanOpInterface::ExternalModel<AttentionPlan, AttentionOp> {
  LogicalResult emitPlan(Operation *operation, PlanEmitter &emitter) const {
    auto op = cast<AttentionOp>(operation);
    if (op.getLogSumExp())
      return op.emitError("attention with log_sum_exp cannot run on a GPU");
    RankedTensorType qkv = op.getQkv().getType();
    AttentionSpec spec{
        qkv.getElementType(), qkv.getDimSize(0),
        qkv.getDimSize(1),    static_cast<int64_t>(op.getNumHeads()),
        op.getHeadSize(),     op.getScale().convertToDouble()};
    spec.causal = op.getCausal();
    spec.temperature = static_cast<bool>(op.getTemperature());
    spec.entropy = static_cast<bool>(op.getEntropy());
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
} // namespace

void mlir::pi::attachAttentionPlan(MLIRContext &context) {
  AttentionOp::attachInterface<AttentionPlan>(context);
}
