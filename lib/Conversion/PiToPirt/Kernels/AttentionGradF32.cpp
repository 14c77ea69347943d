//===- AttentionGradF32.cpp - Gradient of attention, the reference mode ---===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For comparisons with f32 models: every product is an f32 multiply-add.
//
// Roofline at B = 32, T = 1024, H = 12, head 64, causal, on an H100: 180 GFLOP
// at 67 TFLOP/s are 2.7 ms. Shared memory gives about a third of that rate
// here.
//
//===----------------------------------------------------------------------===//

#include "AttentionGrad.h"
#include "AttentionTilesF32.h"

#include "pi/Target/Cubin/Cubin.h"

using namespace mlir;
using namespace mlir::pi;

namespace {

class GradKernel : AttentionGradKernel {
public:
  GradKernel(gpu::GPUModuleOp module, Location loc, StringRef name,
             const AttentionSpec &spec, GradPart part)
      : AttentionGradKernel(module, loc, name, spec, part),
        overQueries(part == GradPart::Keys), rowsPerWarp(tiling.rowsPerWarp),
        tiles(k, headSize, spec.tokens, 32 * tiling.warps, rowsPerWarp,
              columns),
        stride(tiles.getStride()), elementStride(tiles.getProductStride()),
        lanesColumns(tiles.getNumLaneColumns()),
        numResults(overQueries ? 2 : 1) {}

  gpu::GPUFuncOp build();

private:
  void placeShared();
  void loadOwn();
  void loadColumns(Val index);
  void computeRowTerms();
  Val hide(Val log, Val column, int64_t row);
  Vals step(Val index, ArrayRef<Val> carried);
  void storeResult(ArrayRef<Val> sums, int64_t part,
                   function_ref<Val(int64_t)> factor);
  void storeShares(ArrayRef<Val> sums);

  bool overQueries;
  int64_t rowsPerWarp;
  AttentionTilesF32 tiles;
  int64_t stride, elementStride, lanesColumns, numResults;
  Val first, second;             // the block's rows
  Val ownFirst, ownSecond;       // the warp's
  Val walkedFirst, walkedSecond; // the tile
  Val scoreGradients, probabilities, terms;
  SmallVector<RowTerms> rowTerms; // walking over keys
};

} // namespace

void GradKernel::placeShared() {
  first = k.sharedMemory();
  second = k.address(first, rows * stride);
  walkedFirst = k.address(second, rows * stride);
  walkedSecond = k.address(walkedFirst, columns * stride);
  Val elements = k.address(walkedSecond, columns * stride);
  terms = k.address(elements, 2 * rows * elementStride);
  ownFirst = k.address(first, warp * (rowsPerWarp * stride));
  ownSecond = k.address(second, warp * (rowsPerWarp * stride));
  scoreGradients =
      k.address(elements, warp * (2 * rowsPerWarp * elementStride));
  probabilities = k.address(scoreGradients, rowsPerWarp * elementStride);
}

void GradKernel::loadOwn() {
  tiles.load(first, getHeadBase(at.qkv, overQueries, 3), blockRow0, rows,
             getPackedStride());
  if (overQueries)
    tiles.load(second, getHeadBase(at.qkv, 2, 3), blockRow0, rows,
               getPackedStride());
  else
    tiles.load(second, getHeadBase(at.gradient, 0, 1), blockRow0, rows,
               getRowStride());
}

void GradKernel::loadColumns(Val index) {
  Val row = index * columns;
  tiles.load(walkedFirst, getHeadBase(at.qkv, !overQueries, 3), row, columns,
             getPackedStride());
  if (!overQueries) {
    tiles.load(walkedSecond, getHeadBase(at.qkv, 2, 3), row, columns,
               getPackedStride());
    return;
  }
  tiles.load(walkedSecond, getHeadBase(at.gradient, 0, 1), row, columns,
             getRowStride());
  loadTermTile(terms, row);
}

/// D and the other terms of the warp's queries, which are kept for the walk
/// over queries.
void GradKernel::computeRowTerms() {
  Val result = getHeadBase(at.result, 0, 1);
  for (int64_t row = 0; row < rowsPerWarp; ++row) {
    Val clamped = min(row0 + row, k.i32(spec.tokens - 1));
    Val place = k.address(result, clamped * getRowStride());
    Val sum = k.f32(0);
    for (int64_t c = 0; c < lanesColumns; ++c) {
      Val product =
          k.load(k.getF32Type(), tiles.getLanePlace(place, c), 4) *
          k.load(k.getF32Type(),
                 tiles.getLanePlace(k.address(ownSecond, row * stride), c), 4);
      Val exists = lane + c * 32 < static_cast<double>(headSize);
      sum = sum + select(exists, product, k.f32(0));
    }
    rowTerms.push_back(computeTerms(row0 + row, k.sumLanes(sum)));
    k.when(equal(lane, 0), [&] {
      storeTerms(rowTerms.back(),
                 k.address(getTermsBase(), (row0 + row) * termBytes));
    });
  }
}

Val GradKernel::hide(Val log, Val column, int64_t row) {
  Val hidden = k.f32(kHiddenLog);
  if (overQueries)
    return spec.causal ? select(column < row0 + row, hidden, log) : log;
  Val last = spec.causal ? row0 + row : k.i32(spec.tokens - 1);
  return select(last < column, hidden, log);
}

Vals GradKernel::step(Val index, ArrayRef<Val> carried) {
  k.blockBarrier();
  loadColumns(index);
  k.commitCopies();
  k.waitForCopies(0);
  k.blockBarrier();
  Vals scores = tiles.multiply(ownFirst, walkedFirst);
  Vals products = tiles.multiply(ownSecond, walkedSecond);
  RowTerms columnTerms;
  if (overQueries)
    columnTerms = loadTerms(terms, lane);
  for (int64_t row = 0; row < rowsPerWarp; ++row) {
    const RowTerms &own = overQueries ? columnTerms : rowTerms[row];
    Val log = hide(computeLog(scores[row], own), index * columns + lane, row);
    Val p = k.exp2(log);
    Val ds = p * (products[row] + computeGradientStart(log, own));
    if (overQueries && spec.temperature)
      ds = ds * getScale(own);
    Val place = k.address(scoreGradients, lane * 4 + row * elementStride);
    k.store(ds, place, 4);
    if (overQueries)
      k.store(p, k.address(place, rowsPerWarp * elementStride), 4);
  }
  k.warpBarrier();
  Vals sums(carried);
  size_t count = sums.size() / numResults;
  tiles.accumulate(scoreGradients, walkedFirst,
                   MutableArrayRef(sums).take_front(count));
  if (overQueries)
    tiles.accumulate(probabilities, walkedSecond,
                     MutableArrayRef(sums).drop_front(count));
  return sums;
}

void GradKernel::storeResult(ArrayRef<Val> sums, int64_t part,
                             function_ref<Val(int64_t)> factor) {
  Val base = getHeadBase(at.dQkv, part, 3);
  for (int64_t row = 0; row < rowsPerWarp; ++row) {
    Val inside = row0 + row < static_cast<double>(spec.tokens);
    for (int64_t c = 0; c < lanesColumns; ++c) {
      Val column = lane + c * 32;
      k.when(inside & (column < static_cast<double>(headSize)), [&] {
        k.store(sums[row * lanesColumns + c] * factor(row),
                k.address(base, (row0 + row) * getPackedStride() + column * 4),
                4);
      });
    }
  }
}

void GradKernel::storeShares(ArrayRef<Val> sums) {
  for (int64_t row = 0; row < rowsPerWarp; ++row) {
    Val product = k.f32(0);
    for (int64_t c = 0; c < lanesColumns; ++c) {
      Val q =
          k.load(k.getF32Type(),
                 tiles.getLanePlace(k.address(ownFirst, row * stride), c), 4);
      Val exists = lane + c * 32 < static_cast<double>(headSize);
      product =
          product + select(exists, q * sums[row * lanesColumns + c], k.f32(0));
    }
    storeTemperatureShare(row0 + row,
                          k.sumLanes(product) * getScale(rowTerms[row]),
                          equal(lane, 0));
  }
}

gpu::GPUFuncOp GradKernel::build() {
  computePlace();
  placeShared();
  loadOwn();
  k.commitCopies();
  k.waitForCopies(0);
  k.blockBarrier();
  if (!overQueries)
    computeRowTerms();
  Val begin = k.i32(0), end = k.i32(spec.tokens);
  if (spec.causal && overQueries)
    begin = blockRow0 / columns;
  if (spec.causal && !overQueries)
    end = min(blockRow0 + rows, end);
  Vals zeros(numResults * rowsPerWarp * lanesColumns, k.f32(0));
  Vals sums = k.loop(
      begin, (end + (columns - 1)) / columns, 1, zeros,
      [&](Val index, ArrayRef<Val> values) { return step(index, values); });
  ArrayRef<Val> all = sums;
  size_t count = all.size() / numResults;
  if (overQueries) {
    // With a temperature the terms have the factor of each query.
    Val factor = k.f32(spec.temperature ? 1.0 : spec.scale);
    storeResult(all.take_front(count), 1, [&](int64_t) { return factor; });
    storeResult(all.drop_front(count), 2, [&](int64_t) { return k.f32(1); });
  } else {
    if (spec.temperature)
      storeShares(all);
    storeResult(all, 0, [&](int64_t row) { return getScale(rowTerms[row]); });
  }
  gpu::GPUFuncOp function = k.finish();
  function->setAttr(kNoSpillAttr, k.getUnitAttr());
  return function;
}

gpu::GPUFuncOp mlir::pi::buildAttentionGradF32(gpu::GPUModuleOp module,
                                               Location loc, StringRef name,
                                               const AttentionSpec &spec,
                                               GradPart part) {
  return GradKernel(module, loc, name, spec, part).build();
}
