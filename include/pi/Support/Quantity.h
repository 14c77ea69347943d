//===- Quantity.h - Numbers with units --------------------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_SUPPORT_QUANTITY_H
#define PI_SUPPORT_QUANTITY_H

#include "mlir/Support/LLVM.h"
#include "llvm/Support/Error.h"

namespace mlir::pi {

struct Unit {
  StringLiteral name;
  double factor;
};

/// The number `text` in one of `units`, as in `example`; it has to be positive,
/// or not negative with `allowZero`. `key` is what errors call it.
llvm::Expected<double> parseQuantity(StringRef key, StringRef text,
                                     ArrayRef<Unit> units, StringRef example,
                                     bool allowZero = false);

} // namespace mlir::pi

#endif // PI_SUPPORT_QUANTITY_H
