//===- Passes.h - From a model to its loss and gradients --------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TRANSFORMS_TRAINING_PASSES_H
#define PI_TRANSFORMS_TRAINING_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir::pi {

#define GEN_PASS_DECL
#include "pi/Transforms/Training/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "pi/Transforms/Training/Passes.h.inc"

/// Registers `pi-build-train-step`: from a model with @forward to the functions
/// that training runs.
void registerTrainStepPipeline();

/// Gives the upstream operations that may stand between those of `pi` their
/// reverse rules (DifferentiableOpInterface): conversions of element types and
/// reshapes.
void registerDifferentiableModels(DialectRegistry &registry);

/// Lets conversions of element types run again (RecomputableOpInterface).
void registerRecomputableModels(DialectRegistry &registry);

} // namespace mlir::pi

#endif // PI_TRANSFORMS_TRAINING_PASSES_H
