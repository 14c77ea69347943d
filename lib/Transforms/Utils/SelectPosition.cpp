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

Value PositionSelector::select(Value value) {
  if (Value known = selected.lookup(value))
    return known;
  Value result = build(value);
  selected[value] = result;
  return result;
}

Value PositionSelector::build(Value value) {
  Operation *op = value.getDefiningOp();
  if (op && !everywhere.contains(op)) {
    Value result;
    if (op->hasTrait<PositionWise>())
      result = rebuild(op);
    else if (auto generation = dyn_cast<GenerationOpInterface>(op);
             decode && generation && value == op->getResult(0) &&
             generation.getStateType() &&
             generation.getDecodeObstacle().empty())
      result = rebuildDecoding(generation);
    if (result)
      return result;
  }
  return SelectPositionOp::create(builder, value.getLoc(), value, position);
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

Value PositionSelector::rebuild(Operation *op) {
  auto all = cast<RankedTensorType>(op->getResult(0).getType());
  auto type = RankedTensorType::get({all.getDimSize(0), 1, all.getDimSize(2)},
                                    all.getElementType());
  SmallVector<Value> operands;
  for (Value operand : op->getOperands()) {
    bool perPosition =
        cast<RankedTensorType>(operand.getType()).getRank() == type.getRank();
    operands.push_back(perPosition ? select(operand) : operand);
  }
  // An addend with a row of its own for each position does not fit here.
  if (!infersType(op, operands, type))
    return {};
  Operation *rebuilt = builder.clone(*op);
  rebuilt->setOperands(operands);
  rebuilt->getResult(0).setType(type);
  return rebuilt->getResult(0);
}

Value PositionSelector::rebuildDecoding(GenerationOpInterface op) {
  // The state of all positions, as prefill leaves it.
  RankedTensorType type = op.getStateType();
  Value state = arith::ConstantOp::create(builder, op.getLoc(),
                                          builder.getZeroAttr(type));
  IRMapping mapping;
  Value all = op.buildPrefill(builder, mapping, state);
  all.getDefiningOp()->erase();
  for (Value operand : op->getOperands())
    if (auto tensor = dyn_cast<RankedTensorType>(operand.getType());
        tensor && tensor.getRank() == 3)
      mapping.map(operand, select(operand));
  return op.buildDecode(builder, mapping, position, state);
}
