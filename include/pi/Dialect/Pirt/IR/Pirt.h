//===- Pirt.h - The pirt dialect --------------------------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_DIALECT_PIRT_IR_PIRT_H
#define PI_DIALECT_PIRT_IR_PIRT_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "pi/Dialect/Pirt/IR/PirtDialect.h.inc"
#include "pi/Dialect/Pirt/IR/PirtEnums.h.inc"

namespace mlir::pirt {

/// The attribute of an argument of a plan that takes an output: its name.
constexpr StringLiteral kOutputAttr = "pirt.output"; // StringAttr
/// The attribute of a plan with the size of its arena.
constexpr StringLiteral kArenaBytesAttr = "pirt.arena_bytes"; // IntegerAttr

/// A buffer of any rank as a row-major matrix: all leading dimensions count as
/// rows, which are `stride` elements apart.
struct MatrixView {
  int64_t rows, columns, stride;
};

/// The view, or failure if the layout has none: the last dimension is not
/// contiguous, or leading dimensions are not a fixed distance apart.
FailureOr<MatrixView> getMatrixView(MemRefType type);

/// Bytes of a buffer: whole rows, with what is between them.
int64_t getBufferBytes(MemRefType type);

/// What a buffer is a view of, through any number of `pirt.view`, and where in
/// it the view begins, in bytes.
struct ViewOrigin {
  Value buffer;
  int64_t offset;
};
ViewOrigin getViewOrigin(Value buffer);

} // namespace mlir::pirt

#define GET_ATTRDEF_CLASSES
#include "pi/Dialect/Pirt/IR/PirtAttributes.h.inc"

#define GET_OP_CLASSES
#include "pi/Dialect/Pirt/IR/PirtOps.h.inc"

#endif // PI_DIALECT_PIRT_IR_PIRT_H
