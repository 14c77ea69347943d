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

/// The layer's name, with what sets new parameters apart from the old: a
/// checkpoint that is not folded does not load.
std::string ParameterReplacer::getName(OpOperand &operand) {
  Operation *owner = operand.getOwner();
  std::string name;
  if (auto loc = owner->getLoc()->findInstanceOf<NameLoc>())
    name = loc.getName().str();
  else
    name = getParameter(operand.get()).getSymName().rsplit('.').first.str();
  return name + ".folded";
}

Value ParameterReplacer::declare(Operation *reader, Operation *after,
                                 const Twine &name, RankedTensorType type,
                                 const Matrix &value) {
  OpBuilder builder(after->getContext());
  auto parameter = ParameterOp::create(builder, reader->getLoc(), name.str(),
                                       type, Attribute());
  StringAttr unique =
      symbols.insert(parameter, std::next(Block::iterator(after)));
  added[unique] = value.toFloats();
  builder.setInsertionPoint(reader);
  return LoadOp::create(builder, reader->getLoc(), type, unique.getValue());
}

void ParameterReplacer::set(OpOperand &operand, const Twine &name,
                            const Matrix &value) {
  Value old = operand.get();
  operand.set(declare(operand.getOwner(), getParameter(old), name,
                      cast<RankedTensorType>(old.getType()), value));
  eraseIfDead(old);
}

void ParameterReplacer::setBias(LinearOp linear, const Matrix &bias) {
  OpOperand &weight = linear.getWeightMutable();
  std::string name = getName(weight) + ".bias";
  if (linear.getBias())
    return set(linear.getBiasMutable()[0], name, bias);
  auto result = cast<RankedTensorType>(linear.getResult().getType());
  auto type = RankedTensorType::get({bias.columns()}, result.getElementType());
  Value load = declare(linear, getParameter(weight.get()), name, type, bias);
  linear.getBiasMutable().assign(load);
}

void ParameterReplacer::dropBias(LinearOp linear) {
  Value old = linear.getBias();
  linear.getBiasMutable().clear();
  eraseIfDead(old);
}
