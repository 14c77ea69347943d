//===- Softmax.cpp - The softmax of scores as StableHLO -------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Softmax.h"

using namespace mlir;
using namespace mlir::pi;

/// Below every score, and finite: fixed point has no infinity.
static constexpr double kLowest = -32768;

//===----------------------------------------------------------------------===//
// Blocks of rows
//===----------------------------------------------------------------------===//

SoftmaxBuilder::Blocks SoftmaxBuilder::cut(const HloValue &matrix) {
  int64_t columns = matrix.getRank() - 1, rows = columns - 1;
  return llvm::map_to_vector(blocks, [&](const RowBlock &block) {
    SmallVector<int64_t> starts(matrix.getRank(), 0), limits(matrix.getShape());
    starts[rows] = block.begin;
    limits[rows] = block.end;
    limits[columns] = block.columns;
    return b.slice(matrix, starts, limits);
  });
}

HloValue SoftmaxBuilder::pack(ArrayRef<HloValue> parts) {
  if (parts.size() == 1)
    return parts.front();
  return b.concatenate(
      llvm::map_to_vector(parts,
                          [&](const HloValue &part) {
                            return b.reshape(part, part.type.getNumElements());
                          }),
      /*dimension=*/0);
}

SoftmaxBuilder::Blocks SoftmaxBuilder::unpack(const HloValue &packed,
                                              ArrayRef<HloValue> like) {
  if (like.size() == 1)
    return {packed};
  Blocks parts;
  int64_t begin = 0;
  for (const HloValue &part : like) {
    int64_t end = begin + part.type.getNumElements();
    parts.push_back(b.reshape(b.slice(packed, begin, end), part.getShape()));
    begin = end;
  }
  return parts;
}

HloValue SoftmaxBuilder::join(ArrayRef<HloValue> parts) {
  int64_t columns = blocks.back().columns;
  int64_t rank = parts.front().getRank();
  Blocks padded;
  for (const HloValue &part : parts) {
    SmallVector<int64_t> low(rank, 0), high(rank, 0);
    high.back() = columns - part.getShape().back();
    padded.push_back(b.pad(part, low, high));
  }
  return b.concatenate(padded, rank - 2);
}

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

SoftmaxBuilder::Blocks SoftmaxBuilder::buildMasks(ArrayRef<HloValue> parts,
                                                  ArrayRef<int64_t> matrix) {
  // A row by itself sees all columns of its block.
  if (!causal || llvm::all_of(blocks, [](const RowBlock &block) {
        return block.getNumRows() == 1 && block.columns == block.end;
      }))
    return {};
  HloValue row = b.iota(0, matrix);
  if (position)
    row = b.add(row, b.broadcast(position, matrix, {}));
  Blocks masks = cut(b.compare("GE", row, b.iota(1, matrix)));
  for (auto [mask, part] : llvm::zip_equal(masks, parts))
    mask = b.broadcastLeading(mask, part.getShape());
  return masks;
}

SoftmaxBuilder::Blocks SoftmaxBuilder::buildRowMaxima(Blocks parts) {
  int64_t columns = parts.front().getRank() - 1;
  if (parts.size() == 1)
    return {b.reduce("maximum", kLowest, parts.front(), columns)};
  // A tree over all blocks at once: the left and the right half of every row
  // are compared, and a column that is left over waits for the next level.
  auto isDone = [](const HloValue &part) {
    return part.getShape().back() == 1;
  };
  while (!llvm::all_of(parts, isDone)) {
    Blocks lefts, rights;
    for (const HloValue &part : parts) {
      if (isDone(part))
        continue;
      int64_t half = part.getShape().back() / 2;
      lefts.push_back(b.sliceColumns(part, 0, half));
      rights.push_back(b.sliceColumns(part, half, 2 * half));
    }
    Blocks larger =
        unpack(b.elementwise("maximum", {pack(lefts), pack(rights)}), lefts);
    HloValue *next = larger.begin();
    for (HloValue &part : parts) {
      if (isDone(part))
        continue;
      int64_t width = part.getShape().back();
      HloValue half = *next++;
      if (width % 2 != 0)
        half = b.concatenate({half, b.sliceColumns(part, width - 1, width)},
                             columns);
      part = half;
    }
  }
  for (HloValue &part : parts)
    part = b.reshape(part, part.getShape().drop_back());
  return parts;
}

HloValue SoftmaxBuilder::buildExponential(const HloValue &x) {
  ExponentialAttr exponential = evaluation.getExponential();
  if (!exponential)
    return b.elementwise("exponential", x);
  auto fill = [&](double value) { return b.fill(value, x.type); };
  HloValue operand = x;
  if (exponential.isClamped())
    operand = b.elementwise(
        "maximum", {x, fill(exponential.getLowest().convertToDouble() *
                            exponential.getScale().convertToDouble())});
  ArrayRef<APFloat> offsets = exponential.getOffsets();
  HloValue z = b.add(operand, fill(offsets.front().convertToDouble()));
  for (const APFloat &offset : offsets.drop_front()) {
    z = b.multiply(z, z);
    if (!offset.isZero())
      z = b.add(z, fill(offset.convertToDouble()));
  }
  return z;
}

HloValue SoftmaxBuilder::buildPowers(const HloValue &scores) {
  Blocks parts = cut(scores);
  Blocks masks = buildMasks(parts, scores.getShape().take_back(2));
  // The mask is public, so each party chooses on its own shares.
  auto hide = [&](const HloValue &value, const HloValue &mask, double hidden) {
    return mask ? b.select(mask, value, b.fill(hidden, value.type)) : value;
  };
  Blocks visible = parts;
  for (auto [part, mask] : llvm::zip(visible, masks))
    part = hide(part, mask, kLowest);
  Blocks shifted;
  for (auto [part, max] : llvm::zip_equal(parts, buildRowMaxima(visible)))
    shifted.push_back(b.subtract(part, b.broadcastRows(max, part.getShape())));
  HloValue mask = masks.empty() ? HloValue() : pack(masks);
  // An engine's exponential may be good on an interval only: what is hidden
  // stays in it.
  HloValue operand = hide(pack(shifted), mask, 0);
  HloValue powers = hide(buildExponential(operand), mask, 0);
  return join(unpack(powers, parts));
}

HloValue SoftmaxBuilder::buildReciprocals(const HloValue &powers) {
  HloValue sums = b.reduce("add", 0, powers, powers.getRank() - 1);
  if (!evaluation.getReciprocalByRsqrt())
    return b.divide(b.fill(1, sums.type), sums);
  HloValue root = b.elementwise("rsqrt", sums);
  HloValue guess = b.multiply(root, root);
  HloValue product = b.multiply(sums, guess);
  return b.multiply(guess, b.subtract(b.fill(2, sums.type), product));
}

HloValue SoftmaxBuilder::buildProbabilities(const HloValue &scores) {
  HloValue powers = buildPowers(scores);
  return normalize(powers, buildReciprocals(powers));
}

HloValue SoftmaxBuilder::normalize(const HloValue &powers,
                                   const HloValue &reciprocals) {
  Blocks parts = cut(powers);
  HloValue factors = pack(cut(b.broadcastRows(reciprocals, powers.getShape())));
  return join(unpack(b.multiply(pack(parts), factors), parts));
}
