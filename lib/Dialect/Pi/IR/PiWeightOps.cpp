//===- PiWeightOps.cpp - Normalisation of weights -------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ShapeInference.h"

#include "pi/Dialect/Pi/IR/Pi.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace mlir::pi;

//===----------------------------------------------------------------------===//
// Columns
//===----------------------------------------------------------------------===//

using Ranges = SmallVector<std::pair<int64_t, int64_t>>;

static Ranges getRanges(std::optional<ArrayRef<int64_t>> columns,
                        int64_t numColumns) {
  if (!columns)
    return {{0, numColumns}};
  Ranges ranges;
  for (size_t i = 0; i + 1 < columns->size(); i += 2)
    ranges.emplace_back((*columns)[i], (*columns)[i + 1]);
  return ranges;
}

/// How many columns the ranges hold together.
static int64_t countColumns(std::optional<ArrayRef<int64_t>> columns,
                            int64_t numColumns) {
  int64_t count = 0;
  for (auto [begin, end] : getRanges(columns, numColumns))
    count += end - begin;
  return count;
}

/// Checks `m x n` and that the ranges are pairs, in order and inside n.
static LogicalResult verifyColumns(std::optional<Location> loc,
                                   RankedTensorType weight,
                                   std::optional<ArrayRef<int64_t>> columns) {
  if (weight.getRank() != 2)
    return emitOptionalError(loc, "weight has to be m x n, but is ", weight);
  if (!columns)
    return success();
  int64_t previous = 0;
  bool inOrder = columns->size() % 2 == 0 && !columns->empty();
  for (auto [begin, end] : getRanges(columns, weight.getDimSize(1))) {
    inOrder &= previous <= begin && begin < end;
    previous = end;
  }
  if (!inOrder || previous > weight.getDimSize(1))
    return emitOptionalError(loc,
                             "columns have to be pairs of bounds in "
                             "increasing order, at most ",
                             weight.getDimSize(1));
  return success();
}

Ranges WeightNormOp::getColumnRanges() {
  return getRanges(getColumns(), getWeight().getType().getDimSize(1));
}

Ranges ColumnNormOp::getColumnRanges() {
  return getRanges(getColumns(), getWeight().getType().getDimSize(1));
}

Ranges SpectralNormOp::getColumnRanges() {
  return getRanges(getColumns(), getWeight().getType().getDimSize(1));
}

Ranges WeightNormGradOp::getColumnRanges() {
  return getRanges(getColumns(), getWeight().getType().getDimSize(1));
}

Ranges ColumnNormGradOp::getColumnRanges() {
  return getRanges(getColumns(), getWeight().getType().getDimSize(1));
}

Ranges SpectralNormGradOp::getColumnRanges() {
  return getRanges(getColumns(), getWeight().getType().getDimSize(1));
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

LogicalResult
WeightNormOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc,
                               Adaptor adaptor,
                               SmallVectorImpl<Type> &resultTypes) {
  auto weight = getTensor(loc, adaptor.getWeight(), "weight", 2);
  auto gain = getTensor(loc, adaptor.getGain(), "gain", 1);
  if (failed(weight) || failed(gain) ||
      failed(verifyColumns(loc, *weight, adaptor.getColumns())))
    return failure();
  int64_t normalized =
      countColumns(adaptor.getColumns(), weight->getDimSize(1));
  if (gain->getRank() != 1 || gain->getDimSize(0) != normalized)
    return emitOptionalError(loc, "gain has to have one element for each of ",
                             normalized, " normalised columns, but is ", *gain);
  if (failed(verifySameOrWide(loc, "gain", *gain, weight->getElementType())))
    return failure();
  resultTypes.push_back(*weight);
  return success();
}

LogicalResult
ColumnNormOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc,
                               Adaptor adaptor,
                               SmallVectorImpl<Type> &resultTypes) {
  auto weight = getTensor(loc, adaptor.getWeight(), "weight", 2);
  if (failed(weight) ||
      failed(verifyColumns(loc, *weight, adaptor.getColumns())))
    return failure();
  resultTypes.push_back(RankedTensorType::get(
      {countColumns(adaptor.getColumns(), weight->getDimSize(1))},
      weight->getElementType()));
  return success();
}

LogicalResult
SpectralNormOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc,
                                 Adaptor adaptor,
                                 SmallVectorImpl<Type> &resultTypes) {
  auto weight = getTensor(loc, adaptor.getWeight(), "weight", 2);
  if (failed(weight) ||
      failed(verifyColumns(loc, *weight, adaptor.getColumns())))
    return failure();
  resultTypes.push_back(*weight);
  return success();
}

//===----------------------------------------------------------------------===//
// Gradients
//===----------------------------------------------------------------------===//

LogicalResult WeightNormOp::buildGradients(OpBuilder &builder,
                                           ValueRange results,
                                           MutableArrayRef<Value> operands) {
  auto gradient = WeightNormGradOp::create(
      builder, getLoc(), results[0], getWeight(), getGain(), getColumnsAttr());
  llvm::copy(gradient.getResults(), operands.begin());
  return success();
}

LogicalResult ColumnNormOp::buildGradients(OpBuilder &builder,
                                           ValueRange results,
                                           MutableArrayRef<Value> operands) {
  operands[0] = ColumnNormGradOp::create(builder, getLoc(), results[0],
                                         getWeight(), getColumnsAttr());
  return success();
}

LogicalResult SpectralNormOp::buildGradients(OpBuilder &builder,
                                             ValueRange results,
                                             MutableArrayRef<Value> operands) {
  operands[0] =
      SpectralNormGradOp::create(builder, getLoc(), results[0], getWeight(),
                                 getColumnsAttr(), getIterations());
  return success();
}

/// Checks that a vector has one element for each normalised column.
template <typename GradOp>
static LogicalResult verifyPerColumn(GradOp op, StringRef name, Value vector) {
  RankedTensorType weight = op.getWeight().getType();
  if (failed(verifyColumns(op.getLoc(), weight, op.getColumns())))
    return failure();
  int64_t count = countColumns(op.getColumns(), weight.getDimSize(1));
  auto type = cast<RankedTensorType>(vector.getType());
  if (type.getRank() != 1 || type.getDimSize(0) != count)
    return op.emitOpError(name)
           << " has to have one element for each of " << count
           << " normalised columns, but is " << type;
  return verifySameOrWide(op.getLoc(), name, type, weight.getElementType());
}

LogicalResult WeightNormGradOp::verify() {
  return verifyPerColumn(*this, "gain", getGain());
}

LogicalResult ColumnNormGradOp::verify() {
  return verifyPerColumn(*this, "gradient", getGradient());
}

LogicalResult SpectralNormGradOp::verify() {
  return verifyColumns(getLoc(), getWeight().getType(), getColumns());
}
