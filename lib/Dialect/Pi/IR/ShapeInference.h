//===- ShapeInference.h - What type inference shares ------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_DIALECT_PI_IR_SHAPEINFERENCE_H
#define PI_LIB_DIALECT_PI_IR_SHAPEINFERENCE_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Value.h"

namespace mlir::pi {

/// The static type of a tensor operand: every tensor of the dialect is ranked
/// and static, but type inference runs before operands are verified.
FailureOr<RankedTensorType> getTensor(std::optional<Location> loc, Value value,
                                      StringRef name, int64_t minRank);

/// The type of an elementwise operation whose rhs has the last dimensions of
/// lhs and is broadcast over the others: that of lhs.
LogicalResult inferBroadcast(std::optional<Location> loc, Value lhs, Value rhs,
                             SmallVectorImpl<Type> &resultTypes);

} // namespace mlir::pi

#endif // PI_LIB_DIALECT_PI_IR_SHAPEINFERENCE_H
