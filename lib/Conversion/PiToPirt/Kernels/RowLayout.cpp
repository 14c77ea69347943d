//===- RowLayout.cpp - How a kernel divides rows among threads ------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RowLayout.h"

#include "KernelBuilder.h"

using namespace mlir;
using namespace mlir::pi;

/// Elements of a row in one access, where the row's length allows it.
static constexpr int64_t kVectorWidth = 8;
/// Accesses of one thread for a row, above which more threads share it.
static constexpr int64_t kMaxChunks = 4;
static constexpr int64_t kMaxWarps = 32;
/// Teams of one warp in a block that computes a row with each.
static constexpr int64_t kTeams = 4;
/// Warps of a block that sums over rows, and how many such blocks there are
/// where the rows suffice: two for each multiprocessor. It is no property of
/// the device, since the order of additions depends on it.
static constexpr int64_t kSummingWarps = 8, kSummingBlocks = 256;
/// Elements that a thread loads at a time, in bf16 half as many registers.
static constexpr int64_t kMaxLoaded = 96, kMaxUnroll = 4;

int64_t RowLayout::threadsPerTeam() const {
  return warpsPerTeam * KernelBuilder::kWarpSize;
}

void RowLayout::shareRow() {
  vector = columns % kVectorWidth == 0 ? kVectorWidth : 1;
  int64_t accesses = llvm::divideCeil(columns, vector);
  int64_t warp = KernelBuilder::kWarpSize;
  warpsPerTeam = std::min<int64_t>(
      llvm::divideCeil(accesses, warp * kMaxChunks), kMaxWarps);
  chunks = llvm::divideCeil(accesses, warp * warpsPerTeam);
}

RowLayout::RowLayout(int64_t rows, int64_t columns)
    : rows(rows), columns(columns) {
  shareRow();
  teams = 1;
  if (warpsPerTeam == 1)
    while (teams < kTeams && teams * 2 <= rows)
      teams *= 2;
  splits = llvm::divideCeil(rows, teams);
}

RowLayout::RowLayout(int64_t rows, int64_t columns, int64_t keptRows,
                     int64_t numInputs)
    : rows(rows), columns(columns), keptRows(keptRows) {
  shareRow();
  teams = std::clamp<int64_t>(kSummingWarps / warpsPerTeam, 1, rowsPerGroup());
  int64_t rounds = llvm::divideCeil(rowsPerGroup(), teams);
  splits = std::clamp<int64_t>(kSummingBlocks / keptRows, 1, rounds);
  steps = llvm::divideCeil(rowsPerGroup(), teams * splits);
  int64_t loaded = chunks * vector * std::max<int64_t>(numInputs, 1);
  unroll = std::clamp<int64_t>(kMaxLoaded / loaded, 1, kMaxUnroll);
  while (steps % unroll != 0)
    --unroll;
}
