//===- CostInterfaces.h - What an operation costs ---------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_INTERFACES_COSTINTERFACES_H
#define PI_INTERFACES_COSTINTERFACES_H

#include "mlir/IR/OpDefinition.h"
#include "pi/Cost/Cost.h"

namespace mlir::pi {
class Protocol;
} // namespace mlir::pi

#include "pi/Interfaces/CostInterfaces.h.inc"

#endif // PI_INTERFACES_COSTINTERFACES_H
