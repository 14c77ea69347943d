//===- Passes.h - Lowering of pi to linalg ----------------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_CONVERSION_PITOLINALG_PASSES_H
#define PI_CONVERSION_PITOLINALG_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir::pi {

#define GEN_PASS_DECL
#include "pi/Conversion/PiToLinalg/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "pi/Conversion/PiToLinalg/Passes.h.inc"

} // namespace mlir::pi

#endif // PI_CONVERSION_PITOLINALG_PASSES_H
