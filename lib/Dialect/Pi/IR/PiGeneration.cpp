//===- PiGeneration.cpp - Operations in token-by-token form ---------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Dialect/Pi/IR/Pi.h"

using namespace mlir;
using namespace mlir::pi;

#include "pi/Interfaces/GenerationOpInterface.cpp.inc"

//===----------------------------------------------------------------------===//
// PositionEmbeddingOp
//===----------------------------------------------------------------------===//

Value PositionEmbeddingOp::buildPrefill(OpBuilder &builder, IRMapping &operands,
                                        Value &) {
  return builder.clone(*getOperation(), operands)->getResult(0);
}

StringRef PositionEmbeddingOp::getDecodeObstacle() {
  if (getPosition())
    return "has a position of its own, so it is no part of a whole sequence "
           "that starts at 0";
  return {};
}

Value PositionEmbeddingOp::buildDecode(OpBuilder &builder, IRMapping &operands,
                                       Value position, Value &) {
  RankedTensorType type = getResult().getType();
  auto oneRow =
      RankedTensorType::get({1, type.getDimSize(1)}, type.getElementType());
  return PositionEmbeddingOp::create(builder, getLoc(), oneRow,
                                     operands.lookupOrDefault(getTable()),
                                     position);
}

//===----------------------------------------------------------------------===//
// AttentionOp
//===----------------------------------------------------------------------===//

RankedTensorType AttentionOp::getStateType() {
  RankedTensorType qkv = getQkv().getType();
  return RankedTensorType::get(
      {2, qkv.getDimSize(0), qkv.getDimSize(1), getWidth()},
      qkv.getElementType());
}

Value AttentionOp::buildPrefill(OpBuilder &builder, IRMapping &operands,
                                Value &state) {
  state = UpdateCacheOp::create(builder, getLoc(), state.getType(), state,
                                operands.lookupOrDefault(getQkv()),
                                /*position=*/Value());
  return builder.clone(*getOperation(), operands)->getResult(0);
}

StringRef AttentionOp::getDecodeObstacle() {
  if (!getCausal())
    return "is not causal: a new token would change the result at earlier "
           "positions, so it cannot run token by token";
  if (getEntropy() && !getEntropy().use_empty())
    return "gives its entropy to an operation that inference keeps, which has "
           "no token-by-token form";
  if (getLogSumExp() && !getLogSumExp().use_empty())
    return "gives its log_sum_exp to an operation that inference keeps, which "
           "has no token-by-token form";
  return {};
}

Value AttentionOp::buildDecode(OpBuilder &builder, IRMapping &operands,
                               Value position, Value &state) {
  Value qkv = operands.lookupOrDefault(getQkv());
  auto qkvType = cast<RankedTensorType>(qkv.getType());
  auto type = RankedTensorType::get(
      {qkvType.getDimSize(0), qkvType.getDimSize(1), getWidth()},
      qkvType.getElementType());
  state = UpdateCacheOp::create(builder, getLoc(), state.getType(), state, qkv,
                                position);
  Value temperature;
  if (getTemperature())
    temperature = operands.lookupOrDefault(getTemperature());
  // One row has no others to be packed with.
  EvaluationAttr evaluation = getEvaluationOrDefault().withPackRows(0);
  if (evaluation == EvaluationAttr::getDefault(getContext()))
    evaluation = {};
  return CachedAttentionOp::create(builder, getLoc(), type, qkv, state,
                                   position, temperature, getNumHeads(),
                                   getScale(), evaluation);
}
