//===- LinearWeights.cpp - Weights as matrices, read and replaced ---------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinearWeights.h"

#include "pi/Transforms/Utils/Parameters.h"

using namespace mlir;
using namespace mlir::pi;

/// The parameter of an expression that is declared last.
static ParameterOp getParameter(Value weight) {
  ParameterOp result;
  for (Operation *op : getParameterExpression(weight))
    if (auto load = dyn_cast<LoadOp>(op)) {
      ParameterOp parameter = lookupParameter(load);
      if (!result || result->isBeforeInBlock(parameter))
        result = parameter;
    }
  return result;
}

static void eraseIfDead(Value value) {
  Operation *op = value ? value.getDefiningOp() : nullptr;
  if (op && isOpTriviallyDead(op))
    eraseWithDeadOperands(op);
}

/// Declares a parameter with the name of a location, and loads it. `sibling` is
/// a weight that is computed from parameters: the new one stands behind those,
/// and has their name where the location has none. "folded" sets new parameters
/// apart, so that a checkpoint that is not folded does not load.
LoadOp ParameterReplacer::declare(OpBuilder &builder, Location loc,
                                  Value sibling, StringRef suffix,
                                  RankedTensorType type, const Matrix &value) {
  ParameterOp after = getParameter(sibling);
  StringRef name = after.getSymName().rsplit('.').first;
  if (auto named = loc->findInstanceOf<NameLoc>())
    name = named.getName();
  OpBuilder detached(builder.getContext());
  auto parameter = ParameterOp::create(
      detached, loc, (name + ".folded." + suffix).str(), type, Attribute());
  StringAttr unique =
      symbols.insert(parameter, std::next(Block::iterator(after)));
  added[unique] = value.toFloats();
  return LoadOp::create(builder, loc, type, unique.getValue());
}

void ParameterReplacer::set(OpOperand &operand, Value sibling, StringRef suffix,
                            const Matrix &value) {
  Value old = operand.get();
  OpBuilder builder(operand.getOwner());
  operand.set(declare(builder, operand.getOwner()->getLoc(), sibling, suffix,
                      cast<RankedTensorType>(old.getType()), value));
  eraseIfDead(old);
}

void ParameterReplacer::setBias(LinearOp linear, const Matrix &bias) {
  if (linear.getBias())
    return set(linear.getBiasMutable()[0], linear.getBias(), "bias", bias);
  auto result = cast<RankedTensorType>(linear.getResult().getType());
  auto type = RankedTensorType::get({bias.columns()}, result.getElementType());
  OpBuilder builder(linear);
  linear.getBiasMutable().assign(declare(
      builder, linear.getLoc(), linear.getWeight(), "bias", type, bias));
}

void ParameterReplacer::dropBias(LinearOp linear) {
  Value old = linear.getBias();
  linear.getBiasMutable().clear();
  eraseIfDead(old);
}

void ParameterReplacer::insertBefore(LinearOp linear, const Matrix &weight) {
  Value value = linear.getInput();
  auto type = RankedTensorType::get(
      {weight.rows(), weight.columns()},
      cast<RankedTensorType>(value.getType()).getElementType());
  OpBuilder builder(linear);
  builder.setInsertionPointAfterValue(value);
  Location loc = value.getLoc();
  Value load =
      declare(builder, loc, linear.getWeight(), "weight", type, weight);
  auto product = LinearOp::create(builder, loc, value, load);
  value.replaceAllUsesExcept(product.getResult(), product);
}
