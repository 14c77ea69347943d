//===- PiDialect.cpp - The pi dialect -------------------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AssemblyFormats.h"

#include "pi/Dialect/Pi/IR/Pi.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::pi;

#include "pi/Dialect/Pi/IR/PiDialect.cpp.inc"
#include "pi/Dialect/Pi/IR/PiEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "pi/Dialect/Pi/IR/PiAttributes.cpp.inc"

#define GET_OP_CLASSES
#include "pi/Dialect/Pi/IR/PiOps.cpp.inc"

void PIDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "pi/Dialect/Pi/IR/PiOps.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "pi/Dialect/Pi/IR/PiAttributes.cpp.inc"
      >();
}

Operation *PIDialect::materializeConstant(OpBuilder &builder, Attribute value,
                                          Type type, Location loc) {
  return arith::ConstantOp::materialize(builder, value, type, loc);
}

LogicalResult NormalAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 APFloat stddev) {
  if (!stddev.isFinite() || stddev.isNegative())
    return emitError() << "standard deviation has to be finite and not "
                          "negative";
  return success();
}

LogicalResult FillAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               APFloat value) {
  if (!value.isFinite())
    return emitError() << "value of every element has to be finite";
  return success();
}

LogicalResult
ExponentialAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                        APFloat scale, ArrayRef<APFloat> offsets,
                        APFloat lowest) {
  if (!scale.isFinite() || scale.isZero() || scale.isNegative())
    return emitError() << "scale of an exponential has to be finite and "
                          "greater than 0";
  constexpr size_t kMostSquares = 16;
  if (offsets.size() < 2 || offsets.size() > kMostSquares + 1)
    return emitError() << "an exponential has 1 to " << kMostSquares
                       << " squares, so 2 to " << kMostSquares + 1
                       << " offsets, but " << offsets.size() << " are given";
  if (!llvm::all_of(offsets, [](const APFloat &a) { return a.isFinite(); }))
    return emitError() << "offsets of an exponential have to be finite";
  // Minus infinity stands for no bound.
  if (lowest.isNaN() || !lowest.isNegative() || lowest.isZero())
    return emitError() << "lowest has to be less than 0";
  return success();
}

double ExponentialAttr::evaluate(double x) const {
  ArrayRef<APFloat> offsets = getOffsets();
  x = std::max(x, getLowest().convertToDouble());
  double z =
      getScale().convertToDouble() * x + offsets.front().convertToDouble();
  for (const APFloat &offset : offsets.drop_front())
    z = z * z + offset.convertToDouble();
  return z;
}

LogicalResult
EvaluationAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                       int64_t packRows, bool deferNormalization,
                       bool normalizeByProduct, bool, int64_t headsPerProduct,
                       bool, ExponentialAttr) {
  if (packRows < 0)
    return emitError() << "pack_rows has to be 1 or more, or 0 for no packing, "
                          "but is "
                       << packRows;
  if (normalizeByProduct && !deferNormalization)
    return emitError() << "normalize_by_product needs defer_normalization";
  if (headsPerProduct < 1)
    return emitError() << "heads_per_product has to be 1 or more, but is "
                       << headsPerProduct;
  return success();
}

EvaluationAttr EvaluationAttr::getDefault(MLIRContext *context) {
  return get(context, /*pack_rows=*/0, /*defer_normalization=*/false,
             /*normalize_by_product=*/false, /*reciprocal_by_rsqrt=*/false,
             /*heads_per_product=*/1, /*temperature_by_product=*/false,
             /*exponential=*/{});
}

EvaluationAttr EvaluationAttr::withPackRows(int64_t rows) const {
  return get(getContext(), rows, getDeferNormalization(),
             getNormalizeByProduct(), getReciprocalByRsqrt(),
             getHeadsPerProduct(), getTemperatureByProduct(), getExponential());
}

EvaluationAttr EvaluationAttr::withDeferredNormalization(bool byProduct) const {
  return get(getContext(), getPackRows(), /*defer_normalization=*/true,
             byProduct, getReciprocalByRsqrt(), getHeadsPerProduct(),
             getTemperatureByProduct(), getExponential());
}

EvaluationAttr EvaluationAttr::withReciprocalByRsqrt() const {
  return get(getContext(), getPackRows(), getDeferNormalization(),
             getNormalizeByProduct(), /*reciprocal_by_rsqrt=*/true,
             getHeadsPerProduct(), getTemperatureByProduct(), getExponential());
}

EvaluationAttr EvaluationAttr::withHeadsPerProduct(int64_t heads) const {
  return get(getContext(), getPackRows(), getDeferNormalization(),
             getNormalizeByProduct(), getReciprocalByRsqrt(), heads,
             getTemperatureByProduct(), getExponential());
}

EvaluationAttr EvaluationAttr::withTemperatureByProduct() const {
  return get(getContext(), getPackRows(), getDeferNormalization(),
             getNormalizeByProduct(), getReciprocalByRsqrt(),
             getHeadsPerProduct(), /*temperature_by_product=*/true,
             getExponential());
}

EvaluationAttr
EvaluationAttr::withExponential(ExponentialAttr exponential) const {
  return get(getContext(), getPackRows(), getDeferNormalization(),
             getNormalizeByProduct(), getReciprocalByRsqrt(),
             getHeadsPerProduct(), getTemperatureByProduct(), exponential);
}
