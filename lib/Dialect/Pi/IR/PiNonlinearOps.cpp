//===- PiNonlinearOps.cpp - Nonlinear operations --------------------------===//
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

#include <cmath>

using namespace mlir;
using namespace mlir::pi;

LogicalResult
LayerNormOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc,
                              Adaptor adaptor,
                              SmallVectorImpl<Type> &resultTypes) {
  resultTypes.push_back(adaptor.getInput().getType());
  return success();
}

LogicalResult LayerNormOp::verify() {
  RankedTensorType input = getInput().getType();
  if (input.getRank() < 1)
    return emitOpError("input has to have a dimension to normalise over");
  int64_t width = input.getShape().back();
  for (auto [name, type] :
       {std::pair<StringRef, RankedTensorType>("weight", getWeight().getType()),
        {"bias", getBias().getType()}}) {
    if (type.getRank() != 1 || type.getDimSize(0) != width)
      return emitOpError("weight and bias have to have ")
             << width << " elements, the last dimension of the input, but one "
             << "is " << type;
    if (failed(verifySameOrWide(getLoc(), name, type, input.getElementType())))
      return failure();
  }
  if (!getEpsilon().isFinite() || getEpsilon().isNegative())
    return emitOpError("epsilon has to be finite and not negative");
  return success();
}

LogicalResult LayerNormOp::buildGradients(OpBuilder &builder,
                                          ValueRange results,
                                          MutableArrayRef<Value> operands) {
  auto gradient = LayerNormGradOp::create(
      builder, getLoc(), results[0], getInput(), getWeight(), getEpsilon());
  llvm::copy(gradient.getResults(), operands.begin());
  return success();
}

LogicalResult GeluOp::buildGradients(OpBuilder &builder, ValueRange results,
                                     MutableArrayRef<Value> operands) {
  operands[0] = GeluGradOp::create(builder, getLoc(), results[0], getInput(),
                                   getApproximate());
  return success();
}

LogicalResult ReluOp::buildGradients(OpBuilder &builder, ValueRange results,
                                     MutableArrayRef<Value> operands) {
  // The result has the sign of the input, which need not be kept then.
  operands[0] = ReluGradOp::create(builder, getLoc(), results[0], getResult());
  return success();
}

OpFoldResult ReluOp::fold(FoldAdaptor) {
  // relu(relu(x)) -> relu(x).
  if (auto relu = getInput().getDefiningOp<ReluOp>())
    return relu.getResult();
  return {};
}

LogicalResult PolynomialOp::verify() {
  if (getCoefficients().empty())
    return emitOpError("needs at least one coefficient");
  if (!llvm::all_of(getCoefficients(),
                    [](double c) { return std::isfinite(c); }))
    return emitOpError("coefficients have to be finite");
  return success();
}

LogicalResult PolynomialOp::buildGradients(OpBuilder &builder,
                                           ValueRange results,
                                           MutableArrayRef<Value> operands) {
  SmallVector<double> derivative;
  for (auto [power, c] : llvm::enumerate(getCoefficients()))
    if (power > 0)
      derivative.push_back(power * c);
  if (derivative.empty()) // A constant.
    return success();
  RuleBuilder b(getLoc(), builder);
  operands[0] =
      b.mul(results[0], b.createOrFold<PolynomialOp>(getInput(), derivative));
  return success();
}

OpFoldResult PolynomialOp::fold(FoldAdaptor) {
  ArrayRef<double> c = getCoefficients();
  // 0 + 1 x + 0 x^2 ... -> x.
  if (c.size() >= 2 && c[0] == 0.0 && c[1] == 1.0 &&
      llvm::all_of(c.drop_front(2), [](double value) { return value == 0.0; }))
    return getInput();
  return {};
}

LogicalResult SoftmaxOp::inferReturnTypes(MLIRContext *,
                                          std::optional<Location> loc,
                                          Adaptor adaptor,
                                          SmallVectorImpl<Type> &resultTypes) {
  resultTypes.push_back(adaptor.getInput().getType());
  return success();
}

LogicalResult SoftmaxOp::verify() {
  RankedTensorType input = getInput().getType();
  if (input.getRank() != 4)
    return emitOpError("input has to be B x H x T x S, but is ") << input;
  return verifySoftmaxTemperature(*this);
}

LogicalResult SoftmaxOp::buildGradients(OpBuilder &builder, ValueRange results,
                                        MutableArrayRef<Value> operands) {
  Type temperature = getTemperature() ? getTemperature().getType() : Type();
  auto gradient = SoftmaxGradOp::create(builder, getLoc(), getInput().getType(),
                                        temperature, results[0], getInput(),
                                        getResult(), getTemperature());
  llvm::copy(gradient.getResults(), operands.begin());
  return success();
}

LogicalResult ArgmaxOp::inferReturnTypes(MLIRContext *context,
                                         std::optional<Location> loc,
                                         Adaptor adaptor,
                                         SmallVectorImpl<Type> &resultTypes) {
  auto input = dyn_cast<RankedTensorType>(adaptor.getInput().getType());
  if (!input || input.getRank() < 1)
    return emitOptionalError(loc, "input has to have a last dimension, but is ",
                             adaptor.getInput().getType());
  resultTypes.push_back(RankedTensorType::get(input.getShape().drop_back(),
                                              IntegerType::get(context, 32)));
  return success();
}
