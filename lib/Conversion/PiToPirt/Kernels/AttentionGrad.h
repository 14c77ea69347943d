//===- AttentionGrad.h - Gradient of attention ------------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The kernels of the gradient walk over the same tiles in two ways:
//
// - Queries: a block owns rows of queries and walks over keys. It finds D of
// its
//   rows, then dQ, and the shares of the batch in the gradient of the
//   temperature.
// - Keys: a block owns rows of keys and walks over queries, with scores and
//   their gradients transposed, and finds dK and dV.
//
// So scores are computed twice, but nothing is summed across blocks: no
// atomics, and no order that could change. Both work to base 2: with x = q.k
// and y = x * factor + negLogSum = log2 p,
//
//   dS = p * (negRowSum + negEntropy * y + dP),
//
// where factor = scale log2(e) / t, negLogSum = -log2(e) log_sum_exp, negRowSum
// = -D and negEntropy = -ln(2) dE belong to the row of queries.
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_CONVERSION_PITOPIRT_KERNELS_ATTENTIONGRAD_H
#define PI_LIB_CONVERSION_PITOPIRT_KERNELS_ATTENTIONGRAD_H

#include "AttentionForward.h"

namespace mlir::pi {

/// What a gradient kernel walks over, or both after another.
enum class GradPart { Queries, Keys, Both };

/// log2 of the probability of what a mask hides: its power of 2 is 0, and its
/// product with any gradient finite.
constexpr double kHiddenLog = -1000;

/// What dS needs of one row of queries. Without entropy negEntropy is null,
/// without temperature factor is a constant.
struct RowTerms {
  Val negLogSum, negRowSum, negEntropy, factor;
};

AttentionTiling getGradTiling(const AttentionSpec &spec);

/// Whether all rows of a sequence are those of one block, which then does both
/// parts.
bool isResident(const AttentionSpec &spec);

/// Places of the arguments, which all kernels of the gradient share.
struct GradArguments {
  explicit GradArguments(const AttentionSpec &spec);
  SmallVector<Type> types;
  unsigned gradient = 0, qkv = 1, result = 2, logSumExp = 3;
  unsigned temperature = 0, entropy = 0, entropyGradient = 0, rowTerms = 0,
           temperatureShares = 0, dQkv = 0, dTemperature = 0;
};

/// What the kernels of both element types share.
class AttentionGradKernel {
public:
  AttentionGradKernel(gpu::GPUModuleOp module, Location loc, StringRef name,
                      const AttentionSpec &spec, GradPart part);

protected:
  /// Where this block, warp and lane stand.
  void computePlace();
  /// Rows of this head in the first (Q, dQ), second (K, dK) or third (V, dV)
  /// part of a packed tensor, or of one that has only one part.
  Val getHeadBase(unsigned argument, int64_t part, int64_t parts);
  int64_t getPackedStride() const { return 3 * getRowStride(); }
  int64_t getRowStride() const { return width * elementBytes; }

  /// Terms of a row of queries, whose sum of dO * O is given; a row past the
  /// end has no probabilities.
  RowTerms computeTerms(Val row, Val rowSum);
  /// Keeps terms for the walk over queries.
  void storeTerms(const RowTerms &terms, Val place);
  /// Starts copying the terms of the tile whose first query is `row`.
  void loadTermTile(Val shared, Val row);
  /// Terms of a column of a tile.
  RowTerms loadTerms(Val tileTerms, Val column);
  /// log2 p of a score.
  Val computeLog(Val score, const RowTerms &terms) {
    return fma(score, terms.factor, terms.negLogSum);
  }
  /// What is added to dP, so that p times the sum is dS. Without entropy it
  /// does not depend on log2 p.
  Val computeGradientStart(Val log, const RowTerms &terms) {
    return spec.entropy ? fma(terms.negEntropy, log, terms.negRowSum)
                        : terms.negRowSum;
  }
  /// scale / t of a row.
  Val getScale(const RowTerms &terms);
  void storeTemperatureShare(Val row, Val share, Val isWriter);

  Val getTermsBase() {
    return k.wideAddress(k.argument(at.rowTerms), batchHead,
                         paddedTokens * termBytes);
  }

  const AttentionSpec &spec;
  GradPart part;
  AttentionTiling tiling;
  int64_t headSize, columns, rows, width, elementBytes;
  int64_t paddedTokens; // a multiple of the block's rows
  int64_t termBytes;    // of one row, in memory
  GradArguments at;
  TileBuilder k;
  Val lane, warp, batch, head, batchHead, blockRow0, row0; // of block and warp
};

gpu::GPUFuncOp buildAttentionGradBF16(gpu::GPUModuleOp module, Location loc,
                                      StringRef name, const AttentionSpec &spec,
                                      GradPart part);
gpu::GPUFuncOp buildAttentionGradF32(gpu::GPUModuleOp module, Location loc,
                                     StringRef name, const AttentionSpec &spec,
                                     GradPart part);
int64_t getGradSharedBytes(const AttentionSpec &spec, GradPart part);

} // namespace mlir::pi

#endif // PI_LIB_CONVERSION_PITOPIRT_KERNELS_ATTENTIONGRAD_H
