//===- TensorBuilder.h - Shared steps of the lowering to linalg -*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_CONVERSION_PITOLINALG_TENSORBUILDER_H
#define PI_LIB_CONVERSION_PITOLINALG_TENSORBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::pi {

/// Builds what lowerings have in common: slices, elementwise operations,
/// reductions and products, all on tensors. Reductions may be reassociated, so
/// that they vectorise.
class TensorBuilder : public ImplicitLocOpBuilder {
public:
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;
  using Values = SmallVector<Value>;
  using ScalarFn = function_ref<Value(TensorBuilder &, ValueRange)>;

  Value index(int64_t value);
  Value real(double value, Type type);
  /// A tensor of unspecified elements; sizes may be dynamic (OpFoldResult).
  Value empty(ArrayRef<OpFoldResult> sizes, Type elementType);
  Value emptyLike(Value tensor);
  Value zeros(Value destination);

  /// The scalar element of an i32 or float tensor; i32 becomes index.
  Value extract(Value tensor, ValueRange indices = {});

  /// A slice with unit strides. Leading dimensions are dropped down to `rank`.
  Value slice(Value source, ArrayRef<OpFoldResult> offsets,
              ArrayRef<OpFoldResult> sizes, int64_t rank);
  Value insert(Value source, Value destination, ArrayRef<OpFoldResult> offsets,
               ArrayRef<OpFoldResult> sizes);

  /// A tensor of rank 0 that holds this value.
  Value scalar(Value value);
  /// The value, or every element of the tensor, in another float type.
  Value convertScalar(Value value, Type type);
  Value convert(Value tensor, Type elementType);

  /// All dimensions as one.
  Value asVector(Value tensor);
  /// All leading dimensions as one: `rows x cols`; rank 1 becomes 1 x cols.
  Value asMatrix(Value tensor);
  /// Back from `asMatrix` to the shape of `type`.
  Value fromMatrix(Value matrix, RankedTensorType type);

  /// The map from `rank` loops to those from `begin` to `end`.
  AffineMap getDimensionsMap(int64_t rank, int64_t begin, int64_t end);

  /// destination[i] = fn(inputs[i]...), where an input of lower rank has the
  /// last dimensions of the destination. With `readsDestination` its element
  /// is the last argument of fn.
  Value elementwise(ValueRange inputs, Value destination, ScalarFn fn,
                    bool readsDestination = false);

  /// The scalar fn(... fn(initial, v[0]) ..., v[n - 1]) of a vector.
  Value reduce(Value vector, double initial, ScalarFn fn);
  Value sum(Value vector);
  /// sum_i lhs[i] * rhs[i] of two vectors.
  Value dot(Value lhs, Value rhs);
  /// A sum that may be reassociated.
  Value addForSum(Value lhs, Value rhs);
  /// destination[k...] + sum_l fn(inputs[l, k...]...), in the order of l, where
  /// an input of lower rank has the last dimensions.
  Value sumLeading(ValueRange inputs, Value destination, ScalarFn fn);

  /// destination + lhs * rhs, where each factor may stand transposed.
  Value matmul(Value lhs, Value rhs, Value destination,
               bool rhsTransposed = false, bool lhsTransposed = false);

  /// A parallel loop over [0, sizes) that fills slices of the destinations:
  /// the body gives, for each destination, a value and its place.
  struct Piece {
    Value value;
    SmallVector<OpFoldResult> offsets, sizes;
  };
  using PieceFn = function_ref<SmallVector<Piece>(
      TensorBuilder &, ValueRange indices, ValueRange destinations)>;
  Values parallel(ArrayRef<int64_t> sizes, ValueRange destinations, PieceFn fn);

  /// A sequential loop over [0, count) that carries one tensor.
  using StepFn =
      function_ref<Value(TensorBuilder &, Value index, Value carried)>;
  Value loop(OpFoldResult count, Value initial, StepFn fn);
  /// The same with several tensors.
  using StepsFn =
      function_ref<Values(TensorBuilder &, Value index, ValueRange carried)>;
  Values loop(OpFoldResult count, ValueRange initial, StepsFn fn);

  OpFoldResult attr(int64_t value) { return getIndexAttr(value); }

private:
  /// A linalg.generic whose first `numReduced` dimensions the destination
  /// lacks. The destination's element is the last argument of fn.
  Value generic(ValueRange inputs, Value destination, int64_t numReduced,
                ScalarFn fn);
};

} // namespace mlir::pi

#endif // PI_LIB_CONVERSION_PITOLINALG_TENSORBUILDER_H
