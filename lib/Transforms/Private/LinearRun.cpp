//===- LinearRun.cpp - Layers in which the stream is linear ---------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinearRun.h"

#include "pi/Transforms/Utils/Parameters.h"

using namespace mlir;
using namespace mlir::pi;

static bool isWeight(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.getElementType().isF32() &&
         !getParameterExpression(value).empty();
}

static bool hasWeights(LinearOp linear) {
  return isWeight(linear.getWeight()) &&
         (!linear.getBias() || isWeight(linear.getBias()));
}

static bool hasScales(Operation *residual) {
  auto scaled = dyn_cast<ScaledResidualOp>(residual);
  return !scaled || (isWeight(scaled.getAlpha()) && isWeight(scaled.getBeta()));
}

Value mlir::pi::getResult(const TransformerLayer &layer) {
  Operation *last =
      layer.feedForward ? layer.feedForward.residual : layer.attention.residual;
  return last->getResult(0);
}

/// Why the stream is not linear in a layer that gives `result`; empty if it is.
static std::string whyNotLinear(const TransformerLayer &layer, Value result) {
  const AttentionBlock &attention = layer.attention;
  const FeedForwardBlock &block = layer.feedForward;
  if (!attention.isComplete())
    return "its attention block has another form";
  if (attention.norm || block.norm)
    return "it has a LayerNorm";
  if (!isa<AddOp>(attention.residual))
    return "the residual connection of its attention is not 'pi.add'";
  if (block.activation)
    return ("it has '" + block.activation->getName().getStringRef() + "'")
        .str();
  if (getResult(layer) != result)
    return "what it gives is read by more than the next layer or the head";

  LinearOp qkv = attention.qkvProjection, output = attention.outputProjection;
  Value stream = qkv.getInput(), middle = attention.residual->getResult(0);
  if (!stream.hasNUses(2) || (block && !middle.hasNUses(2)))
    return "the stream is read by more than its blocks";
  bool areWeights = hasWeights(qkv) && hasWeights(output);
  if (block) {
    LinearOp first = block.input, last = block.output;
    areWeights &=
        hasWeights(first) && hasWeights(last) && hasScales(block.residual);
  }
  return areWeights ? ""
                    : "its weights are not computed from f32 parameters alone";
}

/// Collects the tables that `value`, which is read `numUses` times, is made of.
static bool collectTables(Value value, unsigned numUses,
                          SmallVectorImpl<OpOperand *> &tables) {
  Operation *op = value.getDefiningOp();
  if (!op || !value.hasNUses(numUses))
    return false;
  if (isa<AddOp>(op))
    return llvm::all_of(op->getOperands(), [&](Value operand) {
      return collectTables(operand, 1, tables);
    });
  OpOperand *table = nullptr;
  if (auto embedding = dyn_cast<EmbeddingOp>(op))
    table = &embedding.getTableMutable();
  else if (auto positions = dyn_cast<PositionEmbeddingOp>(op))
    table = &positions.getTableMutable();
  if (!table || !isWeight(table->get()))
    return false;
  tables.push_back(table);
  return true;
}

/// Why the head does not read a linear stream; empty if it may.
static std::string whyNotFoldedInto(const TransformerStructure &structure) {
  LinearOp head = structure.getHead();
  if (!head)
    return "there is no head";
  if (structure.getFinalLayerNorm())
    return "a LayerNorm stands before the head";
  if (!head.getInput().hasOneUse())
    return "what the head reads is read elsewhere";
  if (!hasWeights(head))
    return "the head's weight is not computed from f32 parameters alone";
  return "";
}

LinearRun mlir::pi::findLinearRun(Operation *function) {
  TransformerStructure structure(function);
  LinearRun run;
  if (structure.getLayers().empty())
    return run;
  std::string reason = whyNotFoldedInto(structure);
  if (!reason.empty()) {
    function->emitRemark("no feed-forward block is folded: ") << reason;
    return run;
  }
  run.head = structure.getHead();
  run.start = run.head.getInput();
  for (const TransformerLayer &layer : llvm::reverse(structure.getLayers())) {
    reason = whyNotLinear(layer, run.start);
    if (!reason.empty()) {
      Operation *at = layer.attention.attention ? layer.attention.attention
                                                : layer.feedForward.residual;
      at->emitRemark("feed-forward blocks up to this layer are not folded: ")
          << reason;
      break;
    }
    run.layers.insert(run.layers.begin(), layer);
    LinearOp qkv = layer.attention.qkvProjection;
    run.start = qkv.getInput();
  }
  if (llvm::none_of(run.layers, [](const TransformerLayer &layer) {
        return bool(layer.feedForward);
      }))
    return {};
  if (!collectTables(run.start, 2, run.tables))
    run.tables.clear();
  return run;
}

SmallVector<Value> mlir::pi::getWeights(const LinearRun &run) {
  SmallVector<Value> weights;
  auto add = [&](LinearOp linear) {
    weights.push_back(linear.getWeight());
    if (linear.getBias())
      weights.push_back(linear.getBias());
  };
  for (const TransformerLayer &layer : run.layers) {
    add(layer.attention.qkvProjection);
    add(layer.attention.outputProjection);
    if (!layer.feedForward)
      continue;
    add(layer.feedForward.input);
    add(layer.feedForward.output);
    if (auto scaled = dyn_cast<ScaledResidualOp>(layer.feedForward.residual))
      llvm::append_values(weights, scaled.getAlpha(), scaled.getBeta());
  }
  add(run.head);
  for (OpOperand *table : run.tables)
    weights.push_back(table->get());
  return weights;
}
