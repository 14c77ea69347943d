//===- TransformerStructure.cpp - The layers of a decoder -----------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Analysis/TransformerStructure.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::pi;

StringRef mlir::pi::stringifyModelPart(ModelPart part) {
  switch (part) {
  case ModelPart::Other:
    return "operation";
  case ModelPart::Attention:
    return "attention block";
  case ModelPart::FeedForward:
    return "feed-forward block";
  case ModelPart::FinalLayerNorm:
    return "final LayerNorm";
  case ModelPart::Head:
    return "head";
  }
  llvm_unreachable("unknown part");
}

/// What gives `value`, for a message.
static std::string describe(Value value) {
  if (Operation *op = value.getDefiningOp())
    return ("'" + op->getName().getStringRef() + "'").str();
  return "a block argument";
}

/// The only reader of `value`, or null with the reason.
static Operation *getOnlyReader(Value value, std::string &reason) {
  if (value.hasOneUse())
    return *value.user_begin();
  reason = "the result of " + describe(value) + " is read " +
           std::to_string(std::distance(value.use_begin(), value.use_end())) +
           " times, not once";
  return nullptr;
}

/// Steps from the input of a linear over a LayerNorm that only it reads.
static Value skipLayerNorm(Value input, LayerNormOp &norm) {
  norm = input.getDefiningOp<LayerNormOp>();
  if (norm && norm->hasOneUse())
    return norm.getInput();
  norm = nullptr;
  return input;
}

/// An elementwise function of the dialect, of one tensor. One of another
/// dialect is unknown code: nobody has said that it may be replaced.
static bool isActivation(Operation *op) {
  return op && isa_and_nonnull<PIDialect>(op->getDialect()) &&
         op->hasTrait<OpTrait::Elementwise>() && op->getNumOperands() == 1;
}

Value FeedForwardBlock::getStream() const {
  LinearOp linear = output;
  return TransformerStructure::getStream(residual, linear.getResult());
}

Value TransformerStructure::getStream(Operation *op, Value update) {
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](AddOp add) -> Value {
        // A sum with broadcasting adds positions or a bias.
        if (add.getLhs().getType() != add.getRhs().getType())
          return nullptr;
        return update == add.getRhs() ? add.getLhs() : add.getRhs();
      })
      .Case([&](ScaledResidualOp scaled) -> Value {
        return update == scaled.getUpdate() ? scaled.getResidual() : nullptr;
      })
      .Default(nullptr);
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

/// Fills `block` from the attention on; false with the reason where the chain
/// has another form.
static bool matchAttentionBlock(AttentionBlock &block, Value qkv,
                                std::string &reason) {
  block.qkvProjection = qkv.getDefiningOp<LinearOp>();
  if (!block.qkvProjection) {
    reason = "q, k and v come from " + describe(qkv) + ", not from 'pi.linear'";
    return false;
  }
  Value stream = skipLayerNorm(block.qkvProjection.getInput(), block.norm);

  Value result = block.attention->getResult(0);
  Operation *reader = getOnlyReader(result, reason);
  if (!reader)
    return false;
  auto projection = dyn_cast<LinearOp>(reader);
  if (!projection || projection.getInput() != result) {
    reason = ("its result is read by '" + reader->getName().getStringRef() +
              "', not by 'pi.linear'")
                 .str();
    return false;
  }
  block.outputProjection = projection;

  reader = getOnlyReader(projection.getResult(), reason);
  if (!reader)
    return false;
  if (TransformerStructure::getStream(reader, projection.getResult()) !=
      stream) {
    reason = ("'" + reader->getName().getStringRef() +
              "' does not add the output projection to what the block reads")
                 .str();
    return false;
  }
  block.residual = reader;
  return true;
}

void TransformerStructure::matchAttention(Operation *attention) {
  AttentionBlock block;
  block.attention = attention;
  // Both kinds of attention read q, k and v first.
  std::string reason;
  if (!matchAttentionBlock(block, attention->getOperand(0), reason))
    unknown.push_back({ModelPart::Attention, attention, std::move(reason)});
  assign(ModelPart::Attention, {block.norm, block.qkvProjection, attention,
                                block.outputProjection, block.residual});
  layers.push_back({block, {}});
}

//===----------------------------------------------------------------------===//
// Feed-forward block
//===----------------------------------------------------------------------===//

/// The block that ends with `update` in `residual`; without a residual, and
/// with the reason, where the chain has another form.
static FeedForwardBlock matchUpdate(Operation *residual, Value update,
                                    std::string &reason) {
  FeedForwardBlock block;
  Value stream = TransformerStructure::getStream(residual, update);
  block.output = update.getDefiningOp<LinearOp>();
  if (!block.output) {
    reason =
        "its update comes from " + describe(update) + ", not from 'pi.linear'";
    return {};
  }
  if (!getOnlyReader(update, reason))
    return {};

  // One linear, or two with at most an activation between.
  block.input = block.output;
  Value hidden = block.output.getInput();
  if (skipLayerNorm(hidden, block.norm) != stream) {
    block.norm = nullptr;
    if (!getOnlyReader(hidden, reason))
      return {};
    if (isActivation(hidden.getDefiningOp())) {
      block.activation = hidden.getDefiningOp();
      hidden = block.activation->getOperand(0);
      if (!getOnlyReader(hidden, reason))
        return {};
    }
    block.input = hidden.getDefiningOp<LinearOp>();
    if (!block.input) {
      reason = "its last linear reads " + describe(hidden) +
               ", not 'pi.linear' with at most one activation between";
      return {};
    }
    if (skipLayerNorm(block.input.getInput(), block.norm) != stream) {
      reason = "its first linear reads " + describe(block.input.getInput()) +
               ", not what the update is added to";
      return {};
    }
  }
  block.residual = residual;
  return block;
}

void TransformerStructure::matchFeedForward(Operation *residual) {
  if (getPart(residual) != ModelPart::Other)
    return;
  std::string reason, otherReason;
  FeedForwardBlock block;
  if (auto add = dyn_cast<AddOp>(residual)) {
    if (!getStream(add, add.getRhs()))
      return;
    block = matchUpdate(add, add.getRhs(), reason);
    if (!block)
      block = matchUpdate(add, add.getLhs(), otherReason);
  } else {
    block = matchUpdate(residual, cast<ScaledResidualOp>(residual).getUpdate(),
                        reason);
  }
  // Before the first attention, a sum may belong to the embedding.
  if (!block && layers.empty())
    return;
  if (layers.empty())
    layers.emplace_back();
  if (block && layers.back().feedForward) {
    reason = "the layer has a feed-forward block already";
    block = {};
  }
  if (!block) {
    unknown.push_back({ModelPart::FeedForward, residual, std::move(reason)});
    return;
  }
  assign(ModelPart::FeedForward, {block.norm, block.input, block.activation,
                                  block.output, block.residual});
  layers.back().feedForward = block;
}

//===----------------------------------------------------------------------===//
// Head and all
//===----------------------------------------------------------------------===//

bool TransformerStructure::isBesideHead(Operation *op) const {
  return getPart(op) == ModelPart::Other && op->getNumOperands() > 0 &&
         !isa<LinearOp, LayerNormOp, ScaledResidualOp>(op) &&
         !isActivation(op) && !getStream(op, op->getOperand(0));
}

bool TransformerStructure::isLast(LinearOp linear) const {
  llvm::SetVector<Operation *> after(linear->user_begin(), linear->user_end());
  for (size_t i = 0; i < after.size(); ++i) {
    if (after[i]->hasTrait<OpTrait::IsTerminator>())
      continue;
    if (!isBesideHead(after[i]))
      return false;
    after.insert(after[i]->user_begin(), after[i]->user_end());
  }
  return true;
}

void TransformerStructure::matchHead(Operation *function) {
  auto skipOthers = [&](Value value) {
    Operation *op = value.getDefiningOp();
    // Code that is never reached may read its own result.
    llvm::SmallPtrSet<Operation *, 4> skipped;
    while (op && isBesideHead(op) && skipped.insert(op).second)
      op = op->getOperand(0).getDefiningOp();
    return op && getPart(op) == ModelPart::Other ? op : nullptr;
  };
  Operation *terminator = function->getRegion(0).back().getTerminator();
  for (Value result : terminator->getOperands()) {
    Operation *op = skipOthers(result);
    if (auto linear = dyn_cast_or_null<LinearOp>(op)) {
      // The model goes on after a linear that is not the head.
      if (!isLast(linear))
        continue;
      head = linear;
      op = skipOthers(linear.getInput());
    }
    if (op && op->hasOneUse())
      finalLayerNorm = dyn_cast<LayerNormOp>(op);
    if (head || finalLayerNorm)
      break;
  }
  assign(ModelPart::Head, {head});
  assign(ModelPart::FinalLayerNorm, {finalLayerNorm});
}

void TransformerStructure::assign(ModelPart part, ArrayRef<Operation *> ops) {
  for (Operation *op : ops)
    if (op)
      parts[op] = part;
}

TransformerStructure::TransformerStructure(Operation *function) {
  if (function->getNumRegions() == 0 || function->getRegion(0).empty())
    return;
  // Operations are visited in order, so the residual of an attention is known
  // before it could be taken for that of a feed-forward block.
  for (Operation &op : function->getRegion(0).getOps()) {
    if (isa<AttentionOp, CachedAttentionOp>(op))
      matchAttention(&op);
    else if (isa<AddOp, ScaledResidualOp>(op))
      matchFeedForward(&op);
  }
  matchHead(function);
}
