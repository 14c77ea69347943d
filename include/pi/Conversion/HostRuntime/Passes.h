//===- Passes.h - Host code from linalg -------------------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_CONVERSION_HOSTRUNTIME_PASSES_H
#define PI_CONVERSION_HOSTRUNTIME_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir::pi {

#define GEN_PASS_DECL
#include "pi/Conversion/HostRuntime/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "pi/Conversion/HostRuntime/Passes.h.inc"

/// The name of the function that runs `function` with its buffers as an array
/// of pointers: `int32_t symbol(void *const *arguments)`.
std::string getEntrySymbol(StringRef function);

/// Adds the passes from the execution form to the LLVM dialect.
void buildCPUPipeline(OpPassManager &manager);

/// Registers `pi-cpu-pipeline`.
void registerCPUPipeline();

} // namespace mlir::pi

#endif // PI_CONVERSION_HOSTRUNTIME_PASSES_H
