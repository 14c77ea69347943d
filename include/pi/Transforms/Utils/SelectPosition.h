//===- SelectPosition.h - A computation at one position ---------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TRANSFORMS_UTILS_SELECTPOSITION_H
#define PI_TRANSFORMS_UTILS_SELECTPOSITION_H

#include "pi/Dialect/Pi/IR/Pi.h"

namespace mlir::pi {

/// Rebuilds computations for one position of a sequence.
class PositionSelector {
public:
  /// Of computations in `block` that use `builder`'s insertion point, at
  /// `position`, a scalar. With `decode`, an operation that mixes positions but
  /// is itself needed at this one alone is rebuilt as it decodes, if it can.
  PositionSelector(OpBuilder &builder, Block &block, Value position,
                   bool decode);

  /// The value at the position, B x 1 x d, of a value B x T x d: the operations
  /// before it are rebuilt for this position alone, back to those that are
  /// needed at every position anyhow.
  Value select(Value value);

private:
  Value build(Value value);
  /// `op` with operands at the position; null if it has no such form.
  Value rebuild(Operation *op);
  Value rebuildDecoding(GenerationOpInterface op);

  OpBuilder &builder;
  Value position;
  bool decode;
  /// The operations whose results are read at every position by an operation
  /// that mixes positions.
  DenseSet<Operation *> everywhere;
  DenseMap<Value, Value> selected;
};

} // namespace mlir::pi

#endif // PI_TRANSFORMS_UTILS_SELECTPOSITION_H
