//===- AttentionGradBF16.cpp - Gradient of attention on tensor cores ------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A warp owns 16 or 32 rows and walks over tiles of `columns` rows. Of the rows
// it owns and of those it walks over it reads two matrices each, the first of
// which make the scores (Q and K) and the second dP (dO and V). Scores, dP and
// results stay in registers. A sequence longer than a block comes to shared
// memory a tile ahead; of a shorter one a block holds everything, computes both
// parts, and each warp walks at its own pace: a warp of late rows has many keys
// and few queries.
//
// Roofline with H = 12, head 64, causal, B x T = 32768, on an H100 (3.0 TB/s,
// mma.sync about 600 TFLOP/s, 16 exponentials a clock and SM): 403 MB read and
// written are 134 us at any length. At T = 1024 seven products are 180 GFLOP,
// 300 us, and 403 million exponentials 108 us; at T = 128 they are 25 GFLOP, 42
// us, and 57 million, 15 us.
//
//===----------------------------------------------------------------------===//

#include "AttentionGrad.h"
#include "AttentionTiles.h"

#include "pi/Target/Cubin/Cubin.h"

using namespace mlir;
using namespace mlir::pi;

namespace {

/// What is read of a head; the first three are parts of qkv.
enum class Matrix { Q, K, V, Gradient };

/// One walk of a warp.
struct Walk {
  bool overQueries;
  Val ownFirst, ownSecond; // the warp's rows in shared memory
  /// Walking over keys: operands of Q and dO, and what dS needs of each row.
  LeftOperands firstOperands = {}, secondOperands = {};
  SmallVector<SmallVector<RowTerms>> rowTerms = {}; // [row tile][half]
};

/// A tile that is walked over, in shared memory: K and V, or Q, dO and terms.
struct Tile {
  Val first, second, terms;
};

/// Results in registers: dQ, or dK and dV.
using Sums = SmallVector<Accumulators>;

class GradKernel : AttentionGradKernel {
public:
  GradKernel(gpu::GPUModuleOp module, Location loc, StringRef name,
             const AttentionSpec &spec, GradPart part)
      : AttentionGradKernel(module, loc, name, spec, part),
        rowsPerWarp(tiling.rowsPerWarp), rowTiles(rowsPerWarp / 16),
        tiles(k, headSize, spec.tokens, 32 * tiling.warps),
        stride(tiles.getStride()) {}

  gpu::GPUFuncOp build();

private:
  void buildResident();
  void buildStaged();
  Tile getStage(Val index);
  void loadRows(Val shared, Matrix matrix, Val firstRow, int64_t count);
  void loadStage(Val index, bool overQueries);
  SmallVector<Vals> loadResultWords();
  Walk startOverKeys(Val queries, Val gradients, ArrayRef<Vals> resultWords);
  void storeRowTerms(const Walk &walk, Val base);
  Sums walkAll(const Walk &walk, Val firstRow, int64_t count,
               function_ref<Vals(Val, ArrayRef<Val>, bool)> step);
  Vals compute(const Walk &walk, const Tile &tile, Val column0,
               ArrayRef<Val> carried, bool masked);
  Val hide(const Walk &walk, Val log, Val column0, int64_t rowTile,
           int64_t half, int64_t column);
  void storeQueries(const Walk &walk, const Sums &sums, Val staging);
  void storeKeys(const Sums &sums, Val staging);

  Sums initialSums(const Walk &walk);
  Vals pack(const Sums &sums);
  Sums unpack(ArrayRef<Val> carried);

  int64_t rowsPerWarp, rowTiles;
  AttentionTiles tiles;
  int64_t stride; // bytes of a row in shared memory
};

} // namespace

//===----------------------------------------------------------------------===//
// Registers
//===----------------------------------------------------------------------===//

Sums GradKernel::initialSums(const Walk &walk) {
  return Sums(walk.overQueries ? 2 : 1, tiles.zeros(rowTiles, headSize));
}

Vals GradKernel::pack(const Sums &sums) {
  Vals all;
  for (const Accumulators &matrix : sums)
    for (const SmallVector<Vals> &row : matrix)
      for (const Vals &tile : row)
        all.append(tile);
  return all;
}

Sums GradKernel::unpack(ArrayRef<Val> carried) {
  Sums sums(carried.size() / (rowTiles * headSize / 2), Accumulators(rowTiles));
  for (Accumulators &matrix : sums)
    for (SmallVector<Vals> &row : matrix)
      for (int64_t i = 0; i < headSize / 8; ++i) {
        row.emplace_back(carried.take_front(4));
        carried = carried.drop_front(4);
      }
  return sums;
}

//===----------------------------------------------------------------------===//
// One tile
//===----------------------------------------------------------------------===//

/// Hides the probability of a key that a query does not see. The columns of
/// queries past the end have none.
Val GradKernel::hide(const Walk &walk, Val log, Val column0, int64_t rowTile,
                     int64_t half, int64_t column) {
  Val row = row0 + (lane / 4 + (rowTile * 16 + half * 8));
  Val hidden = k.f32(kHiddenLog);
  if (walk.overQueries)
    return select(row - column0 < static_cast<double>(column + 1), log, hidden);
  Val last = spec.causal ? row : k.i32(spec.tokens - 1);
  return select(last - column0 < static_cast<double>(column), hidden, log);
}

Vals GradKernel::compute(const Walk &walk, const Tile &tile, Val firstColumn,
                         ArrayRef<Val> carried, bool masked) {
  Sums sums = unpack(carried);
  auto getOperand = [&](Val own, const LeftOperands &held) {
    return [this, own, &held](int64_t rowTile, int64_t depth) {
      return held.empty() ? tiles.loadLeft(own, rowTile, depth)
                          : held[rowTile][depth];
    };
  };
  Val laneColumn = (lane % 4) * 2;
  Val column0 = firstColumn + laneColumn;
  // Calls `change` with the place of each element, and the terms of its query.
  auto forEach = [&](auto change) {
    for (int64_t column = 0; column < columns / 8; ++column) {
      SmallVector<RowTerms> columnTerms;
      if (walk.overQueries)
        for (int64_t i = 0; i < 2; ++i)
          columnTerms.push_back(
              loadTerms(tile.terms, laneColumn + (column * 8 + i)));
      for (int64_t rowTile = 0; rowTile < rowTiles; ++rowTile)
        for (int64_t i = 0; i < 4; ++i)
          change(rowTile, column, i,
                 walk.overQueries ? columnTerms[i % 2]
                                  : walk.rowTerms[rowTile][i / 2]);
    }
  };

  Accumulators p = tiles.zeros(rowTiles, columns), ds = p;
  tiles.multiply(getOperand(walk.ownFirst, walk.firstOperands), tile.first, p);
  forEach(
      [&](int64_t rowTile, int64_t column, int64_t i, const RowTerms &terms) {
        Val &element = p[rowTile][column][i];
        Val log = computeLog(element, terms);
        if (masked)
          log = hide(walk, log, column0, rowTile, i / 2, column * 8 + i % 2);
        element = k.exp2(log);
        if (spec.entropy)
          ds[rowTile][column][i] = computeGradientStart(log, terms);
      });

  LeftOperands packed;
  if (walk.overQueries) {
    packed.resize(rowTiles);
    for (int64_t rowTile = 0; rowTile < rowTiles; ++rowTile)
      for (int64_t depth = 0; depth < columns / 16; ++depth)
        packed[rowTile].push_back(tiles.packLeft(p, rowTile, depth));
    tiles.accumulate(
        [&](int64_t rowTile, int64_t depth) { return packed[rowTile][depth]; },
        columns / 16, tile.second, sums[1]);
  }
  tiles.multiply(getOperand(walk.ownSecond, walk.secondOperands), tile.second,
                 ds);
  // With two results registers are short: P is kept as dV was found with it,
  // and terms are read again; the barrier keeps the compiler from moving that
  // up.
  if (walk.overQueries)
    k.warpBarrier();
  forEach([&](int64_t rowTile, int64_t column, int64_t i,
              const RowTerms &terms) {
    Val element = p[rowTile][column][i];
    if (walk.overQueries) {
      int64_t word = 2 * (column % 2) + i / 2;
      element =
          k.unpack(k.getBF16Type(), packed[rowTile][column / 2][word])[i % 2];
    }
    Val &sum = ds[rowTile][column][i];
    sum =
        element * (spec.entropy ? sum : sum + computeGradientStart({}, terms));
    // dK = dS^T (scale / t Q) has the factor of each query inside the sum.
    if (walk.overQueries && spec.temperature)
      sum = sum * getScale(terms);
  });
  tiles.accumulate(ds, tile.first, sums[0]);
  return pack(sums);
}

//===----------------------------------------------------------------------===//
// Walks
//===----------------------------------------------------------------------===//

/// All steps of a walk for `count` own rows from `firstRow` on.
Sums GradKernel::walkAll(const Walk &walk, Val firstRow, int64_t count,
                         function_ref<Vals(Val, ArrayRef<Val>, bool)> step) {
  Val numSteps = k.i32(llvm::divideCeilSigned(spec.tokens, columns));
  Vals carried = pack(initialSums(walk));
  auto run = [&](Val begin, Val end, bool masked) {
    carried =
        k.loop(begin, end, 1, carried, [&](Val index, ArrayRef<Val> values) {
          return step(index, values, masked);
        });
  };
  if (walk.overQueries) {
    // Queries before the first key see none, those after the last all of them.
    Val full = k.i32(0);
    if (spec.causal) {
      full = min((firstRow + (count + columns - 1)) / columns, numSteps);
      run(firstRow / columns, full, /*masked=*/true);
    }
    run(full, numSteps, /*masked=*/false);
    return unpack(carried);
  }
  Val full = k.i32(spec.tokens / columns);
  if (spec.causal) {
    full = (firstRow + 1) / columns;
    numSteps =
        (min(firstRow + count, k.i32(spec.tokens)) + (columns - 1)) / columns;
  }
  run(k.i32(0), full, /*masked=*/false);
  if (spec.causal || spec.tokens % columns)
    run(full, numSteps, /*masked=*/true);
  return unpack(carried);
}

/// The warp's rows of the attention's result, as accumulators hold them: two
/// numbers a word. They are on their way while tiles are.
SmallVector<Vals> GradKernel::loadResultWords() {
  SmallVector<Vals> words; // [row tile, half][tile of 8 columns]
  Val base = k.address(getHeadBase(at.result, 0, 1), (lane % 4) * 4);
  for (int64_t i = 0; i < 2 * rowTiles; ++i) {
    Val row = min(row0 + (lane / 4 + i * 8), k.i32(spec.tokens - 1));
    Val place = k.address(base, row * getRowStride());
    words.emplace_back();
    for (int64_t tile = 0; tile < headSize / 8; ++tile)
      words.back().push_back(k.loadWords(k.address(place, tile * 16), 1)[0]);
  }
  return words;
}

/// Reads the operands that a walk over keys keeps, and finds the terms.
Walk GradKernel::startOverKeys(Val queries, Val gradients,
                               ArrayRef<Vals> resultWords) {
  Walk walk{/*overQueries=*/false, queries, gradients};
  walk.firstOperands = tiles.loadAllLeft(queries, rowTiles);
  walk.secondOperands = tiles.loadAllLeft(gradients, rowTiles);
  Type bf16 = k.getBF16Type();
  for (int64_t tile = 0; tile < rowTiles; ++tile) {
    walk.rowTerms.emplace_back();
    for (int64_t half = 0; half < 2; ++half) {
      Val sum = k.f32(0);
      for (int64_t i = 0; i < headSize / 8; ++i) {
        // Words of a left operand: rows, rows + 8, then the next 8 columns.
        Val word = walk.secondOperands[tile][i / 2][2 * (i % 2) + half];
        Vals a = k.unpack(bf16, word);
        Vals b = k.unpack(bf16, resultWords[2 * tile + half][i]);
        sum = fma(a[1], b[1], fma(a[0], b[0], sum));
      }
      Val row = row0 + (lane / 4 + (tile * 16 + half * 8));
      walk.rowTerms.back().push_back(computeTerms(row, k.sumLanes(sum, 3)));
    }
  }
  // More terms leave no registers for both operands.
  if (spec.temperature)
    walk.secondOperands.clear();
  return walk;
}

/// Keeps the terms of the warp's rows at `base`, which has those of the
/// sequence.
void GradKernel::storeRowTerms(const Walk &walk, Val base) {
  for (int64_t tile = 0; tile < rowTiles; ++tile)
    for (int64_t half = 0; half < 2; ++half)
      k.when(equal(lane % 4, 0), [&] {
        Val row = row0 + (lane / 4 + (tile * 16 + half * 8));
        storeTerms(walk.rowTerms[tile][half], k.address(base, row * termBytes));
      });
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

void GradKernel::storeQueries(const Walk &walk, const Sums &sums, Val staging) {
  auto getFactor = [&](int64_t tile, int64_t half) {
    return getScale(walk.rowTerms[tile][half]);
  };
  if (spec.temperature)
    for (int64_t tile = 0; tile < rowTiles; ++tile)
      for (int64_t half = 0; half < 2; ++half) {
        Val product = k.f32(0);
        for (int64_t i = 0; i < headSize / 8; ++i) {
          Val word = walk.firstOperands[tile][i / 2][2 * (i % 2) + half];
          Vals q = k.unpack(k.getBF16Type(), word);
          for (int64_t j = 0; j < 2; ++j)
            product = fma(q[j], sums[0][tile][i][2 * half + j], product);
        }
        Val row = row0 + (lane / 4 + (tile * 16 + half * 8));
        storeTemperatureShare(row,
                              k.sumLanes(product, 3) * getFactor(tile, half),
                              equal(lane % 4, 0));
      }
  tiles.stage(sums[0], getFactor, staging);
  k.warpBarrier();
  tiles.store(staging, getHeadBase(at.dQkv, 0, 3), row0, rowsPerWarp,
              getPackedStride());
}

void GradKernel::storeKeys(const Sums &sums, Val staging) {
  for (int64_t i = 0; i < 2; ++i) {
    k.warpBarrier();
    // With a temperature the terms have the factor of each query.
    double factor = i == 0 && !spec.temperature ? spec.scale : 1.0;
    tiles.stage(
        sums[i], [&](int64_t, int64_t) { return k.f32(factor); }, staging);
    k.warpBarrier();
    tiles.store(staging, getHeadBase(at.dQkv, 1 + i, 3), row0, rowsPerWarp,
                getPackedStride());
  }
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

/// Starts copying rows of this head.
void GradKernel::loadRows(Val shared, Matrix matrix, Val firstRow,
                          int64_t count) {
  if (matrix == Matrix::Gradient)
    tiles.load(shared, getHeadBase(at.gradient, 0, 1), firstRow, count,
               getRowStride());
  else
    tiles.load(shared, getHeadBase(at.qkv, static_cast<int64_t>(matrix), 3),
               firstRow, count, getPackedStride());
}

/// Everything of a head is in shared memory.
void GradKernel::buildResident() {
  int64_t matrix = rows * stride;
  Val queries = k.sharedMemory();
  Val keys = k.address(queries, matrix), values = k.address(keys, matrix);
  Val gradients = k.address(values, matrix);
  Val staging = k.address(gradients, matrix);
  Val terms = k.address(staging, matrix);
  Val zero = k.i32(0);
  loadRows(queries, Matrix::Q, zero, rows);
  loadRows(gradients, Matrix::Gradient, zero, rows);
  loadRows(keys, Matrix::K, zero, rows);
  loadRows(values, Matrix::V, zero, rows);
  k.commitCopies();
  SmallVector<Vals> resultWords = loadResultWords();
  k.waitForCopies(0);
  k.blockBarrier();

  Val own = warp * (rowsPerWarp * stride);
  auto walkThrough = [&](const Walk &walk, Val first, Val second) {
    return walkAll(
        walk, row0, rowsPerWarp,
        [&](Val index, ArrayRef<Val> carried, bool masked) {
          Val offset = index * (columns * stride);
          Tile tile{k.address(first, offset), k.address(second, offset),
                    k.address(terms, index * (columns * termBytes))};
          return compute(walk, tile, index * columns, carried, masked);
        });
  };
  staging = k.address(staging, own);
  Walk overKeys = startOverKeys(k.address(queries, own),
                                k.address(gradients, own), resultWords);
  storeRowTerms(overKeys, terms);
  k.blockBarrier();
  storeQueries(overKeys, walkThrough(overKeys, keys, values), staging);
  Walk overQueries{/*overQueries=*/true, k.address(keys, own),
                   k.address(values, own)};
  storeKeys(walkThrough(overQueries, queries, gradients), staging);
}

/// One of two stages of tiles.
Tile GradKernel::getStage(Val index) {
  int64_t matrix = columns * stride;
  Val stage = k.address(k.sharedMemory(),
                        (index & 1) * (2 * matrix + columns * termBytes) +
                            2 * rows * stride);
  return {stage, k.address(stage, matrix), k.address(stage, 2 * matrix)};
}

void GradKernel::loadStage(Val index, bool overQueries) {
  Tile stage = getStage(index);
  Val row = index * columns;
  loadRows(stage.first, overQueries ? Matrix::Q : Matrix::K, row, columns);
  loadRows(stage.second, overQueries ? Matrix::Gradient : Matrix::V, row,
           columns);
  if (overQueries)
    loadTermTile(stage.terms, row);
}

/// Tiles come to shared memory one step ahead.
void GradKernel::buildStaged() {
  bool overQueries = part == GradPart::Keys;
  Val first = k.sharedMemory(), second = k.address(first, rows * stride);
  Val own = warp * (rowsPerWarp * stride);
  loadRows(first, overQueries ? Matrix::K : Matrix::Q, blockRow0, rows);
  loadRows(second, overQueries ? Matrix::V : Matrix::Gradient, blockRow0, rows);
  bool startsLate = overQueries && spec.causal;
  loadStage(startsLate ? blockRow0 / columns : k.i32(0), overQueries);
  k.commitCopies();
  first = k.address(first, own);
  second = k.address(second, own);
  Walk walk{overQueries, first, second};
  if (!overQueries) {
    SmallVector<Vals> resultWords = loadResultWords();
    k.waitForCopies(0);
    k.blockBarrier();
    walk = startOverKeys(first, second, resultWords);
    storeRowTerms(walk, getTermsBase());
  }
  Val end = k.i32(llvm::divideCeilSigned(spec.tokens, columns));
  if (!overQueries && spec.causal)
    end = (min(blockRow0 + rows, k.i32(spec.tokens)) + (columns - 1)) / columns;
  Sums sums =
      walkAll(walk, blockRow0, rows,
              [&](Val index, ArrayRef<Val> carried, bool masked) {
                k.waitForCopies(0);
                k.blockBarrier();
                Val next = index + 1;
                k.when(next < end, [&] { loadStage(next, overQueries); });
                k.commitCopies();
                auto computeTile = [&] {
                  return compute(walk, getStage(index), index * columns,
                                 carried, masked);
                };
                if (!masked || !spec.causal)
                  return computeTile();
                // A warp none of whose rows meets these columns has nothing to
                // add.
                Val meets = overQueries ? row0 < (index + 1) * columns
                                        : index * columns < row0 + rowsPerWarp;
                return k.when(meets, carried, computeTile);
              });
  // The rows of a warp are its own.
  if (overQueries)
    storeKeys(sums, first);
  else
    storeQueries(walk, sums, first);
}

gpu::GPUFuncOp GradKernel::build() {
  computePlace();
  if (part == GradPart::Both)
    buildResident();
  else
    buildStaged();
  gpu::GPUFuncOp function = k.finish();
  function->setAttr(kNoSpillAttr, k.getUnitAttr());
  // As many as two blocks of a multiprocessor, or one, can have.
  int64_t limit = tiling.warps <= 4 ? 255 : 65536 / (32 * tiling.warps);
  function->setAttr("nvvm.maxnreg",
                    k.getI32IntegerAttr(std::min<int64_t>(limit, 255)));
  return function;
}

gpu::GPUFuncOp mlir::pi::buildAttentionGradBF16(gpu::GPUModuleOp module,
                                                Location loc, StringRef name,
                                                const AttentionSpec &spec,
                                                GradPart part) {
  return GradKernel(module, loc, name, spec, part).build();
}
