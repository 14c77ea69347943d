//===- DifferentiableOpInterface.h - Reverse rules --------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_INTERFACES_DIFFERENTIABLEOPINTERFACE_H
#define PI_INTERFACES_DIFFERENTIABLEOPINTERFACE_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/OpDefinition.h"

#include "pi/Interfaces/DifferentiableOpInterface.h.inc"

#endif // PI_INTERFACES_DIFFERENTIABLEOPINTERFACE_H
