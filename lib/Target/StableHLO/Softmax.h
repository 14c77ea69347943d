//===- Softmax.h - The softmax of scores as StableHLO -----------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_TARGET_STABLEHLO_SOFTMAX_H
#define PI_LIB_TARGET_STABLEHLO_SOFTMAX_H

#include "pi/Dialect/Pi/IR/Pi.h"
#include "pi/Target/StableHLO/HloBuilder.h"

namespace mlir::pi {

/// Writes the softmax of the rows of scores B x H x T x S, as an evaluation
/// says. If it has an exponential, scores come multiplied by its scale.
///
/// Scores are cut into blocks of rows. What costs something (maxima, the
/// exponential, the product with reciprocals) takes all blocks at once as one
/// vector, so that packing adds no rounds; cutting and joining are local on
/// shares. With `causal`, element j of row i takes part only if j <= i: the
/// mask is public, and what it hides stays finite and ends as exactly 0.
class SoftmaxBuilder {
public:
  SoftmaxBuilder(HloBuilder &b, bool causal, ArrayRef<RowBlock> blocks,
                 EvaluationAttr evaluation)
      : b(b), causal(causal), blocks(blocks), evaluation(evaluation) {}
  /// Causal rows of which the first stands at `position`, a scalar.
  SoftmaxBuilder(HloBuilder &b, const HloValue &position,
                 ArrayRef<RowBlock> blocks, EvaluationAttr evaluation)
      : b(b), causal(true), position(position), blocks(blocks),
        evaluation(evaluation) {}

  /// The softmax of each row.
  HloValue buildProbabilities(const HloValue &scores);
  /// The exponentials alone, which are not divided by the sums of their rows.
  HloValue buildPowers(const HloValue &scores);
  /// The reciprocal of the sum of each row of `powers`, B x H x T.
  HloValue buildReciprocals(const HloValue &powers);

private:
  using Blocks = SmallVector<HloValue>;

  HloValue buildExponential(const HloValue &x);
  /// The exponentials times the reciprocals of their rows.
  HloValue normalize(const HloValue &powers, const HloValue &reciprocals);
  /// The largest element of each row.
  Blocks buildRowMaxima(Blocks parts);
  /// The mask of each block of a `matrix`; none if nothing is hidden.
  Blocks buildMasks(ArrayRef<HloValue> parts, ArrayRef<int64_t> matrix);

  /// Blocks of a matrix with T rows.
  Blocks cut(const HloValue &matrix);
  /// One vector of all elements, and back to blocks of the shapes of `like`.
  HloValue pack(ArrayRef<HloValue> parts);
  Blocks unpack(const HloValue &packed, ArrayRef<HloValue> like);
  /// The matrix of blocks, with 0 where they have no columns.
  HloValue join(ArrayRef<HloValue> parts);

  HloBuilder &b;
  bool causal;
  HloValue position;
  ArrayRef<RowBlock> blocks;
  EvaluationAttr evaluation;
};

} // namespace mlir::pi

#endif // PI_LIB_TARGET_STABLEHLO_SOFTMAX_H
