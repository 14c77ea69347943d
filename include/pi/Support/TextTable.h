//===- TextTable.h - Tables for people --------------------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_SUPPORT_TEXTTABLE_H
#define PI_SUPPORT_TEXTTABLE_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/raw_ostream.h"

#include <string>
#include <vector>

namespace mlir::pi {

/// Columns of text, two blanks apart and as wide as their longest cell.
class TextTable {
public:
  /// The first `leftColumns` columns are aligned left, the others right.
  explicit TextTable(size_t leftColumns = 1) : leftColumns(leftColumns) {}

  void addRow(std::vector<std::string> cells);
  /// A line of hyphens under each column.
  void addRule() { rows.emplace_back(); }

  void print(llvm::raw_ostream &os) const;

private:
  size_t leftColumns;
  std::vector<std::vector<std::string>> rows;
  std::vector<size_t> widths;
};

/// `bytes` in the largest of kB, MB and GB (1e9 B) that gives 1 or more.
std::string formatBytes(double bytes);

} // namespace mlir::pi

#endif // PI_SUPPORT_TEXTTABLE_H
