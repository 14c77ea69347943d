//===- ShapeInference.h - What inference and verifiers share ----*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_DIALECT_PI_IR_SHAPEINFERENCE_H
#define PI_LIB_DIALECT_PI_IR_SHAPEINFERENCE_H

#include "pi/Dialect/Pi/IR/Pi.h"

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/Value.h"

namespace mlir::pi {

/// The static type of a tensor operand: every tensor of the dialect is ranked
/// and static, but type inference runs before operands are verified.
FailureOr<RankedTensorType> getTensor(std::optional<Location> loc, Value value,
                                      StringRef name, int64_t minRank);

/// Whether `type` is `element` or its wide type.
inline bool isSameOrWide(Type type, Type element) {
  return type == element || type == getWideType(element);
}

/// Checks that a scale or a statistic has elements of type `element`, or of its
/// wide type.
LogicalResult verifySameOrWide(std::optional<Location> loc, StringRef name,
                               RankedTensorType type, Type element);

/// The type of an elementwise operation whose rhs has the last dimensions of
/// lhs and is broadcast over the others: that of lhs. rhs may be wider.
LogicalResult inferBroadcast(std::optional<Location> loc, Value lhs, Value rhs,
                             SmallVectorImpl<Type> &resultTypes);

/// Checks that the symbol is a parameter or a state of this type, which `op`
/// reads or writes (the verb, as in "op stores ...").
LogicalResult verifySymbolType(Operation *op, FlatSymbolRefAttr symbol,
                               StringRef verb, Type type,
                               SymbolTableCollection &symbols);

/// Checks the temperature of a softmax, or of its gradient, if it has one: H x
/// T beside an input B x H x T x S.
template <typename SoftmaxLike>
LogicalResult verifySoftmaxTemperature(SoftmaxLike op) {
  if (!op.getTemperature())
    return success();
  RankedTensorType input = op.getInput().getType();
  auto type = cast<RankedTensorType>(op.getTemperature().getType());
  if (type.getShape() != input.getShape().slice(1, 2))
    return op.emitOpError("temperature has to be H x T = ")
           << input.getDimSize(1) << " x " << input.getDimSize(2) << ", but is "
           << type;
  return verifySameOrWide(op.getLoc(), "temperature", type,
                          input.getElementType());
}

/// Checks that the gradient of the temperature is there and of its type if, and
/// only if, there is a temperature.
template <typename GradOp>
LogicalResult verifySameAsTemperature(GradOp op) {
  auto getType = [](Value value) { return value ? value.getType() : Type(); };
  if (getType(op.getTemperature()) == getType(op.getDTemperature()))
    return success();
  return op.emitOpError("the gradient of the temperature has to be there, and "
                        "of its type, if there is a temperature");
}

} // namespace mlir::pi

#endif // PI_LIB_DIALECT_PI_IR_SHAPEINFERENCE_H
