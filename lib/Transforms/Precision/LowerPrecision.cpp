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
  Value value = use.get();
  return TypeSwitch<Operation *, bool>(use.getOwner())
      .Case([&](LayerNormOp op) {
        return value == op.getWeight() || value == op.getBias();
      })
      .Case<AttentionOp, CachedAttentionOp>(
          [&](auto op) { return value == op.getTemperature(); })
      .Default(false);
}

/// The parameters that some function reads as what stays f32.
static DenseSet<Attribute> findF32Parameters(ArrayRef<func::FuncOp> functions) {
  DenseSet<Attribute> parameters;
  for (func::FuncOp function : functions)
    for (BlockArgument argument : function.getArguments())
      if (Attribute parameter =
              function.getArgAttr(argument.getArgNumber(), kParameterAttr))
        if (llvm::any_of(argument.getUses(), staysF32))
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
    for (func::FuncOp function : functions)
      if (function->hasAttr(kTrainingAttr)) {
        function.emitError("@")
            << function.getSymName()
            << " is for training, whose number formats pi-lower-precision does "
               "not choose";
        return signalPassFailure();
      }
    DenseSet<Attribute> f32Parameters = findF32Parameters(functions);
    for (func::FuncOp function : functions)
      lower(function, f32Parameters);
  }

private:
  void lower(func::FuncOp function, const DenseSet<Attribute> &f32Parameters) {
    for (BlockArgument argument : function.getArguments())
      if (!f32Parameters.contains(
              function.getArgAttr(argument.getArgNumber(), kParameterAttr)))
        lower(argument);
    function.getBody().walk([&](Operation *op) {
      for (Value result : op->getResults())
        lower(result);
      auto constant = dyn_cast<arith::ConstantOp>(op);
      auto value = constant ? dyn_cast<DenseElementsAttr>(constant.getValue())
                            : DenseElementsAttr();
      if (value && isa<FloatType>(value.getElementType()))
        constant.setValueAttr(convert(value));
    });
    extendLogits(function);
    Operation *terminator = function.getBody().front().getTerminator();
    function.setType(FunctionType::get(&getContext(),
                                       function.getBody().getArgumentTypes(),
                                       terminator->getOperandTypes()));
  }

  void lower(Value value) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (!type || !type.getElementType().isF32())
      return;
    value.setType(type.clone(BFloat16Type::get(&getContext())));
    ++numValues;
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
};
} // namespace
