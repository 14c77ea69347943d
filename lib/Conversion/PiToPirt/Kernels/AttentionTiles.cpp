//===- AttentionTiles.cpp - Tiles of a head on tensor cores ---------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionTiles.h"

using namespace mlir;
using namespace mlir::pi;

void AttentionTiles::load(Val shared, Val global, Val firstRow, int64_t count,
                          int64_t globalStride) {
  int64_t chunks = headSize / 8;
  Val thread = k.threadId();
  Val row = thread / chunks, chunk = thread % chunks;
  auto getShared = [&] {
    return k.address(shared, row * getStride() + chunk * 16);
  };
  auto getGlobal = [&] {
    return k.address(global, (firstRow + row) * globalStride + chunk * 16);
  };
  Val sharedPlace = getShared(), globalPlace = getGlobal();
  for (int64_t i = 0; i * threads < count * chunks; ++i) {
    int64_t moved = 0; // rows from the first place, a constant offset if whole
    if (threads % chunks == 0) {
      moved = i * threads / chunks;
    } else if (i > 0) {
      row = (thread + i * threads) / chunks;
      chunk = (thread + i * threads) % chunks;
      sharedPlace = getShared();
      globalPlace = getGlobal();
    }
    auto copy = [&] {
      Val valid = tokens % count
                      ? firstRow + row < static_cast<double>(tokens - moved)
                      : Val();
      k.copyAsync(k.address(sharedPlace, moved * getStride()),
                  k.address(globalPlace, moved * globalStride), valid);
    };
    if ((i + 1) * threads > count * chunks)
      k.when(row < static_cast<double>(count - moved), copy);
    else
      copy();
  }
}

Vals AttentionTiles::loadLeft(Val shared, int64_t tile, int64_t depth) {
  Val lane = k.laneId();
  Val place = k.address(shared, (lane % 16) * getStride() + (lane / 16) * 16);
  return k.loadMatrices(k.address(place, tile * 16 * getStride() + depth * 32),
                        /*transpose=*/false);
}

LeftOperands AttentionTiles::loadAllLeft(Val shared, int64_t rowTiles) {
  LeftOperands operands(rowTiles);
  for (int64_t tile = 0; tile < rowTiles; ++tile)
    for (int64_t depth = 0; depth < headSize / 16; ++depth)
      operands[tile].push_back(loadLeft(shared, tile, depth));
  return operands;
}

void AttentionTiles::addProducts(LeftOperand left, int64_t depth,
                                 function_ref<Vals(int64_t)> loadPair,
                                 Accumulators &sums) {
  int64_t rowTiles = sums.size(), pairs = sums.front().size() / 2;
  SmallVector<Vals> a;
  for (int64_t tile = 0; tile < rowTiles; ++tile)
    a.push_back(left(tile, depth));
  for (int64_t pair = 0; pair < pairs; ++pair) {
    Vals b = loadPair(pair);
    for (int64_t tile = 0; tile < rowTiles; ++tile)
      for (int64_t i = 0; i < 2; ++i) {
        Vals &sum = sums[tile][2 * pair + i];
        sum = k.multiplyAccumulate(a[tile], ArrayRef(b).slice(2 * i, 2), sum);
      }
  }
}

void AttentionTiles::multiply(LeftOperand left, Val rows, Accumulators &sums) {
  // Lane l addresses row l % 8 + 8 (l / 16), columns 8 (l / 8 % 2) on.
  Val lane = k.laneId();
  Val place = k.address(rows, (lane % 8 + (lane / 16) * 8) * getStride() +
                                  (lane / 8 % 2) * 16);
  for (int64_t depth = 0; depth < headSize / 16; ++depth)
    addProducts(
        left, depth,
        [&](int64_t pair) {
          return k.loadMatrices(
              k.address(place, pair * 16 * getStride() + depth * 32), false);
        },
        sums);
}

Vals AttentionTiles::packLeft(const Accumulators &matrix, int64_t tile,
                              int64_t depth) {
  Vals words;
  for (int64_t i = 0; i < 2; ++i) {
    const Vals &p = matrix[tile][2 * depth + i];
    words.push_back(k.packBF16(p[0], p[1]));
    words.push_back(k.packBF16(p[2], p[3]));
  }
  return words;
}

void AttentionTiles::accumulate(const Accumulators &left, Val rows,
                                Accumulators &sums) {
  accumulate(
      [&](int64_t tile, int64_t depth) { return packLeft(left, tile, depth); },
      left.front().size() / 2, rows, sums);
}

void AttentionTiles::accumulate(LeftOperand left, int64_t depths, Val rows,
                                Accumulators &sums) {
  Val lane = k.laneId();
  Val place = k.address(rows, (lane % 16) * getStride() + (lane / 16) * 16);
  for (int64_t depth = 0; depth < depths; ++depth)
    addProducts(
        left, depth,
        [&](int64_t pair) {
          return k.loadMatrices(
              k.address(place, depth * 16 * getStride() + pair * 32), true);
        },
        sums);
}

void AttentionTiles::stage(const Accumulators &sums,
                           function_ref<Val(int64_t, int64_t)> factor,
                           Val shared) {
  Val lane = k.laneId();
  Val place = k.address(shared, (lane / 4) * getStride() + (lane % 4) * 4);
  for (auto [rowTile, tiles] : llvm::enumerate(sums))
    for (int64_t half = 0; half < 2; ++half) {
      Val scale = factor(rowTile, half);
      int64_t row = rowTile * 16 + half * 8;
      for (auto [i, tile] : llvm::enumerate(tiles))
        k.storeWords(
            k.packBF16(tile[2 * half] * scale, tile[2 * half + 1] * scale),
            k.address(place, row * getStride() + static_cast<int64_t>(i) * 16));
    }
}

void AttentionTiles::store(Val shared, Val global, Val firstRow, int64_t count,
                           int64_t globalStride) {
  int64_t chunks = headSize / 8;
  Val lane = k.laneId();
  for (int64_t i = 0; i * 32 < count * chunks; ++i) {
    Val index = lane + i * 32;
    Val row = index / chunks, chunk = index % chunks;
    Val target = firstRow + row;
    k.when(target < static_cast<double>(tokens), [&] {
      Vals words =
          k.loadWords(k.address(shared, row * getStride() + chunk * 16), 4);
      k.storeWords(words,
                   k.address(global, target * globalStride + chunk * 16));
    });
  }
}
