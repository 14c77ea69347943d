//===- Passes.h - Rewrites of the architecture ------------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TRANSFORMS_ARCHITECTURE_PASSES_H
#define PI_TRANSFORMS_ARCHITECTURE_PASSES_H

#include "mlir/Pass/Pass.h"
#include "pi/Dialect/Pi/IR/Pi.h"
#include "pi/Transforms/Architecture/Options.h"

namespace mlir::pi {

#define GEN_PASS_DECL
#include "pi/Transforms/Architecture/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "pi/Transforms/Architecture/Passes.h.inc"

} // namespace mlir::pi

#endif // PI_TRANSFORMS_ARCHITECTURE_PASSES_H
