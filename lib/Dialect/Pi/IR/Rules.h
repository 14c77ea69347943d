//===- Rules.h - What reverse rules share -----------------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_DIALECT_PI_IR_RULES_H
#define PI_LIB_DIALECT_PI_IR_RULES_H

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::pi {

/// Builds the formulas of reverse rules, so that they read as such.
class RuleBuilder : public ImplicitLocOpBuilder {
public:
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;

  /// A tensor of `type` whose elements all have this value.
  Value constant(double value, Type type);
  Value mul(Value lhs, Value rhs);
  Value mul(Value lhs, double rhs);
  Value div(Value lhs, Value rhs);
  /// The sum over the leading dimensions that the type of `like` lacks: the
  /// gradient of `like` from that of a tensor it was broadcast to.
  Value sumTo(Value tensor, Value like);
  /// All leading dimensions as one: `rows x columns`; a vector is one row.
  Value asMatrix(Value tensor);
  /// lhs^T * rhs, with leading dimensions as rows: `m x n` of `... x m` and
  /// `... x n`. The gradient of a weight from inputs and gradients of outputs.
  Value outer(Value lhs, Value rhs);
};

} // namespace mlir::pi

#endif // PI_LIB_DIALECT_PI_IR_RULES_H
