//===- AttentionTilesF32.h - Tiles of a head in f32 -------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What attention and its gradient in f32 share. Lane j of a warp computes the
// products of the warp's rows with row j of a tile of 32 rows, and every 32nd
// column, from the j-th on, of what is summed over the tile.
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_CONVERSION_PITOPIRT_KERNELS_ATTENTIONTILESF32_H
#define PI_LIB_CONVERSION_PITOPIRT_KERNELS_ATTENTIONTILESF32_H

#include "TileBuilder.h"

namespace mlir::pi {

class AttentionTilesF32 {
public:
  /// Heads of `headSize` columns, sequences of `tokens`, blocks of `threads`,
  /// warps of `rows`, tiles of `columns` rows.
  AttentionTilesF32(TileBuilder &k, int64_t headSize, int64_t tokens,
                    int64_t threads, int64_t rows, int64_t columns)
      : k(k), headSize(headSize), tokens(tokens), threads(threads), rows(rows),
        columns(columns) {}

  /// Bytes of a row of a head, and of a row of products, in shared memory.
  static int64_t getStride(int64_t headSize) { return 4 * (headSize + 4); }
  static int64_t getProductStride(int64_t columns) { return 4 * (columns + 4); }
  int64_t getStride() const { return getStride(headSize); }
  int64_t getProductStride() const { return getProductStride(columns); }
  /// Columns of a head that one lane sums.
  int64_t getNumLaneColumns() const {
    return llvm::divideCeilSigned(headSize, 32);
  }

  /// Starts copying `count` rows of a head, `globalStride` bytes apart; rows
  /// past the end become zero.
  void load(Val shared, Val global, Val firstRow, int64_t count,
            int64_t globalStride);

  /// Products of the warp's rows and the lane's row of the tile.
  Vals multiply(Val own, Val tile);

  /// sums [row][lane's column] += products (rows x columns in shared memory) *
  /// tile.
  void accumulate(Val products, Val tile, MutableArrayRef<Val> sums);

  /// The place of the lane's c-th column of a row; the last one of the row
  /// again where the lane has none.
  Val getLanePlace(Val row, int64_t c);

private:
  TileBuilder &k;
  int64_t headSize, tokens, threads, rows, columns;
};

} // namespace mlir::pi

#endif // PI_LIB_CONVERSION_PITOPIRT_KERNELS_ATTENTIONTILESF32_H
