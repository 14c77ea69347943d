//===- RecomputableOpInterface.h - What runs twice --------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_INTERFACES_RECOMPUTABLEOPINTERFACE_H
#define PI_INTERFACES_RECOMPUTABLEOPINTERFACE_H

#include "mlir/IR/OpDefinition.h"

namespace mlir::pi {

/// The bytes that a tensor takes in memory, at most UINT64_MAX; 0 of a value of
/// another type.
uint64_t getTensorBytes(Type type);

/// The time of one execution, as the number of bytes that move to or from
/// memory in it; at most UINT64_MAX.
uint64_t getExecutionCost(Operation *op);

} // namespace mlir::pi

#include "pi/Interfaces/RecomputableOpInterface.h.inc"

#endif // PI_INTERFACES_RECOMPUTABLEOPINTERFACE_H
