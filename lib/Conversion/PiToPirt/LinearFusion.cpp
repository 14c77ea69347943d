//===- LinearFusion.cpp - What a linear layer takes in --------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinearFusion.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "pi/Transforms/Execution/ResultPlaces.h"

using namespace mlir;
using namespace mlir::pi;

/// The one operation that reads `value`, or null.
static Operation *getOnlyUser(Value value) {
  return value.hasOneUse() ? *value.user_begin() : nullptr;
}

/// The term of a residual sum other than `update`, or null if `op` is no such
/// sum of two tensors of the update's type.
static Value getResidual(Operation *op, Value update, bool isSkinny) {
  Value residual;
  if (auto add = dyn_cast_if_present<AddOp>(op))
    residual = add.getLhs() == update ? add.getRhs() : add.getLhs();
  else if (auto scaled = dyn_cast_if_present<ScaledResidualOp>(op))
    // cuBLASLt scales by numbers that are known at the launch only.
    residual = isSkinny && scaled.getUpdate() == update ? scaled.getResidual()
                                                        : Value();
  bool fits =
      residual && residual != update && residual.getType() == update.getType();
  return fits ? residual : Value();
}

void LinearFusion::fuse(LinearOp linear, int64_t maxSkinnyRows) {
  FusedLinear layer;
  layer.linear = linear;
  // The kernel reads its weight before the kernels ahead of it have ended.
  layer.isSkinny = linear.getNumRows() <= maxSkinnyRows &&
                   isa<BlockArgument>(stripReshapes(linear.getWeight()));
  layer.result = linear.getResult();
  auto absorb = [&](Operation *op) {
    fused.insert(layer.last());
    layer.result = op->getResult(0);
  };
  Operation *user = getOnlyUser(layer.result);
  auto gelu = dyn_cast_if_present<GeluOp>(user);
  bool isEpilogue = isa_and_present<ReluOp>(user) ||
                    (gelu && (layer.isSkinny || gelu.getApproximate() ==
                                                    GeluApproximation::tanh));
  if (isEpilogue) {
    layer.activation = user;
    absorb(user);
    user = getOnlyUser(layer.result);
  }
  // cuBLASLt applies the activation to the whole sum.
  Value residual = layer.activation && !layer.isSkinny
                       ? Value()
                       : getResidual(user, layer.result, layer.isSkinny);
  if (residual) {
    layer.sum = user;
    layer.residual = residual;
    absorb(user);
  } else if (isa_and_present<arith::ExtFOp>(user)) {
    absorb(user);
  }
  fused.insert(layer.last());
  layers[layer.last()] = layer;
}

/// A LayerNorm that only layers of few rows read is computed by each of them.
void LinearFusion::fuseLayerNorms(Block &block) {
  DenseMap<Operation *, FusedLinear *> byLinear;
  for (auto &[last, layer] : layers)
    byLinear[layer.linear] = &layer;
  block.walk([&](LayerNormOp norm) {
    bool isPrologue = llvm::all_of(norm->getUses(), [&](OpOperand &use) {
      auto found = byLinear.find(use.getOwner());
      return found != byLinear.end() && found->second->isSkinny &&
             use.getOperandNumber() == 0;
    });
    if (!isPrologue || !norm.getWeight().getType().getElementType().isF32() ||
        !norm.getBias().getType().getElementType().isF32())
      return;
    for (Operation *user : norm->getUsers())
      byLinear[user]->layerNorm = norm;
    fused.insert(norm);
  });
}

LinearFusion::LinearFusion(Block &block, int64_t maxSkinnyRows) {
  block.walk([&](LinearOp linear) { fuse(linear, maxSkinnyRows); });
  fuseLayerNorms(block);
}

const FusedLinear &LinearFusion::of(LinearOp linear) const {
  for (Operation *op = linear;; op = *op->user_begin())
    if (const FusedLinear *layer = endingAt(op))
      return *layer;
}

const FusedLinear *LinearFusion::endingAt(Operation *op) const {
  auto found = layers.find(op);
  return found == layers.end() ? nullptr : &found->second;
}
