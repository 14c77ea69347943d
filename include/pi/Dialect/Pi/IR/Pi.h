//===- Pi.h - The pi dialect ------------------------------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_DIALECT_PI_IR_PI_H
#define PI_DIALECT_PI_IR_PI_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "pi/Interfaces/CostInterfaces.h"
#include "pi/Interfaces/DifferentiableOpInterface.h"
#include "pi/Interfaces/GenerationOpInterface.h"
#include "pi/Interfaces/IndexOpInterface.h"
#include "pi/Interfaces/PrecisionOpInterface.h"
#include "pi/Interfaces/RecomputableOpInterface.h"

#include "pi/Dialect/Pi/IR/PiDialect.h.inc"
#include "pi/Dialect/Pi/IR/PiEnums.h.inc"

namespace mlir::pi {

/// Unit attribute of a function that training runs, which private inference has
/// no part in: what only training needs stays there, and what depends on
/// parameters is computed in every run, since they change.
constexpr StringLiteral kTrainingAttr = "pi.training";

/// Unit attribute of an operation that computes again what was computed before
/// and not kept. Nothing may merge it with what computes the same, nor run it
/// long before its results are read.
constexpr StringLiteral kRecomputedAttr = "pi.recomputed";

/// Rows `begin` to `end` of a matrix of scores, which need its first `columns`
/// columns.
struct RowBlock {
  int64_t begin;
  int64_t end;
  int64_t columns;

  int64_t getNumRows() const { return end - begin; }
  int64_t getNumElements() const { return getNumRows() * columns; }
};

/// The format in which a sum over positions, a statistic of a row or a scale of
/// one may be held beside tensors of `element`: f64 beside f64, else f32.
Type getWideType(Type element);

/// The training loss, as a resource that operations add to.
struct LossResource : public SideEffects::Resource::Base<LossResource> {
  StringRef getName() final { return "Loss"; }
};

/// Marks an operation that only training needs; inference drops it.
template <typename ConcreteType>
class TrainingOnly : public OpTrait::TraitBase<ConcreteType, TrainingOnly> {};

/// Marks an operation that works on every position by itself.
template <typename ConcreteType>
class PositionWise : public OpTrait::TraitBase<ConcreteType, PositionWise> {};

} // namespace mlir::pi

#define GET_ATTRDEF_CLASSES
#include "pi/Dialect/Pi/IR/PiAttributes.h.inc"

#define GET_OP_CLASSES
#include "pi/Dialect/Pi/IR/PiOps.h.inc"

#endif // PI_DIALECT_PI_IR_PI_H
