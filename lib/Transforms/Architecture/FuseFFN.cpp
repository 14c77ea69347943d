//===- FuseFFN.cpp - Fuse the linears of feed-forward blocks --------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Rewriting.h"
#include "mlir/IR/IRMapping.h"
#include "pi/Transforms/Architecture/Passes.h"

namespace mlir::pi {
#define GEN_PASS_DEF_PIFUSEFFN
#include "pi/Transforms/Architecture/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

namespace {
struct FuseFFN final : public pi::impl::PiFuseFFNBase<FuseFFN> {
  using PiFuseFFNBase::PiFuseFFNBase;

  void runOnOperation() override {
    BlockNames names(getOperation(), getSibling);
    if (failed(forEachDecoder(
            getOperation(),
            [&](Operation *function, TransformerStructure &structure) {
              remarkUnknown(structure, ModelPart::FeedForward);
              return forEachLayer(function, structure, layers,
                                  [&](const TransformerLayer &layer) {
                                    return fuse(layer.feedForward, names);
                                  });
            })))
      return signalPassFailure();
    numParametersErased += eraseUnusedParameters(getOperation());
  }

private:
  static ParameterOp getSibling(const TransformerLayer &layer) {
    const FeedForwardBlock &block = layer.feedForward;
    return block && !block.isFused() ? getWeightParameter(block.output)
                                     : nullptr;
  }
  LogicalResult fuse(const FeedForwardBlock &block, const BlockNames &names);
};

/// Builds in a derivation what computes parameter expressions of a function.
class ExpressionCloner {
public:
  explicit ExpressionCloner(OpBuilder &builder) : builder(builder) {}

  Value clone(Value value) {
    for (Operation *op : getParameterExpression(value))
      if (!mapping.contains(op->getResult(0)))
        builder.clone(*op, mapping);
    return mapping.lookup(value);
  }

private:
  OpBuilder &builder;
  IRMapping mapping;
};
} // namespace

/// Why the two linears cannot be one; empty if they can.
static std::string whyNotFused(const FeedForwardBlock &block) {
  if (block.activation)
    return ("'" + block.activation->getName().getStringRef() +
            "' stands between its linears")
        .str();
  LinearOp first = block.input, second = block.output;
  if (first.getTransposed() && !second.getTransposed())
    return "its first weight is transposed and its second is not";
  for (Value value : {first.getWeight(), first.getBias(), second.getWeight(),
                      second.getBias()})
    if (value && getParameterExpression(value).empty())
      return "its weights are not computed from parameters alone";
  return "";
}

/// The product of both weights, in the layout of the fused linear: that of the
/// first one.
static Value buildFusedWeight(OpBuilder &builder, LinearOp first,
                              LinearOp second, Location loc) {
  ExpressionCloner cloner(builder);
  Value w1 = cloner.clone(first.getWeight());
  Value w2 = cloner.clone(second.getWeight());
  // Transposed weights are n x m: (W1 W2)^T = W2^T W1^T.
  if (first.getTransposed())
    return MatmulOp::create(builder, loc, w2, w1);
  if (second.getTransposed())
    return LinearOp::create(builder, loc, w1, w2, /*bias=*/Value(),
                            /*transposed=*/true);
  return MatmulOp::create(builder, loc, w1, w2);
}

/// b1 W2 + b2.
static Value buildFusedBias(OpBuilder &builder, LinearOp first, LinearOp second,
                            Location loc) {
  ExpressionCloner cloner(builder);
  Value bias = cloner.clone(first.getBias());
  Value weight = cloner.clone(second.getWeight());
  Value added = second.getBias() ? cloner.clone(second.getBias()) : Value();
  return LinearOp::create(builder, loc, bias, weight, added,
                          second.getTransposed());
}

LogicalResult FuseFFN::fuse(const FeedForwardBlock &block,
                            const BlockNames &names) {
  if (!block || block.isFused())
    return success();
  LinearOp first = block.input, second = block.output;
  if (std::string reason = whyNotFused(block); !reason.empty()) {
    second.emitRemark("feed-forward block is left alone: ") << reason;
    return success();
  }

  ParameterOp sibling = getWeightParameter(second);
  std::string name = (names.get(sibling) + ".fused").str();
  MLIRContext *context = &getContext();
  Location loc = NameLoc::get(StringAttr::get(context, name));
  Type element = second.getResult().getType().getElementType();
  int64_t in = first.getInFeatures(), out = second.getOutFeatures();
  bool transposed = first.getTransposed();

  // The fused weight writes to the stream, so it starts as the second does.
  ParameterSpec spec;
  spec.name = name + ".weight";
  spec.type = transposed ? RankedTensorType::get({out, in}, element)
                         : RankedTensorType::get({in, out}, element);
  spec.init = sibling.getInitAttr();
  spec.decay = sibling.getDecay();
  auto weight =
      getOrCreateDerivedParameter(sibling, loc, spec, [&](OpBuilder &builder) {
        return buildFusedWeight(builder, first, second, loc);
      });
  if (failed(weight))
    return failure();

  OpBuilder builder(second);
  Value bias = second.getBias();
  Value load = LoadOp::create(builder, loc, spec.type, spec.name);
  if (first.getBias()) {
    spec.name = name + ".bias";
    spec.type = RankedTensorType::get({out}, element);
    spec.init = FillAttr::get(context, 0.0);
    spec.decay = false;
    auto parameter =
        getOrCreateDerivedParameter(*weight, loc, spec, [&](OpBuilder &nested) {
          return buildFusedBias(nested, first, second, loc);
        });
    if (failed(parameter))
      return failure();
    bias = LoadOp::create(builder, loc, spec.type, spec.name);
  }
  auto fused =
      LinearOp::create(builder, loc, first.getInput(), load, bias, transposed);
  second.getResult().replaceAllUsesWith(fused.getResult());
  eraseWithDeadOperands(second);
  ++numFused;
  return success();
}
