//===- Passes.h - From a model to functions that run ------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TRANSFORMS_EXECUTION_PASSES_H
#define PI_TRANSFORMS_EXECUTION_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir::pi {

/// Function argument and result attributes of the execution form: what the
/// caller passes or gets there. Every argument and result has exactly one. A
/// result that is a state or a parameter is the new value of the argument that
/// is the same, and is written in its place.
constexpr StringLiteral kNameAttr = "pi.name";           // StringAttr
constexpr StringLiteral kParameterAttr = "pi.parameter"; // FlatSymbolRefAttr
constexpr StringLiteral kStateAttr = "pi.state";         // StringAttr
constexpr StringLiteral kGradientAttr = "pi.gradient";   // FlatSymbolRefAttr

/// The prefix of the name of an output that is the gradient of a parameter.
constexpr StringLiteral kGradientPrefix = "gradient.";

/// The functions of the execution form, and the prefix of the name of the
/// private function that computes a derived parameter.
constexpr StringLiteral kForwardName = "forward";
constexpr StringLiteral kLossName = "loss";
constexpr StringLiteral kGradientsName = "gradients";
constexpr StringLiteral kTrainStepName = "train_step";
constexpr StringLiteral kAccumulateGradientsName = "accumulate_gradients";
constexpr StringLiteral kApplyGradientsName = "apply_gradients";
constexpr StringLiteral kEvaluateName = "evaluate";
constexpr StringLiteral kCheckFiniteName = "check_finite";
constexpr StringLiteral kPrefillName = "prefill";
constexpr StringLiteral kDecodeName = "decode";
constexpr StringLiteral kInitializePrefix = "initialize.";

/// The name by which a caller asks for result `index` of a function; empty if
/// it is the new value of an argument, or if it says nothing.
std::string getOutputName(func::FuncOp function, unsigned index);

/// The state or parameter that result `index` is the new value of, or null.
Attribute getUpdatedArgument(func::FuncOp function, unsigned index);

#define GEN_PASS_DECL
#include "pi/Transforms/Execution/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "pi/Transforms/Execution/Passes.h.inc"

/// Adds the passes from a model with @forward to the execution form. Without
/// `generation`, @prefill and @decode are not made, and @forward may have any
/// inputs and results.
void buildExecutionPipeline(OpPassManager &manager, bool generation = true);

/// Registers `pi-execution-pipeline`.
void registerExecutionPipeline();

} // namespace mlir::pi

#endif // PI_TRANSFORMS_EXECUTION_PASSES_H
