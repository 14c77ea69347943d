//===- Quantity.cpp - Numbers with units ----------------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Support/Quantity.h"

#include "llvm/ADT/StringExtras.h"

#include <cmath>

using namespace mlir;
using namespace mlir::pi;

llvm::Expected<double> mlir::pi::parseQuantity(StringRef key, StringRef text,
                                               ArrayRef<Unit> units,
                                               StringRef example,
                                               bool allowZero) {
  StringRef number =
      text.take_while([](char c) { return !llvm::isAlpha(c) || c == 'e'; });
  StringRef unitName = text.drop_front(number.size());
  const Unit *unit = llvm::find_if(units, [&](const Unit &u) {
    return u.name.equals_insensitive(unitName);
  });
  double value;
  if (unit == units.end() || number.trim().getAsDouble(value)) {
    std::string names = llvm::join(
        llvm::map_range(units, [](const Unit &u) { return u.name.str(); }),
        ", ");
    return llvm::createStringError(key + " '" + text +
                                   "' is not a number with one of the units " +
                                   names + ", as in '" + example + "'");
  }
  if (!std::isfinite(value) || value < 0 || (value == 0 && !allowZero))
    return llvm::createStringError(
        key + " '" + text + "' has to be " +
        (allowZero ? "zero or more" : "more than zero") + ", and finite");
  return value * unit->factor;
}
