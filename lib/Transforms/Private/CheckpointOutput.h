//===- CheckpointOutput.h - The checkpoint of a rewritten model -*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_TRANSFORMS_PRIVATE_CHECKPOINTOUTPUT_H
#define PI_LIB_TRANSFORMS_PRIVATE_CHECKPOINTOUTPUT_H

#include "mlir/IR/BuiltinOps.h"
#include "pi/Runtime/Safetensors.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::pi {

/// Parameters that a rewrite has added, and their elements, row-major.
using NewParameters = llvm::StringMap<std::vector<float>>;

/// Where the rewritten weights go. Errors are reported at the module.
class CheckpointOutput {
public:
  /// `directory` is made if it is missing; its parent exists.
  CheckpointOutput(ModuleOp module, const pi_runtime::Checkpoint &source,
                   StringRef directory)
      : module(module), source(source), directory(directory) {}

  /// Checks that no file of the source would be overwritten.
  LogicalResult verify();

  /// Writes the tensors of all parameters of the module, as they are now:
  /// `added` in f32, which have to be finite, and the others as they are in the
  /// source, which may lack those that are derived. A config.json and a
  /// tokenizer.json beside the source are copied. Every file appears when all
  /// are complete.
  LogicalResult write(const NewParameters &added);

private:
  std::string pathOf(StringRef file) const;
  FailureOr<std::vector<pi_runtime::TensorView>>
  collectTensors(const NewParameters &added);
  pi_runtime::Status
  writeFiles(const std::vector<pi_runtime::TensorView> &tensors) const;

  ModuleOp module;
  const pi_runtime::Checkpoint &source;
  StringRef directory;
};

} // namespace mlir::pi

#endif // PI_LIB_TRANSFORMS_PRIVATE_CHECKPOINTOUTPUT_H
