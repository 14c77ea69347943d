//===- PrecisionOpInterface.h - Number formats of operands ------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_INTERFACES_PRECISIONOPINTERFACE_H
#define PI_INTERFACES_PRECISIONOPINTERFACE_H

#include "mlir/IR/OpDefinition.h"

namespace mlir::pi {

/// The format of a value in a model that is computed in a short one: that
/// format, f32, or whatever its producer gives.
enum class NumberFormat { Compute, Wide, Any };

} // namespace mlir::pi

#include "pi/Interfaces/PrecisionOpInterface.h.inc"

#endif // PI_INTERFACES_PRECISIONOPINTERFACE_H
