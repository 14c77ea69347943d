//===- LinearRun.h - Layers in which the stream is linear -------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_TRANSFORMS_PRIVATE_LINEARRUN_H
#define PI_LIB_TRANSFORMS_PRIVATE_LINEARRUN_H

#include "pi/Analysis/TransformerStructure.h"

namespace mlir::pi {

/// The last layers of a decoder, as far as the residual stream is linear in
/// them: no LayerNorm, no activation, and weights that are computed from f32
/// parameters alone.
struct LinearRun {
  SmallVector<TransformerLayer> layers;
  LinearOp head;
  /// What the stream starts with.
  Value start;
  /// The operands that hold the tables whose rows make up the start; empty if
  /// it comes from anything else.
  SmallVector<OpOperand *> tables;

  explicit operator bool() const { return !layers.empty(); }
};

/// The run of a function that ends at its head. Empty if it has no layers, no
/// feed-forward block in the run, or, with a remark, no run.
LinearRun findLinearRun(Operation *function);

/// What a layer of a run gives.
Value getResult(const TransformerLayer &layer);

/// All weights of a run.
SmallVector<Value> getWeights(const LinearRun &run);

} // namespace mlir::pi

#endif // PI_LIB_TRANSFORMS_PRIVATE_LINEARRUN_H
