//===- AttentionGrad.cpp - Tiling and launches of the gradient ------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionGrad.h"
#include "AttentionTiles.h"
#include "AttentionTilesF32.h"

#include "pi/Target/Cubin/Cubin.h"

using namespace mlir;
using namespace mlir::pi;

//===----------------------------------------------------------------------===//
// Tiling and arguments
//===----------------------------------------------------------------------===//

AttentionTiling mlir::pi::getGradTiling(const AttentionSpec &spec) {
  if (spec.tiling)
    return *spec.tiling;
  if (spec.element.isF32())
    return {/*warps=*/4, /*rowsPerWarp=*/8, /*columns=*/32};
  // A short sequence is one block.
  constexpr int64_t kShort = 128;
  bool isShort = spec.tokens <= kShort;
  // With 32 rows a warp uses each fragment of what it walks over twice; wider
  // heads leave no registers for that.
  int64_t rowsPerWarp = spec.headSize <= 64 ? 32 : 16;
  int64_t columns = spec.headSize <= 64 && !isShort ? 32 : 16;
  int64_t warps =
      isShort ? llvm::divideCeilSigned(spec.tokens, rowsPerWarp) : 4;
  return {warps, rowsPerWarp, columns};
}

bool mlir::pi::isResident(const AttentionSpec &spec) {
  AttentionTiling tiling = getGradTiling(spec);
  return spec.element.isBF16() &&
         spec.tokens <= tiling.warps * tiling.rowsPerWarp;
}

/// Words of f32 that the walk over queries needs of one row.
static int64_t getTermWords(const AttentionSpec &spec) {
  return spec.temperature || spec.entropy ? 4 : 2;
}

static int64_t getPaddedTokens(const AttentionSpec &spec) {
  AttentionTiling tiling = getGradTiling(spec);
  return llvm::alignTo(spec.tokens, tiling.warps * tiling.rowsPerWarp);
}

GradArguments::GradArguments(const AttentionSpec &spec) {
  int64_t width = spec.heads * spec.headSize;
  Type f32 = Float32Type::get(spec.element.getContext());
  auto add = [&](ArrayRef<int64_t> shape, Type element) {
    types.push_back(MemRefType::get(shape, element));
    return static_cast<unsigned>(types.size() - 1);
  };
  std::array<int64_t, 3> byRow = {spec.batch, spec.heads, spec.tokens};
  gradient = add({spec.batch, spec.tokens, width}, spec.element);
  qkv = add({spec.batch, spec.tokens, 3 * width}, spec.element);
  result = add({spec.batch, spec.tokens, width}, spec.element);
  logSumExp = add(byRow, f32);
  if (spec.temperature)
    temperature = add({spec.heads, spec.tokens}, f32);
  if (spec.entropy) {
    entropy = add(byRow, f32);
    entropyGradient = add(byRow, f32);
  }
  if (!isResident(spec))
    rowTerms =
        add({spec.batch, spec.heads, getPaddedTokens(spec), getTermWords(spec)},
            f32);
  if (spec.temperature)
    temperatureShares = add(byRow, f32);
  dQkv = add({spec.batch, spec.tokens, 3 * width}, spec.element);
  if (spec.temperature)
    dTemperature = add({spec.heads, spec.tokens}, f32);
}

int64_t mlir::pi::getGradSharedBytes(const AttentionSpec &spec, GradPart part) {
  AttentionTiling tiling = getGradTiling(spec);
  int64_t rows = tiling.warps * tiling.rowsPerWarp;
  int64_t termBytes = 4 * getTermWords(spec);
  if (spec.element.isF32()) {
    // Rows and columns of two matrices each, dS and, of keys, P, and terms.
    using Tiles = AttentionTilesF32;
    return 2 * (rows + tiling.columns) * Tiles::getStride(spec.headSize) +
           2 * rows * Tiles::getProductStride(tiling.columns) +
           tiling.columns * termBytes;
  }
  int64_t stride = AttentionTiles::getStride(spec.headSize);
  // Q, K, V, dO and results on their way out, or two matrices of rows and two
  // stages of two of columns; and terms.
  if (part == GradPart::Both)
    return rows * (5 * stride + termBytes);
  return 2 * rows * stride + 2 * tiling.columns * (2 * stride + termBytes);
}

//===----------------------------------------------------------------------===//
// What kernels share
//===----------------------------------------------------------------------===//

AttentionGradKernel::AttentionGradKernel(gpu::GPUModuleOp module, Location loc,
                                         StringRef name,
                                         const AttentionSpec &spec,
                                         GradPart part)
    : spec(spec), part(part), tiling(getGradTiling(spec)),
      headSize(spec.headSize), columns(tiling.columns),
      rows(tiling.warps * tiling.rowsPerWarp), width(spec.heads * headSize),
      elementBytes(spec.element.getIntOrFloatBitWidth() / 8),
      paddedTokens(getPaddedTokens(spec)), termBytes(4 * getTermWords(spec)),
      at(spec), k(module, loc, name, at.types, 32 * tiling.warps) {}

void AttentionGradKernel::computePlace() {
  lane = k.laneId();
  warp = k.warpId();
  Val block = k.blockId(gpu::Dimension::x);
  // What walks the furthest starts first.
  if (spec.causal && part == GradPart::Queries)
    block = k.i32(paddedTokens / rows - 1) - block;
  blockRow0 = block * rows;
  row0 = blockRow0 + warp * tiling.rowsPerWarp;
  batchHead = k.blockId(gpu::Dimension::y);
  batch = batchHead / spec.heads;
  head = batchHead % spec.heads;
}

Val AttentionGradKernel::getHeadBase(unsigned argument, int64_t part,
                                     int64_t parts) {
  Val sequence = k.wideAddress(k.argument(argument), batch,
                               spec.tokens * parts * getRowStride());
  return k.address(sequence,
                   head * (headSize * elementBytes) + part * getRowStride());
}

RowTerms AttentionGradKernel::computeTerms(Val row, Val rowSum) {
  Val last = k.i32(spec.tokens - 1);
  Val inside = row < static_cast<double>(spec.tokens);
  Val clamped = min(row, last);
  Type f32 = k.getF32Type();
  auto loadRow = [&](unsigned argument) {
    Val base = k.wideAddress(k.argument(argument), batchHead, spec.tokens * 4);
    return k.load(f32, k.address(base, clamped * 4), 4);
  };
  Val zero = k.f32(0);
  RowTerms terms;
  terms.negLogSum =
      select(inside, loadRow(at.logSumExp) * -kLog2E, k.f32(kHiddenLog));
  if (spec.entropy) {
    Val dEntropy = select(inside, loadRow(at.entropyGradient), zero);
    rowSum = fma(dEntropy, loadRow(at.entropy), rowSum);
    terms.negEntropy = dEntropy * -kLn2;
  }
  terms.negRowSum = select(inside, zero - rowSum, zero);
  terms.factor = k.f32(spec.scale * kLog2E);
  if (spec.temperature) {
    Val place = k.address(k.argument(at.temperature),
                          (head * spec.tokens + clamped) * 4);
    terms.factor = terms.factor / k.load(f32, place, 4);
  }
  return terms;
}

void AttentionGradKernel::storeTerms(const RowTerms &terms, Val place) {
  Vals words = {terms.negLogSum, terms.negRowSum};
  if (termBytes == 16) {
    words.push_back(spec.entropy ? terms.negEntropy : k.f32(0));
    words.push_back(terms.factor);
  }
  k.storeWords(words, place);
}

void AttentionGradKernel::loadTermTile(Val shared, Val row) {
  // Padded to a multiple of the block's rows: none is past the end.
  int64_t chunks = columns * termBytes / 16;
  Val chunk = k.threadId();
  k.when(chunk < static_cast<double>(chunks), [&] {
    k.copyAsync(k.address(shared, chunk * 16),
                k.address(getTermsBase(), row * termBytes + chunk * 16));
  });
}

RowTerms AttentionGradKernel::loadTerms(Val tileTerms, Val column) {
  // One by one, so that a term that is not used is not read.
  Val place = k.address(tileTerms, column * termBytes);
  auto load = [&](int64_t word) {
    return k.load(k.getF32Type(), k.address(place, word * 4), 4);
  };
  return {load(0), load(1), spec.entropy ? load(2) : Val(),
          spec.temperature ? load(3) : k.f32(spec.scale * kLog2E)};
}

Val AttentionGradKernel::getScale(const RowTerms &terms) {
  return spec.temperature ? terms.factor * kLn2 : k.f32(spec.scale);
}

void AttentionGradKernel::storeTemperatureShare(Val row, Val share,
                                                Val isWriter) {
  k.when(isWriter & (row < static_cast<double>(spec.tokens)), [&] {
    Val t = k.load(
        k.getF32Type(),
        k.address(k.argument(at.temperature), (head * spec.tokens + row) * 4),
        4);
    Val base = k.wideAddress(k.argument(at.temperatureShares), batchHead,
                             spec.tokens * 4);
    k.store((k.f32(0) - share) / t, k.address(base, row * 4), 4);
  });
}

//===----------------------------------------------------------------------===//
// Temperature
//===----------------------------------------------------------------------===//

/// Sums the shares over the batch, always in the same order: a block takes 32
/// of the H x T sums, each of its warps every 8th sequence.
static gpu::GPUFuncOp buildTemperatureSum(gpu::GPUModuleOp module, Location loc,
                                          StringRef name,
                                          const AttentionSpec &spec) {
  constexpr int64_t kWarps = 8, kUnroll = 4;
  int64_t count = spec.heads * spec.tokens;
  GradArguments at(spec);
  TileBuilder k(module, loc, name, at.types, 32 * kWarps);
  Type f32 = k.getF32Type();
  Val lane = k.laneId(), warp = k.warpId();
  Val column = k.blockId(gpu::Dimension::x) * 32 + lane;
  Val clamped = min(column, k.i32(count - 1));
  Val last = k.i32(spec.batch - 1);
  Vals sums = k.loop(
      warp, k.i32(spec.batch), kWarps * kUnroll, Vals(1, k.f32(0)),
      [&](Val first, ArrayRef<Val> carried) {
        // Loads of several sequences are on their way at once.
        Vals shares;
        for (int64_t i = 0; i < kUnroll; ++i) {
          Val sequence = first + i * kWarps;
          Val row = k.wideAddress(k.argument(at.temperatureShares),
                                  min(sequence, last), count * 4);
          Val share = k.load(f32, k.address(row, clamped * 4), 4);
          shares.push_back(select(sequence < static_cast<double>(spec.batch),
                                  share, k.f32(0)));
        }
        Val sum = carried[0];
        for (Val share : shares)
          sum = sum + share;
        return Vals(1, sum);
      });
  Val shared = k.sharedMemory();
  k.store(sums[0], k.address(shared, k.threadId() * 4), 4);
  k.blockBarrier();
  k.when(equal(warp, 0) & (column < static_cast<double>(count)), [&] {
    Val sum = k.f32(0);
    for (int64_t i = 0; i < kWarps; ++i)
      sum = sum + k.load(f32, k.address(shared, (lane + i * 32) * 4), 4);
    k.store(sum, k.address(k.argument(at.dTemperature), column * 4), 4);
  });
  gpu::GPUFuncOp function = k.finish();
  function->setAttr(kNoSpillAttr, k.getUnitAttr());
  return function;
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

static KernelLaunch buildPart(gpu::GPUModuleOp module, Location loc,
                              const AttentionSpec &spec, GradPart part) {
  StringRef kind = part == GradPart::Both      ? "attention_grad"
                   : part == GradPart::Queries ? "attention_grad_queries"
                                               : "attention_grad_keys";
  std::string name = getAttentionName(kind, spec);
  AttentionTiling tiling = getGradTiling(spec);
  KernelLaunch launch;
  launch.grid = {getPaddedTokens(spec) / (tiling.warps * tiling.rowsPerWarp),
                 spec.batch * spec.heads, 1};
  launch.block = {32 * tiling.warps, 1, 1};
  launch.sharedBytes = getGradSharedBytes(spec, part);
  launch.kernel = module.lookupSymbol<gpu::GPUFuncOp>(name);
  if (!launch.kernel)
    launch.kernel = spec.element.isF32()
                        ? buildAttentionGradF32(module, loc, name, spec, part)
                        : buildAttentionGradBF16(module, loc, name, spec, part);
  return launch;
}

FailureOr<KernelSequence>
mlir::pi::buildAttentionGrad(gpu::GPUModuleOp module, Location loc,
                             const AttentionSpec &spec) {
  if (failed(checkAttention(loc, spec)))
    return failure();
  GradArguments at(spec);
  KernelSequence result;
  if (isResident(spec)) {
    result.kernels = {buildPart(module, loc, spec, GradPart::Both)};
  } else {
    result.scratch.push_back(cast<MemRefType>(at.types[at.rowTerms]));
    result.kernels = {buildPart(module, loc, spec, GradPart::Queries),
                      buildPart(module, loc, spec, GradPart::Keys)};
  }
  if (!spec.temperature)
    return result;
  result.scratch.push_back(cast<MemRefType>(at.types[at.temperatureShares]));
  KernelLaunch sum;
  sum.grid = {llvm::divideCeilSigned(spec.heads * spec.tokens, 32), 1, 1};
  sum.block = {256, 1, 1};
  sum.sharedBytes = 1024;
  std::string name = getAttentionName("attention_grad_temperature", spec);
  sum.kernel = module.lookupSymbol<gpu::GPUFuncOp>(name);
  if (!sum.kernel)
    sum.kernel = buildTemperatureSum(module, loc, name, spec);
  result.kernels.push_back(sum);
  return result;
}
