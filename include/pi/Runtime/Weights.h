//===- Weights.h - Loads a checkpoint into a model --------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_RUNTIME_WEIGHTS_H
#define PI_RUNTIME_WEIGHTS_H

#include "pi/Runtime/Executor.h"
#include "pi/Runtime/Safetensors.h"

namespace pi_runtime {

/// Gives `executor` the value of every parameter that an entry point reads:
/// the checkpoint's, converted to the parameter's storage_dtype, or, where the
/// checkpoint has none, that of the parameter's initializer. Sources of
/// initializers that do not run need not be in the checkpoint. Names and
/// shapes are checked before anything is loaded.
Status loadWeights(const Artifact &artifact, const Checkpoint &checkpoint,
                   Executor &executor);

/// Likewise with the values that each parameter's `init` gives, drawn with
/// `seed`, which fails and sets nothing if a parameter that is needed has none
/// and no initializer.
Status initializeWeights(const Artifact &artifact, uint64_t seed,
                         Executor &executor);

} // namespace pi_runtime

#endif // PI_RUNTIME_WEIGHTS_H
