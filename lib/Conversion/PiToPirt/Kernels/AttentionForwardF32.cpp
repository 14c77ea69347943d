//===- AttentionForwardF32.cpp - Attention in f32, the reference mode ---*- C++
//-*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// For comparisons with f32 models: every product is an f32 multiply-add.
//
// Roofline at B = 32, T = 1024, H = 12, head 64, causal, on an H200: 51.5 GFLOP
// at 67 TFLOP/s are 0.8 ms. Shared memory gives about half of that rate here.
//
//===----------------------------------------------------------------------===//

#include "AttentionForward.h"
#include "AttentionTilesF32.h"

#include "pi/Target/Cubin/Cubin.h"

using namespace mlir;
using namespace mlir::pi;

namespace {

/// What a warp carries from step to step; index 0 is the row of the warp.
struct RowState {
  Vals result;  // [row][every 32nd column from the lane's on]
  Vals maximum; // [row], the same in all lanes
  Vals sum;     // [row], of the lane's keys
  Vals logSum;  // [row], sum of p log2(p), for the entropy
};

class AttentionKernel {
public:
  AttentionKernel(gpu::GPUModuleOp module, Location loc, StringRef name,
                  const AttentionSpec &spec)
      : spec(spec), tiling(getTiling(spec)), headSize(spec.headSize),
        columns(tiling.columns), rowsPerWarp(tiling.rowsPerWarp),
        rows(tiling.warps * rowsPerWarp), width(spec.heads * headSize),
        k(module, loc, name, getArgumentTypes(spec), 32 * tiling.warps),
        tiles(k, headSize, spec.tokens, 32 * tiling.warps, rowsPerWarp,
              columns),
        stride(tiles.getStride()), lanesColumns(tiles.getNumLaneColumns()) {}

  gpu::GPUFuncOp build();

private:
  void computePlace();
  Vals step(Val index, ArrayRef<Val> carried);
  void softmax(Vals &scores, RowState &state, Val index);
  void storeRow(const RowState &state, int64_t row);
  Val getRowScale(int64_t row);

  RowState initialState();
  Vals pack(const RowState &state);
  RowState unpack(ArrayRef<Val> carried);

  const AttentionSpec &spec;
  AttentionTiling tiling;
  int64_t headSize, columns, rowsPerWarp, rows, width;
  TileBuilder k;
  AttentionTilesF32 tiles;
  int64_t stride, lanesColumns;

  Val lane, warp, batchHead, head, row0, warpRow0;
  Val queryBase, resultBase;
  Val queries, keys, values, probabilities;
  Vals rowScale; // scale log2(e) / t of each row
};

} // namespace

void AttentionKernel::computePlace() {
  lane = k.laneId();
  warp = k.warpId();
  int64_t blocks = llvm::divideCeilSigned(spec.tokens, rows);
  row0 = (k.i32(blocks - 1) - k.blockId(gpu::Dimension::x)) * rows;
  warpRow0 = row0 + warp * rowsPerWarp;
  batchHead = k.blockId(gpu::Dimension::y);
  Val batch = batchHead / spec.heads;
  head = batchHead % spec.heads;

  int64_t sequenceBytes = spec.tokens * width * 4;
  queryBase = k.address(k.wideAddress(k.argument(0), batch, 3 * sequenceBytes),
                        head * (4 * headSize));
  resultBase = k.address(
      k.wideAddress(k.argument(1 + spec.temperature), batch, sequenceBytes),
      head * (4 * headSize));

  Val shared = k.sharedMemory();
  keys = k.address(shared, rows * stride);
  values = k.address(keys, columns * stride);
  queries = k.address(shared, warp * (rowsPerWarp * stride));
  probabilities = k.address(k.address(values, columns * stride),
                            warp * (rowsPerWarp * tiles.getProductStride()));
}

Val AttentionKernel::getRowScale(int64_t row) {
  Val factor = k.f32(spec.scale * kLog2E);
  if (!spec.temperature)
    return factor;
  Val clamped = min(warpRow0 + row, k.i32(spec.tokens - 1));
  Val place = k.address(k.argument(1), (head * spec.tokens + clamped) * 4);
  return factor / k.load(k.getF32Type(), place, 4);
}

RowState AttentionKernel::initialState() {
  RowState state;
  state.result.assign(rowsPerWarp * lanesColumns, k.f32(0));
  state.maximum.assign(rowsPerWarp, k.f32(kMaskedScore));
  state.sum.assign(rowsPerWarp, k.f32(0));
  if (spec.entropy)
    state.logSum.assign(rowsPerWarp, k.f32(0));
  return state;
}

Vals AttentionKernel::pack(const RowState &state) {
  Vals all;
  all.append(state.result);
  all.append(state.maximum);
  all.append(state.sum);
  all.append(state.logSum);
  return all;
}

RowState AttentionKernel::unpack(ArrayRef<Val> carried) {
  RowState state;
  auto take = [&](size_t count) {
    Vals taken(carried.take_front(count));
    carried = carried.drop_front(count);
    return taken;
  };
  state.result = take(rowsPerWarp * lanesColumns);
  state.maximum = take(rowsPerWarp);
  state.sum = take(rowsPerWarp);
  if (spec.entropy)
    state.logSum = take(rowsPerWarp);
  return state;
}

/// As in the bf16 kernel, one row at a time; leaves p in shared memory.
void AttentionKernel::softmax(Vals &scores, RowState &state, Val index) {
  Val column = index * columns + lane;
  for (int64_t row = 0; row < rowsPerWarp; ++row) {
    Val last = spec.causal ? warpRow0 + row : k.i32(spec.tokens - 1);
    Val score =
        select(last < column, k.f32(kMaskedScore), scores[row] * rowScale[row]);
    Val maximum =
        max(state.maximum[row],
            k.reduceLanes(score, 31, [](Val a, Val b) { return max(a, b); }));
    Val shift = state.maximum[row] - maximum;
    Val correction = k.exp2(shift);
    Val exponent = score - maximum;
    Val p = k.exp2(exponent);
    if (spec.entropy)
      state.logSum[row] =
          fma(p, exponent,
              correction * fma(shift, state.sum[row], state.logSum[row]));
    state.sum[row] = fma(state.sum[row], correction, p);
    state.maximum[row] = maximum;
    for (Val &result :
         MutableArrayRef(state.result).slice(row * lanesColumns, lanesColumns))
      result = result * correction;
    k.store(p,
            k.address(probabilities, lane * 4 + row * tiles.getProductStride()),
            4);
  }
  k.warpBarrier();
}

Vals AttentionKernel::step(Val index, ArrayRef<Val> carried) {
  k.blockBarrier();
  tiles.load(keys, k.address(queryBase, 4 * width), index * columns, columns,
             12 * width);
  tiles.load(values, k.address(queryBase, 8 * width), index * columns, columns,
             12 * width);
  k.commitCopies();
  k.waitForCopies(0);
  k.blockBarrier();
  RowState state = unpack(carried);
  Vals scores = tiles.multiply(queries, keys);
  softmax(scores, state, index);
  tiles.accumulate(probabilities, values, state.result);
  return pack(state);
}

void AttentionKernel::storeRow(const RowState &state, int64_t row) {
  Val sum = k.sumLanes(state.sum[row]);
  Val inverse = k.f32(1) / sum;
  Val globalRow = warpRow0 + row;
  Val inside = globalRow < static_cast<double>(spec.tokens);
  for (int64_t c = 0; c < lanesColumns; ++c) {
    Val column = lane + c * 32;
    k.when(inside & (column < static_cast<double>(headSize)), [&] {
      k.store(state.result[row * lanesColumns + c] * inverse,
              k.address(resultBase, globalRow * (4 * width) + column * 4), 4);
    });
  }
  Val isWriter = inside & equal(lane, 0);
  unsigned argument = 2 + spec.temperature;
  auto storeOfRow = [&](Val value) {
    Val base =
        k.wideAddress(k.argument(argument++), batchHead, spec.tokens * 4);
    k.when(isWriter,
           [&] { k.store(value, k.address(base, globalRow * 4), 4); });
  };
  if (spec.entropy) {
    Val logSum = k.sumLanes(state.logSum[row]);
    storeOfRow((k.log2(sum) - logSum * inverse) * kLn2);
  }
  if (spec.logSumExp)
    storeOfRow((state.maximum[row] + k.log2(sum)) * kLn2);
}

gpu::GPUFuncOp AttentionKernel::build() {
  computePlace();
  Val end = k.i32(spec.tokens);
  if (spec.causal)
    end = min(row0 + rows, end);
  tiles.load(k.sharedMemory(), queryBase, row0, rows, 12 * width);
  k.commitCopies();
  for (int64_t row = 0; row < rowsPerWarp; ++row)
    rowScale.push_back(getRowScale(row));
  Vals carried = k.loop(
      k.i32(0), (end + (columns - 1)) / columns, 1, pack(initialState()),
      [&](Val index, ArrayRef<Val> values) { return step(index, values); });
  RowState state = unpack(carried);
  for (int64_t row = 0; row < rowsPerWarp; ++row)
    storeRow(state, row);
  gpu::GPUFuncOp function = k.finish();
  function->setAttr(kNoSpillAttr, k.getUnitAttr());
  return function;
}

gpu::GPUFuncOp mlir::pi::buildAttentionF32(gpu::GPUModuleOp module,
                                           Location loc, StringRef name,
                                           const AttentionSpec &spec) {
  return AttentionKernel(module, loc, name, spec).build();
}
