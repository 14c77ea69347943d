//===- RowLayout.h - How a kernel divides rows among threads ----*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_CONVERSION_PITOPIRT_KERNELS_ROWLAYOUT_H
#define PI_LIB_CONVERSION_PITOPIRT_KERNELS_ROWLAYOUT_H

#include "mlir/Support/LLVM.h"

namespace mlir::pi {

/// A team of warps holds a row, and a block has one or several teams. Row
/// `r = g * keptRows + k` adds to row k of the sums: the blocks (s, k) walk the
/// rows of one k, each team `steps` of them, `unroll` at a time.
struct RowLayout {
  int64_t rows, columns;
  /// Consecutive elements of one access, and accesses of a thread for a row.
  int64_t vector, chunks;
  int64_t warpsPerTeam, teams;
  int64_t keptRows = 1, splits, steps = 1, unroll = 1;

  /// A kernel in which each team computes one row.
  RowLayout(int64_t rows, int64_t columns);
  /// A kernel that sums over rows, `numInputs` of which it loads at a time.
  RowLayout(int64_t rows, int64_t columns, int64_t keptRows, int64_t numInputs);

  int64_t rowsPerGroup() const { return rows / keptRows; }
  int64_t blocks() const { return splits * keptRows; }
  int64_t threadsPerTeam() const;
  int64_t threads() const { return threadsPerTeam() * teams; }
  /// Whether every thread has elements in all its accesses.
  bool hasWholeRows() const {
    return chunks * threadsPerTeam() * vector == columns;
  }
  /// Whether every team has a row in all its steps.
  bool hasAllRows() const { return splits * teams * steps == rowsPerGroup(); }

private:
  void shareRow();
};

} // namespace mlir::pi

#endif // PI_LIB_CONVERSION_PITOPIRT_KERNELS_ROWLAYOUT_H
