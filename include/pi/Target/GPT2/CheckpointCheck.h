//===- CheckpointCheck.h - A checkpoint against a module --------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TARGET_GPT2_CHECKPOINTCHECK_H
#define PI_TARGET_GPT2_CHECKPOINTCHECK_H

#include "mlir/IR/BuiltinOps.h"

namespace mlir::pi {

/// Whether `directory` has Safetensors files: `model.safetensors` or
/// `model.safetensors.index.json`.
bool hasCheckpoint(StringRef directory);

/// Compares the Safetensors files of `directory` with the parameters of
/// `module` by name, shape and element type, without reading their data. A
/// malformed file, a missing parameter, another shape or a type that is not
/// floating point is an error that names file and tensor; tensors that no
/// parameter stands for are a warning, but for the buffers that old versions of
/// transformers saved with the weights and a copy of a tied head.
LogicalResult checkCheckpoint(ModuleOp module, StringRef directory);

} // namespace mlir::pi

#endif // PI_TARGET_GPT2_CHECKPOINTCHECK_H
