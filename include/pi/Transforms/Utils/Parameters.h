//===- Parameters.h - Adding and dropping parameters ------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What rewrites share that add, derive or drop parameters.
//
//===----------------------------------------------------------------------===//

#ifndef PI_TRANSFORMS_UTILS_PARAMETERS_H
#define PI_TRANSFORMS_UTILS_PARAMETERS_H

#include "pi/Dialect/Pi/IR/Pi.h"

namespace mlir::pi {

/// Erases the parameters of the module that no operation refers to, also those
/// that only derive one another. Returns their number.
int64_t eraseUnusedParameters(ModuleOp module);

/// Erases `op`, which has no uses, and then whatever only it read.
void eraseWithDeadOperands(Operation *op);

/// The operations that compute `value` from parameters and constants alone, in
/// order. Empty if it depends on anything else or on no parameter at all.
SmallVector<Operation *> getParameterExpression(Value value);

/// A parameter to be declared.
struct ParameterSpec {
  std::string name;
  RankedTensorType type;
  /// How it starts when training from scratch; null to derive it then, too.
  Attribute init;
  bool decay = false;
};

/// Declares a derived parameter after `after`, its derivation being what
/// `derive` builds. A parameter of this name that is there already is given
/// instead, so that functions share it, if it has the same type and derivation;
/// another symbol of this name is an error.
FailureOr<ParameterOp>
getOrCreateDerivedParameter(Operation *after, Location loc,
                            const ParameterSpec &spec,
                            function_ref<Value(OpBuilder &)> derive);

/// The parameter that the load reads; null where it reads a state.
ParameterOp lookupParameter(LoadOp load);

} // namespace mlir::pi

#endif // PI_TRANSFORMS_UTILS_PARAMETERS_H
