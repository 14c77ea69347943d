//===- IndexOpInterface.h - Operands that are indices -----------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_INTERFACES_INDEXOPINTERFACE_H
#define PI_INTERFACES_INDEXOPINTERFACE_H

#include "mlir/IR/OpDefinition.h"

#include <optional>

namespace mlir::pi {

/// An operand whose elements are indices in [0, bound), or `ignored`, which
/// stands for none.
struct IndexUse {
  Value indices;
  int64_t bound = 0;
  std::optional<int32_t> ignored;
};

} // namespace mlir::pi

#include "pi/Interfaces/IndexOpInterface.h.inc"

#endif // PI_INTERFACES_INDEXOPINTERFACE_H
