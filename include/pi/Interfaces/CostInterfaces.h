//===- CostInterfaces.h - What an operation costs ---------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_INTERFACES_COSTINTERFACES_H
#define PI_INTERFACES_COSTINTERFACES_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/OpDefinition.h"
#include "pi/Cost/Cost.h"

namespace mlir::pi {
class Protocol;

/// The leading dimensions of a tensor and its two last ones (fewer if its rank
/// is less).
std::pair<ArrayRef<int64_t>, ArrayRef<int64_t>> getMatrixShape(Type type);

/// The product of `shape`; at most INT64_MAX, where it saturates.
int64_t getNumElements(ArrayRef<int64_t> shape);
} // namespace mlir::pi

#include "pi/Interfaces/CostInterfaces.h.inc"

#endif // PI_INTERFACES_COSTINTERFACES_H
