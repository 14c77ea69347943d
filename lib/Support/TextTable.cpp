//===- TextTable.cpp - Tables for people ----------------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Support/TextTable.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir::pi;

void TextTable::addRow(std::vector<std::string> cells) {
  widths.resize(std::max(widths.size(), cells.size()));
  for (auto [width, cell] : llvm::zip(widths, cells))
    width = std::max(width, cell.size());
  rows.push_back(std::move(cells));
}

void TextTable::print(llvm::raw_ostream &os) const {
  for (const std::vector<std::string> &row : rows) {
    for (size_t column = 0; column < widths.size(); ++column) {
      os << (column ? "  " : "");
      unsigned width = widths[column];
      if (row.empty())
        os << std::string(width, '-');
      else if (column < leftColumns)
        os << llvm::left_justify(row[column], width);
      else
        os << llvm::right_justify(row[column], width);
    }
    os << '\n';
  }
}

std::string mlir::pi::formatBytes(double bytes) {
  if (bytes >= 1e9)
    return llvm::formatv("{0:f2} GB", bytes / 1e9);
  if (bytes >= 1e6)
    return llvm::formatv("{0:f2} MB", bytes / 1e6);
  return llvm::formatv("{0:f2} kB", bytes / 1e3);
}
