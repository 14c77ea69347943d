//===- CodeGenTarget.h - What pi-compile generates code for -----*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TOOLS_PI_COMPILE_CODEGENTARGET_H
#define PI_TOOLS_PI_COMPILE_CODEGENTARGET_H

#include "pi/Runtime/Artifact.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"

namespace pi_compile {

/// What the command line says about code generation.
struct CodeGenOptions {
  /// bf16 or f32.
  std::string precision;
  /// The processor of host code, or empty for the target's choice.
  std::string processor;
};

/// A compiled model before it is written.
struct CompiledModel {
  pi_runtime::Manifest manifest;
  /// Name and bytes of each section.
  std::vector<std::pair<std::string, std::string>> sections;
};

/// Something that models are compiled for.
class CodeGenTarget {
public:
  virtual ~CodeGenTarget() = default;

  /// Its name in the manifest, and the number formats it computes in, the
  /// default first.
  virtual llvm::StringRef name() const = 0;
  virtual llvm::ArrayRef<llvm::StringRef> precisions() const = 0;

  /// Compiles a module in execution form, which is used up. Errors have been
  /// reported.
  virtual mlir::FailureOr<CompiledModel>
  compile(mlir::ModuleOp module, const CodeGenOptions &options) const = 0;
};

/// All targets.
llvm::ArrayRef<const CodeGenTarget *> getTargets();

} // namespace pi_compile

#endif // PI_TOOLS_PI_COMPILE_CODEGENTARGET_H
