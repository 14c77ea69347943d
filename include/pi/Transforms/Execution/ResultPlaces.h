//===- ResultPlaces.h - Where results of a function are written -*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The new value of an argument takes the memory of the old one. It may do so
// once nothing reads the old one any more: where it is computed, or else by a
// copy when the function ends.
//
//===----------------------------------------------------------------------===//

#ifndef PI_TRANSFORMS_EXECUTION_RESULTPLACES_H
#define PI_TRANSFORMS_EXECUTION_RESULTPLACES_H

#include "mlir/IR/Value.h"

namespace mlir::pi {

/// The tensor that `tensor` is another shape of.
Value stripReshapes(Value tensor);

/// Whether an operation for which `holds` is true reads the tensor or another
/// shape of it.
bool hasReader(Value tensor, function_ref<bool(Operation *)> holds);

/// A copy between buffers when a function ends.
struct ResultCopy {
  Value source, target;
  /// The buffer that `source` is or is a view of. `target` is no view.
  Value origin;
};

/// Calls `emit` for each copy, in an order in which none writes what a later
/// one reads. Where copies form a ring, as in an exchange, `stage` copies a
/// source to memory of its own, which it returns.
void emitCopies(SmallVector<ResultCopy> copies,
                function_ref<void(const ResultCopy &)> emit,
                function_ref<Value(Value)> stage);

} // namespace mlir::pi

#endif // PI_TRANSFORMS_EXECUTION_RESULTPLACES_H
