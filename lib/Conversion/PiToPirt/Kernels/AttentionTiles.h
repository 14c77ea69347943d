//===- AttentionTiles.h - Tiles of a head on tensor cores -------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What attention and its gradient in bf16 share: tiles of rows of one head
// (queries, keys, values, gradients), how they come to shared memory, how a
// warp multiplies them, and how its results go back.
//
// An accumulator tile of 16 x 8 is four numbers a lane: rows lane / 4 and
// lane / 4 + 8, columns 2 (lane % 4) and one more. Two of them side by side,
// rounded to bf16, are a left operand of 16 x 16.
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_CONVERSION_PITOPIRT_KERNELS_ATTENTIONTILES_H
#define PI_LIB_CONVERSION_PITOPIRT_KERNELS_ATTENTIONTILES_H

#include "TileBuilder.h"

namespace mlir::pi {

/// Accumulator tiles [16 rows][8 columns][4] of a warp.
using Accumulators = SmallVector<SmallVector<Vals>>;

/// Left operands (16 x 16) of tiles of 16 rows [tile][depth of 16 columns].
using LeftOperands = SmallVector<SmallVector<Vals>>;

/// Left operand (16 x 16) of a tile of 16 rows at a depth of 16 columns.
using LeftOperand = function_ref<Vals(int64_t tile, int64_t depth)>;

class AttentionTiles {
public:
  /// Heads of `headSize` columns, sequences of `tokens`, blocks of `threads`.
  AttentionTiles(TileBuilder &k, int64_t headSize, int64_t tokens,
                 int64_t threads)
      : k(k), headSize(headSize), tokens(tokens), threads(threads) {}

  /// Bytes of a row in shared memory: no bank conflicts.
  static int64_t getStride(int64_t headSize) { return 2 * headSize + 16; }
  int64_t getStride() const { return getStride(headSize); }

  /// Starts copying `count` rows of a head, `globalStride` bytes apart, to
  /// shared memory; rows past the end become zero.
  void load(Val shared, Val global, Val firstRow, int64_t count,
            int64_t globalStride);

  /// Left operand from rows in shared memory.
  Vals loadLeft(Val shared, int64_t tile, int64_t depth);
  LeftOperands loadAllLeft(Val shared, int64_t rowTiles);

  Accumulators zeros(int64_t rowTiles, int64_t columns) {
    return Accumulators(rowTiles,
                        SmallVector<Vals>(columns / 8, Vals(4, k.f32(0))));
  }
  /// sums += left (16 rowTiles x headSize) times the transpose of as many rows
  /// as sums has columns.
  void multiply(LeftOperand left, Val rows, Accumulators &sums);

  /// Accumulators, rounded to bf16, as left operand.
  Vals packLeft(const Accumulators &matrix, int64_t tile, int64_t depth);

  /// sums (16 rowTiles x headSize) += left times 16 `depths` rows.
  void accumulate(LeftOperand left, int64_t depths, Val rows,
                  Accumulators &sums);
  void accumulate(const Accumulators &left, Val rows, Accumulators &sums);

  /// Leaves the rows of a warp, times factor(row tile, half), in shared memory.
  void stage(const Accumulators &sums,
             function_ref<Val(int64_t, int64_t)> factor, Val shared);

  /// Writes `count` rows that the warp has staged to the rows from `firstRow`
  /// on, except past the end.
  void store(Val shared, Val global, Val firstRow, int64_t count,
             int64_t globalStride);

private:
  /// sums += left at one depth times matrices that `loadPair` gives for each
  /// two tiles of columns.
  void addProducts(LeftOperand left, int64_t depth,
                   function_ref<Vals(int64_t pair)> loadPair,
                   Accumulators &sums);

  TileBuilder &k;
  int64_t headSize, tokens, threads;
};

} // namespace mlir::pi

#endif // PI_LIB_CONVERSION_PITOPIRT_KERNELS_ATTENTIONTILES_H
