//===- AttentionTilesF32.cpp - Tiles of a head in f32 ---------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionTilesF32.h"

using namespace mlir;
using namespace mlir::pi;

void AttentionTilesF32::load(Val shared, Val global, Val firstRow,
                             int64_t count, int64_t globalStride) {
  int64_t chunks = headSize / 4;
  for (int64_t i = 0; i * threads < count * chunks; ++i) {
    Val index = k.threadId() + i * threads;
    Val row = index / chunks, chunk = index % chunks, source = firstRow + row;
    k.when(index < static_cast<double>(count * chunks), [&] {
      k.copyAsync(k.address(shared, row * getStride() + chunk * 16),
                  k.address(global, source * globalStride + chunk * 16),
                  source < static_cast<double>(tokens));
    });
  }
}

Vals AttentionTilesF32::multiply(Val own, Val tile) {
  Vals sums(rows, k.f32(0));
  Type f32 = k.getF32Type();
  Val tileRow = k.address(tile, k.laneId() * getStride());
  for (int64_t depth = 0; depth < headSize; depth += 4) {
    Vals b = k.unpack(f32, k.loadWords(k.address(tileRow, depth * 4), 4));
    for (int64_t row = 0; row < rows; ++row) {
      Vals a = k.unpack(
          f32, k.loadWords(k.address(own, row * getStride() + depth * 4), 4));
      for (int64_t i = 0; i < 4; ++i)
        sums[row] = fma(a[i], b[i], sums[row]);
    }
  }
  return sums;
}

void AttentionTilesF32::accumulate(Val products, Val tile,
                                   MutableArrayRef<Val> sums) {
  Type f32 = k.getF32Type();
  int64_t numColumns = getNumLaneColumns();
  for (int64_t column = 0; column < columns; column += 4) {
    SmallVector<Vals> b(4);
    for (int64_t i = 0; i < 4; ++i)
      for (int64_t c = 0; c < numColumns; ++c)
        b[i].push_back(k.load(
            f32, getLanePlace(k.address(tile, (column + i) * getStride()), c),
            4));
    for (int64_t row = 0; row < rows; ++row) {
      Vals a = k.unpack(
          f32,
          k.loadWords(
              k.address(products, row * getProductStride() + column * 4), 4));
      for (int64_t i = 0; i < 4; ++i)
        for (int64_t c = 0; c < numColumns; ++c) {
          Val &sum = sums[row * numColumns + c];
          sum = fma(a[i], b[i][c], sum);
        }
    }
  }
}

Val AttentionTilesF32::getLanePlace(Val row, int64_t c) {
  return k.address(row, min(k.laneId() + c * 32, k.i32(headSize - 1)) * 4);
}
