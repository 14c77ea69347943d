//===- PiLinearOps.cpp - Linear operations --------------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Rules.h"
#include "ShapeInference.h"

#include "pi/Dialect/Pi/IR/Pi.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::pi;

FailureOr<RankedTensorType> mlir::pi::getTensor(std::optional<Location> loc,
                                                Value value, StringRef name,
                                                int64_t minRank) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || !type.hasStaticShape() || type.getRank() < minRank)
    return emitOptionalError(loc, name,
                             " has to be a static tensor of rank at least ",
                             minRank, ", but is ", value.getType());
  return type;
}

Type mlir::pi::getWideType(Type element) {
  return element.isF64() ? element
                         : Type(Float32Type::get(element.getContext()));
}

LogicalResult mlir::pi::verifySameOrWide(std::optional<Location> loc,
                                         StringRef name, RankedTensorType type,
                                         Type element) {
  if (isSameOrWide(type.getElementType(), element))
    return success();
  if (!loc)
    return failure();
  InFlightDiagnostic error = emitError(*loc) << "elements of " << name
                                             << " have to be " << element;
  if (getWideType(element) != element)
    error << " or " << getWideType(element);
  return error << ", but it is " << type;
}

LogicalResult mlir::pi::inferBroadcast(std::optional<Location> loc,
                                       Value lhsValue, Value rhsValue,
                                       SmallVectorImpl<Type> &resultTypes) {
  auto lhs = getTensor(loc, lhsValue, "lhs", 0);
  auto rhs = getTensor(loc, rhsValue, "rhs", 0);
  if (failed(lhs) || failed(rhs))
    return failure();
  if (rhs->getRank() > lhs->getRank() ||
      lhs->getShape().take_back(rhs->getRank()) != rhs->getShape() ||
      !isSameOrWide(rhs->getElementType(), lhs->getElementType()))
    return emitOptionalError(loc,
                             "shape of rhs has to be the last dimensions "
                             "of lhs, but they are ",
                             *rhs, " and ", *lhs);
  resultTypes.push_back(*lhs);
  return success();
}

//===----------------------------------------------------------------------===//
// Embeddings
//===----------------------------------------------------------------------===//

LogicalResult
EmbeddingOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc,
                              Adaptor adaptor,
                              SmallVectorImpl<Type> &resultTypes) {
  auto indices = getTensor(loc, adaptor.getIndices(), "indices", 0);
  auto table = getTensor(loc, adaptor.getTable(), "table", 2);
  if (failed(indices) || failed(table))
    return failure();
  if (table->getRank() != 2)
    return emitOptionalError(loc, "table has to be V x d, but is ", *table);
  auto shape = llvm::to_vector(indices->getShape());
  shape.push_back(table->getDimSize(1));
  resultTypes.push_back(RankedTensorType::get(shape, table->getElementType()));
  return success();
}

LogicalResult EmbeddingOp::buildGradients(OpBuilder &builder,
                                          ValueRange results,
                                          MutableArrayRef<Value> operands) {
  operands[1] = EmbeddingGradOp::create(builder, getLoc(), getTable().getType(),
                                        getIndices(), results[0]);
  return success();
}

LogicalResult PositionEmbeddingOp::verify() {
  RankedTensorType table = getTable().getType(), result = getResult().getType();
  if (table.getRank() != 2 || result.getRank() != 2 ||
      table.getDimSize(1) != result.getDimSize(1) ||
      table.getElementType() != result.getElementType())
    return emitOpError("table P x d and result T x d have to agree in d, but "
                       "are ")
           << table << " and " << result;
  if (result.getDimSize(0) > table.getDimSize(0))
    return emitOpError("asks for ")
           << result.getDimSize(0) << " positions of a table that has "
           << table.getDimSize(0);
  return success();
}

LogicalResult
PositionEmbeddingOp::buildGradients(OpBuilder &builder, ValueRange results,
                                    MutableArrayRef<Value> operands) {
  operands[0] = PlaceRowsOp::create(builder, getLoc(), getTable().getType(),
                                    results[0], getPosition());
  return success();
}

//===----------------------------------------------------------------------===//
// LinearOp
//===----------------------------------------------------------------------===//

LogicalResult LinearOp::inferReturnTypes(MLIRContext *,
                                         std::optional<Location> loc,
                                         Adaptor adaptor,
                                         SmallVectorImpl<Type> &resultTypes) {
  auto input = getTensor(loc, adaptor.getInput(), "input", 1);
  auto weight = getTensor(loc, adaptor.getWeight(), "weight", 2);
  if (failed(input) || failed(weight))
    return failure();
  bool transposed = adaptor.getTransposed();
  if (weight->getRank() != 2 ||
      weight->getDimSize(transposed) != input->getShape().back())
    return emitOptionalError(loc, "weight has to be ",
                             transposed ? "n x m" : "m x n",
                             " with m = ", input->getShape().back(),
                             " features of the input, but is ", *weight);
  if (weight->getElementType() != input->getElementType())
    return emitOptionalError(loc,
                             "input and weight have to have one element "
                             "type, but are ",
                             *input, " and ", *weight);
  int64_t outFeatures = weight->getDimSize(!transposed);
  if (Value bias = adaptor.getBias()) {
    auto type = getTensor(loc, bias, "bias", 1);
    if (failed(type))
      return failure();
    if (type->getRank() != 1 || type->getDimSize(0) != outFeatures)
      return emitOptionalError(loc, "bias has to have one element for each of ",
                               outFeatures, " output features, but is ", *type);
    if (type->getElementType() != input->getElementType())
      return emitOptionalError(loc,
                               "bias has to have the element type of the "
                               "input, but they are ",
                               *type, " and ", *input);
  }
  auto shape = llvm::to_vector(input->getShape());
  shape.back() = outFeatures;
  resultTypes.push_back(RankedTensorType::get(shape, input->getElementType()));
  return success();
}

void LinearOp::build(OpBuilder &builder, OperationState &state, Value input,
                     Value weight, Value bias, bool transposed) {
  auto inputType = cast<RankedTensorType>(input.getType());
  auto shape = llvm::to_vector(inputType.getShape());
  shape.back() =
      cast<RankedTensorType>(weight.getType()).getDimSize(!transposed);
  build(builder, state,
        RankedTensorType::get(shape, inputType.getElementType()), input, weight,
        bias, transposed);
}

LogicalResult LinearOp::buildGradients(OpBuilder &builder, ValueRange results,
                                       MutableArrayRef<Value> operands) {
  RuleBuilder b(getLoc(), builder);
  Value x = getInput(), w = getWeight(), dy = results[0];
  operands[0] = LinearOp::create(b, dy, w, /*bias=*/Value(), !getTransposed());
  operands[1] = getTransposed() ? b.outer(dy, x) : b.outer(x, dy);
  if (getBias())
    operands[2] = b.sumTo(dy, getBias());
  return success();
}

namespace {
/// linear(x, w, bias 0) -> linear(x, w).
struct DropZeroBias : OpRewritePattern<LinearOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(LinearOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.getBias() || !matchPattern(op.getBias(), m_AnyZeroFloat()))
      return failure();
    rewriter.modifyOpInPlace(op, [&] { op.getBiasMutable().clear(); });
    return success();
  }
};
} // namespace

void LinearOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                           MLIRContext *context) {
  patterns.add<DropZeroBias>(context);
}

//===----------------------------------------------------------------------===//
// MatmulOp, AddOp, ScaledResidualOp, SelectPositionOp
//===----------------------------------------------------------------------===//

LogicalResult MatmulOp::inferReturnTypes(MLIRContext *,
                                         std::optional<Location> loc,
                                         Adaptor adaptor,
                                         SmallVectorImpl<Type> &resultTypes) {
  auto lhs = getTensor(loc, adaptor.getLhs(), "lhs", 2);
  auto rhs = getTensor(loc, adaptor.getRhs(), "rhs", 2);
  if (failed(lhs) || failed(rhs))
    return failure();
  bool ta = adaptor.getLhsTransposed(), tb = adaptor.getRhsTransposed();
  auto leading = lhs->getShape().drop_back(2);
  auto l = lhs->getShape().take_back(2), r = rhs->getShape().take_back(2);
  if (leading != rhs->getShape().drop_back(2) || l[!ta] != r[tb] ||
      lhs->getElementType() != rhs->getElementType())
    return emitOptionalError(loc, "operands have to be ",
                             ta ? "... x k x m" : "... x m x k", " and ",
                             tb ? "... x n x k" : "... x k x n", ", but are ",
                             *lhs, " and ", *rhs);
  auto shape = llvm::to_vector(leading);
  shape.append({l[ta], r[!tb]});
  resultTypes.push_back(RankedTensorType::get(shape, lhs->getElementType()));
  return success();
}

bool MatmulOp::isCompatibleReturnTypes(TypeRange inferred, TypeRange actual) {
  auto narrow = cast<RankedTensorType>(inferred[0]);
  auto type = dyn_cast<RankedTensorType>(actual[0]);
  return type && type.getShape() == narrow.getShape() &&
         isSameOrWide(type.getElementType(), narrow.getElementType());
}

LogicalResult MatmulOp::buildGradients(OpBuilder &builder, ValueRange results,
                                       MutableArrayRef<Value> operands) {
  // With A and B as they enter the product: dA = dC B^T and dB = A^T dC, each
  // written so that it comes out as it stands in memory.
  Value a = getLhs(), b = getRhs(), dc = results[0];
  bool ta = getLhsTransposed(), tb = getRhsTransposed();
  operands[0] = ta ? MatmulOp::create(builder, getLoc(), b, dc, tb, true)
                   : MatmulOp::create(builder, getLoc(), dc, b, false, !tb);
  operands[1] = tb ? MatmulOp::create(builder, getLoc(), dc, a, true, ta)
                   : MatmulOp::create(builder, getLoc(), a, dc, !ta, false);
  return success();
}

LogicalResult AddOp::inferReturnTypes(MLIRContext *,
                                      std::optional<Location> loc,
                                      Adaptor adaptor,
                                      SmallVectorImpl<Type> &resultTypes) {
  return inferBroadcast(loc, adaptor.getLhs(), adaptor.getRhs(), resultTypes);
}

LogicalResult AddOp::buildGradients(OpBuilder &builder, ValueRange results,
                                    MutableArrayRef<Value> operands) {
  RuleBuilder b(getLoc(), builder);
  operands[0] = results[0];
  operands[1] = b.sumTo(results[0], getRhs());
  return success();
}

OpFoldResult AddOp::fold(FoldAdaptor) {
  // x + 0 -> x.
  if (matchPattern(getRhs(), m_AnyZeroFloat()))
    return getLhs();
  return {};
}

LogicalResult
ScaledResidualOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc,
                                   Adaptor adaptor,
                                   SmallVectorImpl<Type> &resultTypes) {
  auto residual = getTensor(loc, adaptor.getResidual(), "residual", 1);
  if (failed(residual))
    return failure();
  if (adaptor.getUpdate().getType() != *residual)
    return emitOptionalError(loc,
                             "residual and update have to have one type, "
                             "but are ",
                             *residual, " and ", adaptor.getUpdate().getType());
  Type element = residual->getElementType();
  auto scalar = RankedTensorType::get({}, element);
  for (Value scale : {adaptor.getAlpha(), adaptor.getBeta()})
    if (scale.getType() != scalar &&
        scale.getType() != scalar.clone(getWideType(element)))
      return emitOptionalError(loc, "alpha and beta have to be ", scalar,
                               ", but one is ", scale.getType());
  resultTypes.push_back(*residual);
  return success();
}

LogicalResult
ScaledResidualOp::buildGradients(OpBuilder &builder, ValueRange results,
                                 MutableArrayRef<Value> operands) {
  RuleBuilder b(getLoc(), builder);
  Value x = getResidual(), u = getUpdate(), alpha = getAlpha(), dy = results[0];
  Value du = b.div(dy, alpha);
  operands[0] = b.mul(dy, getBeta());
  operands[1] = du;
  // d(u / alpha) / dalpha = -u / alpha^2
  operands[2] = b.div(b.mul(b.sumTo(b.mul(du, u), alpha), -1.0), alpha);
  operands[3] = b.sumTo(b.mul(dy, x), getBeta());
  return success();
}

LogicalResult
SelectPositionOp::buildGradients(OpBuilder &builder, ValueRange results,
                                 MutableArrayRef<Value> operands) {
  operands[0] = PlaceRowsOp::create(builder, getLoc(), getInput().getType(),
                                    results[0], getPosition());
  return success();
}

LogicalResult
SelectPositionOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc,
                                   Adaptor adaptor,
                                   SmallVectorImpl<Type> &resultTypes) {
  auto input = getTensor(loc, adaptor.getInput(), "input", 3);
  if (failed(input))
    return failure();
  if (input->getRank() != 3)
    return emitOptionalError(loc, "input has to be B x T x d, but is ", *input);
  resultTypes.push_back(
      RankedTensorType::get({input->getDimSize(0), 1, input->getDimSize(2)},
                            input->getElementType()));
  return success();
}
