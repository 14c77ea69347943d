//===- CachedAttentionPlan.cpp - Plans of attention over a cache ----------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PlanModels.h"

#include "pi/Conversion/PiToPirt/PlanEmitter.h"
#include "pi/Dialect/Pi/IR/Pi.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace mlir::pi;

bool mlir::pi::isFusedUpdate(Operation *op) {
  auto update = dyn_cast<UpdateCacheOp>(op);
  if (!update || update.getQkv().getType().getDimSize(1) != 1)
    return false;
  int64_t numAttentions = 0;
  for (Operation *user : update->getUsers()) {
    if (isa<func::ReturnOp>(user))
      continue;
    auto attention = dyn_cast<CachedAttentionOp>(user);
    if (!attention || attention.getQkv() != update.getQkv() ||
        attention.getPosition() != update.getPosition())
      return false;
    ++numAttentions;
  }
  return numAttentions == 1;
}

namespace {
struct CachedAttentionPlan
    : PlanOpInterface::ExternalModel<CachedAttentionPlan, CachedAttentionOp> {
  LogicalResult emitPlan(Operation *operation, PlanEmitter &emitter) const {
    auto op = cast<CachedAttentionOp>(operation);
    RankedTensorType qkv = op.getQkv().getType();
    if (qkv.getDimSize(1) != 1)
      return op.emitError(
                 "attention over the cache takes one new position on a "
                 "GPU, but has ")
             << qkv.getDimSize(1);
    CachedAttentionSpec spec{qkv.getElementType(),
                             qkv.getDimSize(0),
                             op.getCache().getType().getDimSize(2),
                             static_cast<int64_t>(op.getNumHeads()),
                             op.getHeadSize(),
                             op.getScale().convertToDouble()};
    spec.temperature = static_cast<bool>(op.getTemperature());
    auto update = op.getCache().getDefiningOp<UpdateCacheOp>();
    spec.updatesCache = update && isFusedUpdate(update);
    if (spec.updatesCache &&
        failed(emitter.updateInPlace(update.getCache(),
                                     cast<OpResult>(op.getCache()))))
      return failure();
    SmallVector<Value> arguments = {emitter.lookup(op.getQkv()),
                                    emitter.lookup(op.getCache()),
                                    emitter.lookup(op.getPosition())};
    if (spec.temperature)
      arguments.push_back(emitter.lookup(op.getTemperature()));
    arguments.push_back(emitter.allocate(op.getResult()));
    return emitter.launch(
        op.getLoc(), buildCachedAttention(emitter.kernels(), op.getLoc(), spec),
        arguments);
  }
};
} // namespace

void mlir::pi::attachCachedAttentionPlan(MLIRContext &context) {
  CachedAttentionOp::attachInterface<CachedAttentionPlan>(context);
}
