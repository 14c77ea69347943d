//===- LowerPrecision.cpp - Compute in a shorter number format ------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Transforms/Precision/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "pi/Dialect/Pi/IR/Pi.h"
#include "pi/Transforms/Execution/Passes.h"

namespace mlir::pi {
#define GEN_PASS_DEF_PILOWERPRECISION
#include "pi/Transforms/Precision/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

/// Whether an operand stays f32: what scales all of a row.
static bool staysF32(OpOperand &use) {
  auto op = dyn_cast<PrecisionOpInterface>(use.getOwner());
  return op && op.getOperandFormat(use) == NumberFormat::Wide;
}

/// The parameters that some function reads as what stays f32, or trains: its
/// updates may be too small for a short format.
static DenseSet<Attribute> findF32Parameters(ArrayRef<func::FuncOp> functions) {
  DenseSet<Attribute> parameters;
  for (func::FuncOp function : functions)
    for (BlockArgument argument : function.getArguments())
      if (Attribute parameter =
              function.getArgAttr(argument.getArgNumber(), kParameterAttr))
        if (function->hasAttr(kTrainingAttr) ||
            llvm::any_of(argument.getUses(), staysF32))
          parameters.insert(parameter);
  return parameters;
}

namespace {
struct LowerPrecisionPass : pi::impl::PiLowerPrecisionBase<LowerPrecisionPass> {
  using Base::Base;

  void runOnOperation() override {
    if (compute != "bf16") {
      emitError(UnknownLoc::get(&getContext()))
          << "pi-lower-precision: no compute format '" << compute
          << "'; there is bf16";
      return signalPassFailure();
    }
    SmallVector<func::FuncOp> functions;
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function.isPublic() && !function.isExternal())
        functions.push_back(function);
    DenseSet<Attribute> f32Parameters = findF32Parameters(functions);
    for (func::FuncOp function : functions)
      lower(function, f32Parameters);
  }

private:
  void lower(func::FuncOp function, const DenseSet<Attribute> &f32Parameters) {
    bool isTraining = function->hasAttr(kTrainingAttr);
    for (BlockArgument argument : function.getArguments())
      if (!isTraining && !f32Parameters.contains(function.getArgAttr(
                             argument.getArgNumber(), kParameterAttr)))
        setFormat(argument, NumberFormat::Compute);
    narrowed.clear();
    for (Operation &op : llvm::make_early_inc_range(function.getBody().front()))
      lower(&op);
    if (!isTraining)
      extendLogits(function);
    Operation *terminator = function.getBody().front().getTerminator();
    function.setType(FunctionType::get(&getContext(),
                                       function.getBody().getArgumentTypes(),
                                       terminator->getOperandTypes()));
  }

  /// Gives the operands the formats that the operation asks for, and then its
  /// results theirs.
  void lower(Operation *op) {
    auto precision = dyn_cast<PrecisionOpInterface>(op);
    NumberFormat first = NumberFormat::Wide;
    for (OpOperand &operand : llvm::reverse(op->getOpOperands())) {
      auto type = dyn_cast<RankedTensorType>(operand.get().getType());
      if (!type || !isa<FloatType>(type.getElementType()))
        continue;
      NumberFormat format =
          precision ? precision.getOperandFormat(operand) : NumberFormat::Any;
      if (format == NumberFormat::Compute && type.getElementType().isF32())
        operand.set(narrow(operand.get()));
      first = getFormat(operand.get());
    }
    for (OpResult result : op->getResults()) {
      NumberFormat format =
          precision ? precision.getResultFormat(result) : NumberFormat::Any;
      setFormat(result, format == NumberFormat::Any ? first : format);
    }
  }

  static NumberFormat getFormat(Value value) {
    return getElementTypeOrSelf(value).isF32() ? NumberFormat::Wide
                                               : NumberFormat::Compute;
  }

  void setFormat(Value value, NumberFormat format) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (format != NumberFormat::Compute || !type ||
        !type.getElementType().isF32())
      return;
    value.setType(type.clone(BFloat16Type::get(&getContext())));
    ++numValues;
  }

  /// The value rounded to the compute format, once for all who read it.
  /// Arguments are rounded at the start, one after the other.
  Value narrow(Value value) {
    Value &known = narrowed[value];
    if (known)
      return known;
    OpBuilder builder(&getContext());
    builder.setInsertionPointAfterValue(value);
    if (auto argument = dyn_cast<BlockArgument>(value))
      while (isa<arith::TruncFOp>(*builder.getInsertionPoint()))
        builder.setInsertionPointAfter(&*builder.getInsertionPoint());
    auto type = cast<RankedTensorType>(value.getType());
    ++numValues;
    if (auto constant = value.getDefiningOp<arith::ConstantOp>())
      return known = arith::ConstantOp::create(
                 builder, value.getLoc(),
                 convert(cast<DenseElementsAttr>(constant.getValue())));
    return known = arith::TruncFOp::create(
               builder, value.getLoc(),
               type.clone(BFloat16Type::get(&getContext())), value);
  }

  DenseElementsAttr convert(DenseElementsAttr value) {
    return value.mapValues(
        BFloat16Type::get(&getContext()), [](const APFloat &element) {
          APFloat rounded = element;
          bool losesInfo;
          rounded.convert(APFloat::BFloat(), APFloat::rmNearestTiesToEven,
                          &losesInfo);
          return rounded.bitcastToAPInt();
        });
  }

  /// Sampling and the argmax work on f32 logits.
  void extendLogits(func::FuncOp function) {
    bool hasStates = false;
    for (unsigned i = 0; i < function.getNumResults(); ++i)
      hasStates |= function.getResultAttr(i, kStateAttr) != nullptr;
    if (!hasStates)
      return;
    Operation *terminator = function.getBody().front().getTerminator();
    for (unsigned i = 0; i < function.getNumResults(); ++i) {
      Value value = terminator->getOperand(i);
      auto type = cast<RankedTensorType>(value.getType());
      if (!function.getResultAttr(i, kNameAttr) ||
          !type.getElementType().isBF16())
        continue;
      // Extends what the product gives, before it is reshaped.
      while (auto reshape = value.getDefiningOp<tensor::CollapseShapeOp>()) {
        reshape.getResult().setType(
            reshape.getResultType().clone(Float32Type::get(&getContext())));
        value = reshape.getSrc();
      }
      OpBuilder builder(&getContext());
      builder.setInsertionPointAfterValue(value);
      auto source = cast<RankedTensorType>(value.getType());
      auto extended = arith::ExtFOp::create(
          builder, value.getLoc(),
          source.clone(Float32Type::get(&getContext())), value);
      value.replaceAllUsesExcept(extended, extended);
    }
  }

  DenseMap<Value, Value> narrowed;
};
} // namespace
