//===- ScaleFFN.cpp - Scale residual connections --------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Rewriting.h"
#include "pi/Transforms/Architecture/Passes.h"

namespace mlir::pi {
#define GEN_PASS_DEF_PISCALEFFN
#include "pi/Transforms/Architecture/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

namespace {
struct ScaleFFN final : public pi::impl::PiScaleFFNBase<ScaleFFN> {
  using PiScaleFFNBase::PiScaleFFNBase;

  void runOnOperation() override {
    BlockNames names(getOperation(), getSibling);
    if (failed(forEachDecoder(
            getOperation(),
            [&](Operation *function, TransformerStructure &structure) {
              remarkUnknown(structure, ModelPart::FeedForward);
              return forEachLayer(function, structure, layers,
                                  [&](const TransformerLayer &layer) {
                                    return scale(layer.feedForward, names);
                                  });
            })))
      signalPassFailure();
  }

private:
  static ParameterOp getSibling(const TransformerLayer &layer) {
    return layer.feedForward ? getWeightParameter(layer.feedForward.output)
                             : nullptr;
  }

  LogicalResult scale(const FeedForwardBlock &block, const BlockNames &names) {
    auto sum = dyn_cast_or_null<AddOp>(block.residual);
    if (!sum)
      return success();
    LinearOp output = block.output;
    ParameterOp sibling = getWeightParameter(output);
    if (!sibling) {
      sum.emitRemark("feed-forward block is left alone: its weight is no "
                     "parameter, so there is no name for its scales");
      return success();
    }
    auto scalar = RankedTensorType::get(
        {}, getWideType(sum.getResult().getType().getElementType()));
    OpBuilder builder(sum);
    // Declared right after the weight, so alpha comes to stand before beta.
    auto beta = loadConstantParameter(builder, sum.getLoc(), sibling,
                                      (names.get(sibling) + ".beta").str(),
                                      scalar, /*init=*/1.0, /*value=*/1.0);
    if (failed(beta))
      return failure();
    auto alpha = loadConstantParameter(builder, sum.getLoc(), sibling,
                                       (names.get(sibling) + ".alpha").str(),
                                       scalar, /*init=*/1.0, /*value=*/1.0);
    if (failed(alpha))
      return failure();
    auto scaled = ScaledResidualOp::create(
        builder, sum.getLoc(), sum.getResult().getType(), block.getStream(),
        output.getResult(), *alpha, *beta);
    sum.getResult().replaceAllUsesWith(scaled.getResult());
    sum.erase();
    ++numScaled;
    return success();
  }
};
} // namespace
