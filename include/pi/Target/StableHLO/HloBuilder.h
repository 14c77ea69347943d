//===- HloBuilder.h - Writes one StableHLO function -------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// StableHLO is written as text: its dialect is no part of the packages that
// this project builds with. The pretty form is used, as the specification of
// the operations prints it (openxla/stablehlo, docs/spec.md).
//
//===----------------------------------------------------------------------===//

#ifndef PI_TARGET_STABLEHLO_HLOBUILDER_H
#define PI_TARGET_STABLEHLO_HLOBUILDER_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"

#include <string>

namespace mlir::pi {

/// A tensor in the text.
struct HloValue {
  /// The name of the SSA value, without %.
  std::string name;
  RankedTensorType type;

  /// False for an optional operand that is absent.
  explicit operator bool() const { return bool(type); }
  ArrayRef<int64_t> getShape() const { return type.getShape(); }
  int64_t getRank() const { return type.getRank(); }
};

/// Appends operations to the text of one function body. Shapes are inferred;
/// that they fit is the caller's duty.
class HloBuilder {
public:
  explicit HloBuilder(MLIRContext *context) : builder(context) {}

  StringRef getText() const { return text; }

  /// `op` as in "tanh": an elementwise operation on tensors of one type.
  HloValue elementwise(StringRef op, ArrayRef<HloValue> operands);
  HloValue add(const HloValue &lhs, const HloValue &rhs) {
    return elementwise("add", {lhs, rhs});
  }
  HloValue subtract(const HloValue &lhs, const HloValue &rhs) {
    return elementwise("subtract", {lhs, rhs});
  }
  HloValue multiply(const HloValue &lhs, const HloValue &rhs) {
    return elementwise("multiply", {lhs, rhs});
  }
  HloValue divide(const HloValue &lhs, const HloValue &rhs) {
    return elementwise("divide", {lhs, rhs});
  }
  /// The error function. No operation of StableHLO; engines know this call.
  HloValue erf(const HloValue &x);

  /// A tensor of the type of `like` with `value` in every element.
  HloValue fill(double value, RankedTensorType type);
  HloValue constant(DenseElementsAttr value);
  /// The index along `dimension`, as i32.
  HloValue iota(int64_t dimension, ArrayRef<int64_t> shape);

  /// Dimension i of `x` becomes dimension `dimensions[i]` of `shape`.
  HloValue broadcast(const HloValue &x, ArrayRef<int64_t> shape,
                     ArrayRef<int64_t> dimensions);
  /// `x` for every leading index that it lacks.
  HloValue broadcastLeading(const HloValue &x, ArrayRef<int64_t> shape);
  /// `x` without its last dimension, repeated along the last one of `shape`.
  HloValue broadcastRows(const HloValue &x, ArrayRef<int64_t> shape);

  HloValue reshape(const HloValue &x, ArrayRef<int64_t> shape);
  /// All but the last dimension become one.
  HloValue asMatrix(const HloValue &x);
  HloValue transpose(const HloValue &x, ArrayRef<int64_t> permutation);
  HloValue slice(const HloValue &x, ArrayRef<int64_t> starts,
                 ArrayRef<int64_t> limits);
  /// The elements `begin` to `end` along the last dimension.
  HloValue sliceColumns(const HloValue &x, int64_t begin, int64_t end);
  /// A slice that starts at the scalars `starts`.
  HloValue dynamicSlice(const HloValue &x, ArrayRef<HloValue> starts,
                        ArrayRef<int64_t> sizes);
  /// `x` with `update` in the place that starts at the scalars `starts`.
  HloValue dynamicUpdateSlice(const HloValue &x, const HloValue &update,
                              ArrayRef<HloValue> starts);
  /// `x` with so many zeros before and after it in each dimension.
  HloValue pad(const HloValue &x, ArrayRef<int64_t> low,
               ArrayRef<int64_t> high);
  HloValue concatenate(ArrayRef<HloValue> parts, int64_t dimension);

  /// `direction` as in "GE".
  HloValue compare(StringRef direction, const HloValue &lhs,
                   const HloValue &rhs);
  HloValue select(const HloValue &predicate, const HloValue &onTrue,
                  const HloValue &onFalse);
  HloValue convert(const HloValue &x, Type element);

  /// The product over dimension `lhsDimension` of `lhs` and `rhsDimension` of
  /// `rhs`, for each index of the first `numBatch` dimensions.
  HloValue dot(const HloValue &lhs, int64_t lhsDimension, const HloValue &rhs,
               int64_t rhsDimension, int64_t numBatch = 0);
  /// Combines elements along `dimension` by `op`, as in "add", whose neutral
  /// element is `initial`.
  HloValue reduce(StringRef op, double initial, const HloValue &x,
                  int64_t dimension);

  /// `count` times value = body(value).
  HloValue repeat(int64_t count, const HloValue &initial,
                  function_ref<HloValue(const HloValue &)> body);

  /// Ends the function.
  void ret(const HloValue &value);

private:
  /// Appends `%name = ` and gives the value.
  HloValue define(RankedTensorType type);
  RankedTensorType getType(const HloValue &like, ArrayRef<int64_t> shape) {
    return RankedTensorType::get(shape, like.type.getElementType());
  }
  /// Appends ` : (operand types) -> type`.
  void appendSignature(ArrayRef<HloValue> operands, RankedTensorType type);
  void append(const Twine &part) { text += part.str(); }

  Builder builder;
  std::string text;
  std::string indent = "    ";
  int64_t numValues = 0;
};

/// `tensor<2x3xf32>`.
std::string toString(Type type);
/// `%a, %b`.
std::string toString(ArrayRef<HloValue> values);

} // namespace mlir::pi

#endif // PI_TARGET_STABLEHLO_HLOBUILDER_H
