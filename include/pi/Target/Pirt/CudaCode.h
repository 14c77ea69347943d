//===- CudaCode.h - Plans and kernels of a model ----------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TARGET_PIRT_CUDACODE_H
#define PI_TARGET_PIRT_CUDACODE_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "pi/Target/Cubin/Cubin.h"

namespace mlir::pirt {

/// What the runtime needs to execute the entry points of a model on a GPU.
struct CudaCode {
  /// For each entry point, in order, its name and the JSON text of its plan.
  SmallVector<std::pair<std::string, std::string>> plans;
  /// All kernels as machine code; empty if no plan launches one.
  std::string cubin;
};

/// Adds the passes from the execution form, in the number format that it is to
/// run in, to plans with their memory planned.
void buildCudaPipeline(OpPassManager &manager);

/// Registers `pi-cuda-pipeline`.
void registerCudaPipeline();

/// Compiles the entry points of a module in execution form. The module is left
/// as it is; functions that compute derived parameters are not looked at.
FailureOr<CudaCode> compileForCuda(ModuleOp module,
                                   const pi::CubinOptions &options = {});

} // namespace mlir::pirt

#endif // PI_TARGET_PIRT_CUDACODE_H
