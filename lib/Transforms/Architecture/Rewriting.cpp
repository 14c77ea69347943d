//===- Rewriting.cpp - What the architecture passes share -----------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Rewriting.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace mlir::pi;

LogicalResult mlir::pi::forEachDecoder(
    ModuleOp module,
    function_ref<LogicalResult(Operation *, TransformerStructure &)> rewrite) {
  for (auto function : module.getOps<FunctionOpInterface>()) {
    if (function.isExternal())
      continue;
    TransformerStructure structure(function);
    if (failed(rewrite(function, structure)))
      return failure();
  }
  return success();
}

void mlir::pi::remarkUnknown(const TransformerStructure &structure,
                             ModelPart part) {
  for (const UnknownCode &code : structure.getUnknown())
    if (code.part == part)
      code.op->emitRemark()
          << stringifyModelPart(part) << " is left alone: " << code.reason;
}

/// Checks that a decoder has all of `layers`.
static LogicalResult verifyLayers(Operation *function,
                                  const TransformerStructure &structure,
                                  ArrayRef<int64_t> layers) {
  int64_t numLayers = structure.getLayers().size();
  if (numLayers == 0)
    return success();
  for (int64_t layer : layers)
    if (layer < 0 || layer >= numLayers)
      return function->emitError() << "there is no layer " << layer
                                   << ": the layers are 0 to " << numLayers - 1;
  return success();
}

LogicalResult mlir::pi::forEachLayer(
    Operation *function, const TransformerStructure &structure,
    ArrayRef<int64_t> layers,
    function_ref<LogicalResult(const TransformerLayer &)> rewrite) {
  if (failed(verifyLayers(function, structure, layers)))
    return failure();
  for (auto [index, layer] : llvm::enumerate(structure.getLayers()))
    if (layers.empty() || llvm::is_contained(layers, int64_t(index)))
      if (failed(rewrite(layer)))
        return failure();
  return success();
}

ParameterOp mlir::pi::getWeightParameter(LinearOp linear) {
  for (Operation *op : getParameterExpression(linear.getWeight()))
    if (auto load = dyn_cast<LoadOp>(op))
      return lookupParameter(load);
  return nullptr;
}

/// What a block may be called after its sibling, the shortest first:
/// "h.0.mlp", "h.0.mlp.c_fc" and "h.0.mlp.c_fc.weight".
static SmallVector<StringRef, 3> getPossibleNames(StringRef sibling) {
  auto [withoutTensor, tensor] = sibling.rsplit('.');
  auto [block, module] = withoutTensor.rsplit('.');
  if (module.empty())
    return {sibling};
  return {block, withoutTensor, sibling};
}

BlockNames::BlockNames(
    ModuleOp module,
    function_ref<ParameterOp(const TransformerLayer &)> getSibling) {
  llvm::StringSet<> siblings;
  for (auto function : module.getOps<FunctionOpInterface>()) {
    TransformerStructure structure(function);
    for (const TransformerLayer &layer : structure.getLayers())
      if (ParameterOp sibling = getSibling(layer))
        siblings.insert(sibling.getSymName());
  }
  // A name that two blocks may have is no name of either, so that names do not
  // depend on the order.
  llvm::StringMap<int64_t> claims;
  for (StringRef sibling : siblings.keys())
    for (StringRef name : getPossibleNames(sibling))
      ++claims[name];
  for (StringRef sibling : siblings.keys()) {
    SmallVector<StringRef, 3> possible = getPossibleNames(sibling);
    auto own = llvm::find_if(
        possible, [&](StringRef name) { return claims.lookup(name) == 1; });
    names[sibling] = (own == possible.end() ? sibling : *own).str();
  }
}

AttentionOp mlir::pi::getRewritableAttention(const AttentionBlock &block) {
  auto attention = dyn_cast_or_null<AttentionOp>(block.attention);
  if (!attention && block.attention)
    block.attention->emitRemark(
        "attention is left alone: it reads a cache, so the model has to be "
        "rewritten before 'pi-build-generation'");
  return attention;
}

ParameterOp mlir::pi::findAttentionParameter(const AttentionBlock &block) {
  for (LinearOp linear : {block.qkvProjection, block.outputProjection})
    if (linear)
      if (ParameterOp parameter = getWeightParameter(linear))
        return parameter;
  return nullptr;
}

ParameterOp mlir::pi::getAttentionParameter(const AttentionBlock &block) {
  if (ParameterOp parameter = findAttentionParameter(block))
    return parameter;
  block.attention->emitRemark(
      "attention is left alone: the weights of its projections are no "
      "parameters, so there is no name for a new one");
  return nullptr;
}

FailureOr<Value> mlir::pi::loadConstantParameter(
    OpBuilder &builder, Location loc, ParameterOp sibling, StringRef name,
    RankedTensorType type, double init, double value) {
  ParameterSpec spec;
  spec.name = name.str();
  spec.type = type;
  spec.init = FillAttr::get(builder.getContext(), init);
  auto parameter = getOrCreateDerivedParameter(
      sibling, loc, spec, [&](OpBuilder &nested) -> Value {
        Attribute element = nested.getFloatAttr(type.getElementType(), value);
        return arith::ConstantOp::create(nested, loc,
                                         DenseElementsAttr::get(type, element));
      });
  if (failed(parameter))
    return failure();
  return LoadOp::create(builder, loc, type, spec.name).getResult();
}

AttentionOp mlir::pi::rebuildAttention(AttentionOp attention, Value temperature,
                                       bool withEntropy) {
  OpBuilder builder(attention);
  Type entropy;
  if (withEntropy)
    entropy = AttentionOp::getEntropyType(attention.getQkv().getType(),
                                          attention.getNumHeads());
  auto rebuilt = AttentionOp::create(
      builder, attention.getLoc(), attention.getResult().getType(), entropy,
      attention.getQkv(), temperature, attention.getNumHeads(),
      attention.getScale(), attention.getCausal(),
      attention.getEvaluationAttr());
  rebuilt->setDiscardableAttrs(attention->getDiscardableAttrDictionary());
  attention.getResult().replaceAllUsesWith(rebuilt.getResult());
  if (withEntropy && attention.getEntropy())
    attention.getEntropy().replaceAllUsesWith(rebuilt.getEntropy());
  attention.erase();
  return rebuilt;
}
