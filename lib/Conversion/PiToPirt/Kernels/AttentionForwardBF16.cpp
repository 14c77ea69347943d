//===- AttentionForwardBF16.cpp - Attention on tensor cores -------*- C++
//-*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A block computes `warps * rowsPerWarp` rows of one head. It walks over the
// keys in steps of `columns`, with K and V of the next step on their way to
// shared memory, and keeps the scores, the running maximum and sum of each row,
// and the result in registers (FlashAttention-2, arXiv 2307.08691).
//
// Roofline at B = 32, T = 1024, H = 12, head 64, causal, on an H200: 201 MB
// read and written are 47 us; 51.5 GFLOP on tensor cores by mma.sync (about 600
// TFLOP/s) 86 us; 201 million exponentials (16 a clock and SM) 54 us.
//
//===----------------------------------------------------------------------===//

#include "AttentionForward.h"
#include "AttentionTiles.h"

#include "pi/Target/Cubin/Cubin.h"

using namespace mlir;
using namespace mlir::pi;

namespace {

/// The registers that a warp carries from step to step.
struct RowState {
  SmallVector<Vals> result; // [tile of 8 columns][4]
  Vals maximum;             // [2]
  Vals sum;                 // [2], of this lane's columns
  Vals logSum;              // [2], sum of p log2(p), for the entropy
};

class AttentionKernel {
public:
  AttentionKernel(gpu::GPUModuleOp module, Location loc, StringRef name,
                  const AttentionSpec &spec)
      : spec(spec), tiling(getTiling(spec)), headSize(spec.headSize),
        columns(tiling.columns), rows(tiling.warps * tiling.rowsPerWarp),
        rowTiles(tiling.rowsPerWarp / 16), width(spec.heads * headSize),
        k(module, loc, name, getArgumentTypes(spec), 32 * tiling.warps),
        tiles(k, headSize, spec.tokens, 32 * tiling.warps),
        stride(tiles.getStride()) {}

  gpu::GPUFuncOp build();

private:
  void computePlace();
  void loadKeysAndValues(Val step);
  void loadTemperature();
  Vals step(Val index, ArrayRef<Val> carried, bool masked);
  /// A positive constant factor may be applied after the maximum is taken,
  /// together with its subtraction.
  bool scalesLate() const { return !spec.temperature && spec.scale > 0; }
  void maskScores(SmallVector<Vals> &scores, Val index, int64_t rowTile);
  void softmax(SmallVector<Vals> &scores, RowState &state, int64_t rowTile);
  void finishRows(RowState &state, int64_t rowTile);

  Vals pack(ArrayRef<RowState> states);
  SmallVector<RowState, 2> unpack(ArrayRef<Val> carried);
  RowState initialState();

  const AttentionSpec &spec;
  AttentionTiling tiling;
  int64_t headSize, columns, rows, rowTiles;
  int64_t width;
  TileBuilder k;
  AttentionTiles tiles;
  int64_t stride; // bytes of a row in shared memory

  Val lane, warp, quad;      // lane / 4, and the lane's place in its quad
  Val batchHead, head, row0; // first row of the block
  Val queryBase, keyBase, valueBase, resultBase;
  Val shared, warpQueries;
  Val numSteps;
  LeftOperands queries;
  SmallVector<Vals> scoreScale; // [row tile][2], with temperature
};

} // namespace

/// Where this block, warp and lane stand.
void AttentionKernel::computePlace() {
  lane = k.laneId();
  warp = k.warpId();
  quad = lane % 4;
  // The last rows see the most keys: they start first.
  int64_t blocks = llvm::divideCeilSigned(spec.tokens, rows);
  row0 = (k.i32(blocks - 1) - k.blockId(gpu::Dimension::x)) * rows;
  batchHead = k.blockId(gpu::Dimension::y);
  Val batch = batchHead / spec.heads;
  head = batchHead % spec.heads;

  int64_t sequenceBytes = spec.tokens * width * 2;
  Val qkv = k.wideAddress(k.argument(0), batch, 3 * sequenceBytes);
  queryBase = k.address(qkv, head * (2 * headSize));
  keyBase = k.address(queryBase, 2 * width);
  valueBase = k.address(queryBase, 4 * width);
  resultBase = k.address(
      k.wideAddress(k.argument(1 + spec.temperature), batch, sequenceBytes),
      head * (2 * headSize));

  shared = k.sharedMemory();
  warpQueries = k.address(shared, warp * (tiling.rowsPerWarp * stride));
}

void AttentionKernel::loadKeysAndValues(Val index) {
  Val stage =
      k.address(shared, (index & 1) * (2 * columns * stride) + rows * stride);
  tiles.load(stage, keyBase, index * columns, columns, 6 * width);
  tiles.load(k.address(stage, columns * stride), valueBase, index * columns,
             columns, 6 * width);
}

/// With a temperature, scale log2(e) / t of each row.
void AttentionKernel::loadTemperature() {
  if (!spec.temperature)
    return;
  for (int64_t tile = 0; tile < rowTiles; ++tile) {
    scoreScale.emplace_back();
    for (int64_t half = 0; half < 2; ++half) {
      Val row =
          row0 + warp * tiling.rowsPerWarp + lane / 4 + (tile * 16 + half * 8);
      row = min(row, k.i32(spec.tokens - 1));
      Val t =
          k.load(k.getF32Type(),
                 k.address(k.argument(1), (head * spec.tokens + row) * 4), 4);
      scoreScale.back().push_back(k.f32(spec.scale * kLog2E) / t);
    }
  }
}

RowState AttentionKernel::initialState() {
  RowState state;
  Val zero = k.f32(0);
  state.result.assign(headSize / 8, Vals(4, zero));
  state.maximum.assign(2, k.f32(kMaskedScore));
  state.sum.assign(2, zero);
  if (spec.entropy)
    state.logSum.assign(2, zero);
  return state;
}

Vals AttentionKernel::pack(ArrayRef<RowState> states) {
  Vals all;
  for (const RowState &state : states) {
    for (const Vals &tile : state.result)
      all.append(tile);
    all.append(state.maximum);
    all.append(state.sum);
    all.append(state.logSum);
  }
  return all;
}

SmallVector<RowState, 2> AttentionKernel::unpack(ArrayRef<Val> carried) {
  SmallVector<RowState, 2> states(rowTiles);
  auto take = [&](size_t count) {
    Vals taken(carried.take_front(count));
    carried = carried.drop_front(count);
    return taken;
  };
  for (RowState &state : states) {
    for (int64_t i = 0; i < headSize / 8; ++i)
      state.result.push_back(take(4));
    state.maximum = take(2);
    state.sum = take(2);
    if (spec.entropy)
      state.logSum = take(2);
  }
  return states;
}

void AttentionKernel::maskScores(SmallVector<Vals> &scores, Val index,
                                 int64_t rowTile) {
  // Columns are compared relative to the lane's first one.
  Val column0 = index * columns + quad * 2;
  for (int64_t half = 0; half < 2; ++half) {
    Val last = k.i32(spec.tokens - 1);
    if (spec.causal)
      last = row0 + warp * tiling.rowsPerWarp + lane / 4 +
             (rowTile * 16 + half * 8);
    Val limit = last - column0;
    for (int64_t tile = 0; tile < columns / 8; ++tile)
      for (int64_t i = 0; i < 2; ++i) {
        Val &score = scores[tile][2 * half + i];
        Val hidden = limit < static_cast<double>(tile * 8 + i);
        score = select(hidden, k.f32(kMaskedScore), score);
      }
  }
}

/// Replaces scores by exp(s - maximum) and brings sums and result up to the new
/// maximum. Works to base 2.
void AttentionKernel::softmax(SmallVector<Vals> &scores, RowState &state,
                              int64_t rowTile) {
  bool lateScale = scalesLate();
  for (int64_t half = 0; half < 2; ++half) {
    Val factor = spec.temperature ? scoreScale[rowTile][half]
                                  : k.f32(spec.scale * kLog2E);
    auto element = [&](int64_t tile, int64_t i) -> Val & {
      return scores[tile][2 * half + i];
    };
    Val maximum = state.maximum[half];
    for (int64_t tile = 0; tile < columns / 8; ++tile)
      for (int64_t i = 0; i < 2; ++i)
        maximum = max(maximum, element(tile, i));
    maximum = k.reduceLanes(maximum, 3, [](Val a, Val b) { return max(a, b); });

    // How far the maximum has moved, as an exponent of 2.
    Val shift = state.maximum[half] - maximum;
    if (lateScale)
      shift = shift * factor;
    Val correction = k.exp2(shift);
    Val offset = lateScale ? maximum * factor : maximum;
    Val negative = k.f32(0) - offset;
    state.maximum[half] = maximum;

    Val sum = state.sum[half] * correction;
    Val logSum;
    if (spec.entropy)
      logSum = correction * fma(shift, state.sum[half], state.logSum[half]);
    for (int64_t tile = 0; tile < columns / 8; ++tile)
      for (int64_t i = 0; i < 2; ++i) {
        Val exponent = lateScale ? fma(element(tile, i), factor, negative)
                                 : element(tile, i) + negative;
        Val p = k.exp2(exponent);
        element(tile, i) = p;
        sum = sum + p;
        if (spec.entropy)
          logSum = fma(p, exponent, logSum);
      }
    state.sum[half] = sum;
    if (spec.entropy)
      state.logSum[half] = logSum;
    for (Vals &tile : state.result)
      for (int64_t i = 0; i < 2; ++i)
        tile[2 * half + i] = tile[2 * half + i] * correction;
  }
}

/// One step over `columns` keys.
Vals AttentionKernel::step(Val index, ArrayRef<Val> carried, bool masked) {
  k.waitForCopies(0);
  k.blockBarrier();
  Val next = index + 1;
  k.when(next < numSteps, [&] { loadKeysAndValues(next); });
  k.commitCopies();

  auto compute = [&] {
    SmallVector<RowState, 2> states = unpack(carried);
    Val keys =
        k.address(shared, (index & 1) * (2 * columns * stride) + rows * stride);
    // Scores of all row tiles share the fragments of K.
    Accumulators scores = tiles.zeros(rowTiles, columns);
    tiles.multiply(
        [&](int64_t tile, int64_t depth) { return queries[tile][depth]; }, keys,
        scores);
    for (int64_t tile = 0; tile < rowTiles; ++tile) {
      if (spec.temperature || spec.scale <= 0)
        for (Vals &scoreTile : scores[tile])
          for (auto [i, score] : llvm::enumerate(scoreTile))
            score = score * (spec.temperature ? scoreScale[tile][i / 2]
                                              : k.f32(spec.scale * kLog2E));
      if (masked)
        maskScores(scores[tile], index, tile);
      softmax(scores[tile], states[tile], tile);
    }
    Accumulators results;
    for (RowState &state : states)
      results.push_back(std::move(state.result));
    tiles.accumulate(scores, k.address(keys, columns * stride), results);
    for (auto [state, result] : llvm::zip(states, results))
      state.result = std::move(result);
    return pack(states);
  };
  if (!masked || !spec.causal)
    return compute();
  // A warp whose rows all stand before these keys has nothing to add.
  Val lastRow = row0 + warp * tiling.rowsPerWarp + (tiling.rowsPerWarp - 1);
  return k.when(index * columns < lastRow + 1, carried, compute);
}

/// Divides by the sums, leaves the rows in shared memory (where the queries
/// were) and writes entropy and log_sum_exp.
void AttentionKernel::finishRows(RowState &state, int64_t rowTile) {
  for (int64_t half = 0; half < 2; ++half) {
    Val rowInWarp = lane / 4 + (rowTile * 16 + half * 8);
    Val sum = k.sumLanes(state.sum[half], 3);
    Val inverse = k.reciprocal(sum);
    Val place = k.address(warpQueries, rowInWarp * stride + quad * 4);
    for (auto [i, tile] : llvm::enumerate(state.result))
      k.storeWords(
          k.packBF16(tile[2 * half] * inverse, tile[2 * half + 1] * inverse),
          k.address(place, static_cast<int64_t>(i) * 16));
    Val row = row0 + warp * tiling.rowsPerWarp + rowInWarp;
    Val isWriter = equal(quad, 0) & (row < static_cast<double>(spec.tokens));
    unsigned argument = 2 + spec.temperature;
    auto storeOfRow = [&](Val value) {
      Val base =
          k.wideAddress(k.argument(argument++), batchHead, spec.tokens * 4);
      k.when(isWriter, [&] { k.store(value, k.address(base, row * 4), 4); });
    };
    if (spec.entropy) {
      // E = log(sum) - (sum of p log p) / sum.
      Val logSum = k.sumLanes(state.logSum[half], 3);
      storeOfRow((k.log2(sum) - logSum * inverse) * kLn2);
    }
    if (spec.logSumExp) {
      Val maximum = state.maximum[half];
      if (scalesLate())
        maximum = maximum * (spec.scale * kLog2E);
      storeOfRow((maximum + k.log2(sum)) * kLn2);
    }
  }
}

gpu::GPUFuncOp AttentionKernel::build() {
  computePlace();
  int64_t length = spec.tokens;
  // Steps before `numFull` need no mask.
  Val numFull = k.i32(length / columns);
  numSteps = k.i32(llvm::divideCeilSigned(length, columns));
  if (spec.causal) {
    numFull = (row0 + 1) / columns;
    Val end = min(row0 + rows, k.i32(length));
    numSteps = (end + (columns - 1)) / columns;
  }
  tiles.load(shared, queryBase, row0, rows, 6 * width);
  loadKeysAndValues(k.i32(0));
  k.commitCopies();
  loadTemperature();
  k.waitForCopies(0);
  k.blockBarrier();
  queries = tiles.loadAllLeft(warpQueries, rowTiles);

  SmallVector<RowState, 2> states(rowTiles, initialState());
  Vals carried = k.loop(k.i32(0), numFull, 1, pack(states),
                        [&](Val index, ArrayRef<Val> values) {
                          return step(index, values, /*masked=*/false);
                        });
  if (spec.causal || length % columns)
    carried = k.loop(numFull, numSteps, 1, carried,
                     [&](Val index, ArrayRef<Val> values) {
                       return step(index, values, /*masked=*/true);
                     });
  states = unpack(carried);
  for (int64_t tile = 0; tile < rowTiles; ++tile)
    finishRows(states[tile], tile);
  k.warpBarrier();
  tiles.store(warpQueries, resultBase, row0 + warp * tiling.rowsPerWarp,
              tiling.rowsPerWarp, 2 * width);
  gpu::GPUFuncOp function = k.finish();
  function->setAttr(kNoSpillAttr, k.getUnitAttr());
  // Otherwise ptxas may prefer another block on the multiprocessor to spills.
  function->setAttr("nvvm.maxnreg", k.getI32IntegerAttr(255));
  return function;
}

gpu::GPUFuncOp mlir::pi::buildAttentionBF16(gpu::GPUModuleOp module,
                                            Location loc, StringRef name,
                                            const AttentionSpec &spec) {
  return AttentionKernel(module, loc, name, spec).build();
}
