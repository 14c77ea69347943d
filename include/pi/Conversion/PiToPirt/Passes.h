//===- Passes.h - From pi to execution plans --------------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_CONVERSION_PITOPIRT_PASSES_H
#define PI_CONVERSION_PITOPIRT_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir::pi {

/// The gpu.module of all kernels.
constexpr StringLiteral kKernelModuleName = "kernels";

#define GEN_PASS_DECL
#include "pi/Conversion/PiToPirt/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "pi/Conversion/PiToPirt/Passes.h.inc"

} // namespace mlir::pi

#endif // PI_CONVERSION_PITOPIRT_PASSES_H
