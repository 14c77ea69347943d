//===- RowPatterns.h - Normalisation of one row -----------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_CONVERSION_PITOLINALG_ROWPATTERNS_H
#define PI_LIB_CONVERSION_PITOLINALG_ROWPATTERNS_H

#include "TensorBuilder.h"

namespace mlir::pi {

/// softmax(factor * row) of a vector; its elements are overwritten.
Value buildSoftmaxRow(TensorBuilder &b, Value row, Value factor);

/// log(sum(exp(factor * row))) of a vector.
Value buildLogSumExp(TensorBuilder &b, Value row, Value factor);

/// -sum p * log(p) of a vector of probabilities, in nats.
Value buildEntropy(TensorBuilder &b, Value probabilities);

/// Softmax of each row i of `scores` (rows x columns) over its first
/// `first + i + 1` columns; the others up to `columns` become 0. Without
/// `first`, over all columns. `getFactor(b, i)` is the factor of row i.
Value buildSoftmaxRows(TensorBuilder &b, Value scores, int64_t rows,
                       OpFoldResult columns, OpFoldResult first,
                       function_ref<Value(TensorBuilder &, Value)> getFactor);

} // namespace mlir::pi

#endif // PI_LIB_CONVERSION_PITOLINALG_ROWPATTERNS_H
