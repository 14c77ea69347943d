//===- SelectPosition.cpp - A computation at one position -----------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Transforms/Utils/SelectPosition.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mlir::pi;

PositionSelector::PositionSelector(OpBuilder &builder, Block &block,
                                   Value position, bool decode)
    : builder(builder), position(position), decode(decode) {
  for (Operation &op : llvm::reverse(block))
    if (llvm::any_of(op.getUsers(), [&](Operation *user) {
          return everywhere.contains(user) ||
                 (!user->hasTrait<PositionWise>() &&
                  !user->hasTrait<OpTrait::IsTerminator>());
        }))
      everywhere.insert(&op);
}

FailureOr<Value> PositionSelector::select(Value value) {
  if (Value known = selected.lookup(value))
    return known;
  FailureOr<Value> result = build(value);
  if (succeeded(result))
    selected[value] = *result;
  return result;
}

FailureOr<Value> PositionSelector::build(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  Operation *op = value.getDefiningOp();
  if (op && !everywhere.contains(op)) {
    FailureOr<Value> result = Value();
    if (op->hasTrait<PositionWise>())
      result = rebuild(
          op, RankedTensorType::get({type.getDimSize(0), 1, type.getDimSize(2)},
                                    type.getElementType()));
    else if (auto generation = dyn_cast<GenerationOpInterface>(op);
             decode && generation && generation.getStateType())
      result = rebuildDecoding(generation);
    if (failed(result) || *result)
      return result;
  }
  return SelectPositionOp::create(builder, value.getLoc(), value, position)
      .getResult();
}

/// Whether `op` with new operands gives a result of `type`.
static bool infersType(Operation *op, ValueRange operands, Type type) {
  auto infer = dyn_cast<InferTypeOpInterface>(op);
  SmallVector<Type> types;
  return infer &&
         succeeded(infer.inferReturnTypes(
             op->getContext(), std::nullopt, operands,
             op->getDiscardableAttrDictionary(), op->getPropertiesStorage(),
             op->getRegions(), types)) &&
         types.size() == 1 && types.front() == type;
}

FailureOr<Value> PositionSelector::rebuild(Operation *op,
                                           RankedTensorType type) {
  SmallVector<Value> operands;
  for (Value operand : op->getOperands()) {
    bool perPosition =
        cast<RankedTensorType>(operand.getType()).getRank() == type.getRank();
    FailureOr<Value> one = perPosition ? select(operand) : operand;
    if (failed(one))
      return failure();
    operands.push_back(*one);
  }
  // An addend with a row of its own for each position does not fit here.
  if (!infersType(op, operands, type))
    return Value();
  Operation *rebuilt = builder.clone(*op);
  rebuilt->setOperands(operands);
  rebuilt->getResult(0).setType(type);
  return rebuilt->getResult(0);
}

FailureOr<Value> PositionSelector::rebuildDecoding(GenerationOpInterface op) {
  // The state of all positions, as prefill leaves it.
  RankedTensorType type = op.getStateType();
  Value state = arith::ConstantOp::create(builder, op.getLoc(),
                                          builder.getZeroAttr(type));
  IRMapping mapping;
  Value all = op.buildPrefill(builder, mapping, state);
  all.getDefiningOp()->erase();
  for (Value operand : op->getOperands())
    if (auto tensor = dyn_cast<RankedTensorType>(operand.getType());
        tensor && tensor.getRank() == 3) {
      FailureOr<Value> one = select(operand);
      if (failed(one))
        return failure();
      mapping.map(operand, *one);
    }
  return op.buildDecode(builder, mapping, position, state);
}
