//===- LinearFusion.h - What a linear layer takes in ------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_CONVERSION_PITOPIRT_LINEARFUSION_H
#define PI_LIB_CONVERSION_PITOPIRT_LINEARFUSION_H

#include "pi/Dialect/Pi/IR/Pi.h"

namespace mlir::pi {

/// A linear layer with the operations around it that are computed with it.
struct FusedLinear {
  LinearOp linear;
  /// Whether it is a kernel for few rows rather than a cuBLASLt product.
  bool isSkinny = false;
  /// Only for few rows.
  LayerNormOp layerNorm;
  /// GeluOp or ReluOp, or null.
  Operation *activation = nullptr;
  /// AddOp or ScaledResidualOp, or null; and the other term.
  Operation *sum = nullptr;
  Value residual;
  /// The value that all of it computes, and the operation that gives it.
  Value result;

  Operation *last() const { return result.getDefiningOp(); }
};

/// Finds what each linear layer of a block takes in. The keys are all
/// operations that are part of one, a LayerNorm only if nothing else reads it.
class LinearFusion {
public:
  LinearFusion(Block &block, int64_t maxSkinnyRows);

  /// The layer that `op` is the last operation of, or null.
  const FusedLinear *endingAt(Operation *op) const;
  /// The layer that `linear` is the product of.
  const FusedLinear &of(LinearOp linear) const;
  /// Whether `op` is computed within a linear layer.
  bool isFused(Operation *op) const { return fused.contains(op); }

private:
  void fuse(LinearOp linear, int64_t maxSkinnyRows);
  void fuseLayerNorms(Block &block);

  DenseMap<Operation *, FusedLinear> layers;
  DenseSet<Operation *> fused;
};

} // namespace mlir::pi

#endif // PI_LIB_CONVERSION_PITOPIRT_LINEARFUSION_H
