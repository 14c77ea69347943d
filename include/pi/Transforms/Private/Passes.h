//===- Passes.h - Cheaper private inference ------------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TRANSFORMS_PRIVATE_PASSES_H
#define PI_TRANSFORMS_PRIVATE_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir::pi {

#define GEN_PASS_DECL
#include "pi/Transforms/Private/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "pi/Transforms/Private/Passes.h.inc"

} // namespace mlir::pi

#endif // PI_TRANSFORMS_PRIVATE_PASSES_H
