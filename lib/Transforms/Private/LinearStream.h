//===- LinearStream.h - Coordinates of a linear residual stream -*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Without LayerNorm and activation, layer l makes of the stream x, a row of d
// elements,
//
//   x[l+1] = (x[l] + a[l] O[l] + o[l]) M[l] + b[l],
//
// where a is what attention gives, O and o its output projection, and M and b
// the feed-forward block with its residual connection. In the coordinates z of
//
//   x[l] = z[l] A[l] + c[l],   A[l+1] = A[l] M[l],
//   c[l+1] = (c[l] + o[l]) M[l] + b[l]
//
// nothing is left of the block: z[l+1] = z[l] + a[l] O[l] A[l]^-1. What reads x
// reads z by A and c.
//
// Rounding in z is amplified by the condition numbers of all A[l]. A is taken
// beside the 1 that c is multiplied by, as diag(A, 1), so that its scale
// counts, too: what is A in the weights of one side is A^-1 in those of the
// other, and f32 and fixed point have a range. A[0] is free where the stream
// starts with tables, which can be multiplied by A[0]^-1. Then A[0] = L^-1 is
// chosen, the Cholesky factor of the polar factor of the product of all M: A[0]
// and A[last] both have the root of its condition number
// (choleskyOfPolarFactor), and no choice gives less at the worse of the two.
//
// Where the condition number would still be too large, the stream changes to
// other coordinates between two layers, x = z' B + c, by one matrix,
// z' = z A B^-1, in place of the block. B is free there, and chosen likewise.
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_TRANSFORMS_PRIVATE_LINEARSTREAM_H
#define PI_LIB_TRANSFORMS_PRIVATE_LINEARSTREAM_H

#include "Matrix.h"

#include <cstddef>

namespace mlir::pi {

/// One layer: what its block does to the stream, and the bias of its attention.
struct StreamLayer {
  /// M, d x d.
  Matrix matrix;
  /// b and o, 1 x d.
  Matrix bias, attentionBias;
};

/// The coordinates of the stream in front of a layer, or of the head.
struct StreamCoordinates {
  /// A and its inverse, d x d, and c, 1 x d.
  Matrix matrix, inverse, offset;
  /// What z of the coordinates before is multiplied by to give these, if they
  /// do not go on.
  std::optional<Matrix> change;
};

struct StreamFolding {
  /// Of each layer and, behind the last, of the head.
  std::vector<StreamCoordinates> coordinates;
  /// The largest condition number of any diag(A, 1).
  double condition = 0;
  /// The first layer whose own condition number is too large, or not a number;
  /// what is above is then not complete.
  std::optional<size_t> refused;
};

/// Chooses coordinates with condition numbers up to `maxCondition` and as few
/// changes as they allow. `isStartFree` says whether A[0] is free; else it is
/// I.
StreamFolding foldStream(const std::vector<StreamLayer> &layers,
                         bool isStartFree, double maxCondition);

} // namespace mlir::pi

#endif // PI_LIB_TRANSFORMS_PRIVATE_LINEARSTREAM_H
