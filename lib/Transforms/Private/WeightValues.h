//===- WeightValues.h - What a checkpoint makes of weights ------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_TRANSFORMS_PRIVATE_WEIGHTVALUES_H
#define PI_LIB_TRANSFORMS_PRIVATE_WEIGHTVALUES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "pi/Runtime/Safetensors.h"
#include "llvm/ADT/DenseMap.h"

namespace mlir::pi {

/// The elements of tensors in f32, row-major.
using WeightValues = llvm::DenseMap<Value, std::vector<float>>;

/// Evaluates values that are computed from parameters alone
/// (getParameterExpression) with the weights of a checkpoint. A parameter that
/// the checkpoint lacks is derived, as when a compiled model loads: what runs
/// is the compiled derivation, in f32. Errors are those of loading, reported at
/// `loc`; all values are f32 tensors of static shape, and duplicates are
/// allowed.
FailureOr<WeightValues>
evaluateWeights(Location loc, ModuleOp module, ArrayRef<Value> values,
                const pi_runtime::Checkpoint &checkpoint);

/// The dialects that evaluation passes through, for the dependent dialects of a
/// pass that calls it.
void getWeightEvaluationDialects(DialectRegistry &registry);

} // namespace mlir::pi

#endif // PI_LIB_TRANSFORMS_PRIVATE_WEIGHTVALUES_H
