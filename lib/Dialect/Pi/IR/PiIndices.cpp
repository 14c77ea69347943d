//===- PiIndices.cpp - Operands of pi that are indices --------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Dialect/Pi/IR/Pi.h"

using namespace mlir;
using namespace mlir::pi;

#include "pi/Interfaces/IndexOpInterface.cpp.inc"

/// The number of rows: the size of the last dimension but one.
static int64_t getNumRows(RankedTensorType type) {
  return type.getDimSize(type.getRank() - 2);
}

/// Where `count` rows in a row out of `total` may begin.
static IndexUse startOfRows(Value position, int64_t total, int64_t count) {
  return {position, total - count + 1, std::nullopt};
}

//===----------------------------------------------------------------------===//
// Tokens and targets
//===----------------------------------------------------------------------===//

IndexUse EmbeddingOp::getIndexUse() {
  return {getIndices(), getTable().getType().getDimSize(0), std::nullopt};
}

IndexUse EmbeddingGradOp::getIndexUse() {
  return {getIndices(), getType().getDimSize(0), std::nullopt};
}

IndexUse CrossEntropyOp::getIndexUse() {
  return {getTargets(), getLogits().getType().getShape().back(),
          static_cast<int32_t>(getIgnoreIndex())};
}

IndexUse CrossEntropyGradOp::getIndexUse() {
  return {getTargets(), getLogits().getType().getShape().back(),
          static_cast<int32_t>(getIgnoreIndex())};
}

IndexUse LinearCrossEntropyOp::getIndexUse() {
  return {getTargets(), getNumClasses(),
          static_cast<int32_t>(getIgnoreIndex())};
}

//===----------------------------------------------------------------------===//
// Positions
//===----------------------------------------------------------------------===//

IndexUse PositionEmbeddingOp::getIndexUse() {
  return startOfRows(getPosition(), getNumRows(getTable().getType()),
                     getNumRows(getType()));
}

IndexUse SelectPositionOp::getIndexUse() {
  return startOfRows(getPosition(), getNumRows(getInput().getType()),
                     /*count=*/1);
}

IndexUse PlaceRowsOp::getIndexUse() {
  return startOfRows(getPosition(), getNumRows(getType()),
                     getNumRows(getRows().getType()));
}

IndexUse UpdateCacheOp::getIndexUse() {
  return startOfRows(getPosition(), getNumRows(getCache().getType()),
                     getNumRows(getQkv().getType()));
}

IndexUse CachedAttentionOp::getIndexUse() {
  return startOfRows(getPosition(), getNumRows(getCache().getType()),
                     getNumRows(getQkv().getType()));
}
