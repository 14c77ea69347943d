//===- HostObject.h - Machine code of the host ------------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TARGET_ARTIFACT_HOSTOBJECT_H
#define PI_TARGET_ARTIFACT_HOSTOBJECT_H

#include "mlir/IR/BuiltinOps.h"

namespace mlir::pi {

struct HostOptions {
  /// A processor of LLVM's x86-64 or other host target; "native" is the one
  /// that the compiler runs on.
  std::string cpu = "native";
  /// 0 to 3, as of clang.
  unsigned optimizationLevel = 3;
};

/// The processor's name with "native" resolved.
std::string getHostCPU(const HostOptions &options);

/// The extensions of the instruction set that code for the processor may use
/// and that a runtime can check (Manifest::hostFeatures).
std::vector<std::string> getHostFeatures(const HostOptions &options);

/// Compiles a module in the LLVM dialect, as `pi-cpu-pipeline` makes it, to a
/// shared object whose only undefined symbols are those of the runtime, libm
/// and libc, and gives its bytes. Errors are reported at the module, which
/// loses its parameters.
FailureOr<std::string> compileHostCode(ModuleOp module,
                                       const HostOptions &options);

} // namespace mlir::pi

#endif // PI_TARGET_ARTIFACT_HOSTOBJECT_H
