//===- PiGradientOps.cpp - Operations of gradients ------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Rules.h"
#include "ShapeInference.h"

#include "pi/Dialect/Pi/IR/Pi.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::pi;

#include "pi/Interfaces/DifferentiableOpInterface.cpp.inc"

//===----------------------------------------------------------------------===//
// RuleBuilder
//===----------------------------------------------------------------------===//

Value RuleBuilder::constant(double value, Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return arith::ConstantOp::create(
      *this,
      DenseElementsAttr::get(tensor, cast<Attribute>(getFloatAttr(
                                         tensor.getElementType(), value))));
}

Value RuleBuilder::mul(Value lhs, Value rhs) {
  return MulOp::create(*this, lhs, rhs);
}

Value RuleBuilder::mul(Value lhs, double rhs) {
  auto type = cast<RankedTensorType>(lhs.getType());
  return mul(lhs, constant(rhs, type.clone(ArrayRef<int64_t>{})));
}

Value RuleBuilder::div(Value lhs, Value rhs) {
  return DivOp::create(*this, lhs, rhs);
}

Value RuleBuilder::sumTo(Value tensor, Value like) {
  return createOrFold<ReduceLeadingOp>(like.getType(), tensor);
}

Value RuleBuilder::asMatrix(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  int64_t rank = type.getRank();
  if (rank == 2)
    return tensor;
  if (rank == 1)
    return tensor::ExpandShapeOp::create(
        *this, type.clone(ArrayRef<int64_t>{1, type.getDimSize(0)}), tensor,
        ArrayRef<ReassociationIndices>{{0, 1}});
  SmallVector<ReassociationIndices> groups(2);
  llvm::append_range(groups[0], llvm::seq<int64_t>(0, rank - 1));
  groups[1].push_back(rank - 1);
  return tensor::CollapseShapeOp::create(*this, tensor, groups);
}

Value RuleBuilder::outer(Value lhs, Value rhs) {
  return MatmulOp::create(*this, asMatrix(lhs), asMatrix(rhs),
                          /*lhs_transposed=*/true, /*rhs_transposed=*/false);
}

//===----------------------------------------------------------------------===//
// MulOp, DivOp, ReduceLeadingOp
//===----------------------------------------------------------------------===//

LogicalResult MulOp::inferReturnTypes(MLIRContext *,
                                      std::optional<Location> loc,
                                      Adaptor adaptor,
                                      SmallVectorImpl<Type> &resultTypes) {
  return inferBroadcast(loc, adaptor.getLhs(), adaptor.getRhs(), resultTypes);
}

OpFoldResult MulOp::fold(FoldAdaptor) {
  // x * 1 -> x.
  if (matchPattern(getRhs(), m_OneFloat()))
    return getLhs();
  return {};
}

LogicalResult MulOp::buildGradients(OpBuilder &builder, ValueRange results,
                                    MutableArrayRef<Value> operands) {
  RuleBuilder b(getLoc(), builder);
  Value dy = results[0];
  operands[0] = b.mul(dy, getRhs());
  operands[1] = b.sumTo(b.mul(dy, getLhs()), getRhs());
  return success();
}

LogicalResult DivOp::inferReturnTypes(MLIRContext *,
                                      std::optional<Location> loc,
                                      Adaptor adaptor,
                                      SmallVectorImpl<Type> &resultTypes) {
  return inferBroadcast(loc, adaptor.getLhs(), adaptor.getRhs(), resultTypes);
}

LogicalResult ReduceLeadingOp::verify() {
  RankedTensorType input = getInput().getType(), result = getResult().getType();
  if (result.getRank() > input.getRank() ||
      input.getShape().take_back(result.getRank()) != result.getShape() ||
      !isSameOrWide(result.getElementType(), input.getElementType()))
    return emitOpError("result has to have the last dimensions of the input, "
                       "but they are ")
           << result << " and " << input;
  return success();
}

OpFoldResult ReduceLeadingOp::fold(FoldAdaptor) {
  // A sum over no dimension.
  if (getInput().getType() == getType())
    return getInput();
  return {};
}

LogicalResult ReduceLeadingOp::buildGradients(OpBuilder &builder,
                                              ValueRange results,
                                              MutableArrayRef<Value> operands) {
  RuleBuilder b(getLoc(), builder);
  Value zeros = b.constant(0.0, getInput().getType());
  operands[0] = AddOp::create(b, zeros, results[0]);
  return success();
}

//===----------------------------------------------------------------------===//
// Verifiers
//===----------------------------------------------------------------------===//

LogicalResult EmbeddingGradOp::verify() {
  RankedTensorType indices = getIndices().getType();
  RankedTensorType gradient = getGradient().getType();
  RankedTensorType result = getResult().getType();
  if (gradient.getRank() != indices.getRank() + 1 ||
      gradient.getShape().drop_back() != indices.getShape())
    return emitOpError("gradient has to have a row for each index, but they "
                       "are ")
           << gradient << " and " << indices;
  if (result.getRank() != 2 ||
      result.getDimSize(1) != gradient.getShape().back() ||
      !isSameOrWide(result.getElementType(), gradient.getElementType()))
    return emitOpError("result has to be V x d with rows as those of the "
                       "gradient, but they are ")
           << result << " and " << gradient;
  return success();
}

LogicalResult CrossEntropyGradOp::verify() {
  RankedTensorType logits = getLogits().getType();
  if (logits.getRank() < 1 ||
      logits.getShape().drop_back() != getTargets().getType().getShape())
    return emitOpError("logits have to have a row for each target, but they "
                       "are ")
           << logits << " and " << getTargets().getType();
  return success();
}

LogicalResult PlaceRowsOp::verify() {
  RankedTensorType rows = getRows().getType(), result = getResult().getType();
  int64_t rank = rows.getRank();
  if (rank < 2 || result.getRank() != rank ||
      rows.getShape().drop_back(2) != result.getShape().drop_back(2) ||
      rows.getShape().back() != result.getShape().back() ||
      rows.getDimSize(rank - 2) > result.getDimSize(rank - 2) ||
      rows.getElementType() != result.getElementType())
    return emitOpError("rows ... x n x d have to fit into the result ... x P x "
                       "d, but they are ")
           << rows << " and " << result;
  return success();
}

OpFoldResult PlaceRowsOp::fold(FoldAdaptor) {
  // The rows are all of the result.
  if (!getPosition() && getRows().getType() == getType())
    return getRows();
  return {};
}

LogicalResult LayerNormGradOp::verify() {
  RankedTensorType input = getInput().getType(), weight = getWeight().getType();
  if (input.getRank() < 1 || weight.getRank() != 1 ||
      weight.getDimSize(0) != input.getShape().back())
    return emitOpError("weight has to have one element for each of the last "
                       "dimension of the input, but they are ")
           << weight << " and " << input;
  return verifySameOrWide(getLoc(), "weight", weight, input.getElementType());
}

LogicalResult SoftmaxGradOp::verify() {
  RankedTensorType input = getInput().getType();
  if (input.getRank() != 4)
    return emitOpError("input has to be B x H x T x S, but is ") << input;
  if (failed(verifySoftmaxTemperature(*this)))
    return failure();
  return verifySameAsTemperature(*this);
}
