//===- TrainingFunctions.h - What functions of training share ---*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_TRANSFORMS_TRAINING_TRAININGFUNCTIONS_H
#define PI_LIB_TRANSFORMS_TRAINING_TRAININGFUNCTIONS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir::pi {

/// The function @source that pass `pass` makes @made from, or an error: it is
/// there with one block, and nothing in the module is called @made.
FailureOr<func::FuncOp> getSourceFunction(ModuleOp module, StringRef source,
                                          StringRef made);

/// The attributes of an argument or a result that the caller knows by `name`.
DictionaryAttr getNameAttrs(MLIRContext *context, const Twine &name);

/// Adds the argument `targets` to a function that gives logits ... x V alone,
/// and builds their cross-entropy before its terminator, whose operands mean
/// nothing until setResults() has set them.
FailureOr<Value> addCrossEntropy(func::FuncOp function, int32_t ignoreIndex);

/// Has the function return these values instead, with attributes for each.
void setResults(func::FuncOp function, ValueRange values,
                ArrayRef<DictionaryAttr> attributes);

} // namespace mlir::pi

#endif // PI_LIB_TRANSFORMS_TRAINING_TRAININGFUNCTIONS_H
