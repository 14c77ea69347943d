//===- AddTemperature.cpp - Learnable temperature of attention ------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Rewriting.h"
#include "pi/Transforms/Architecture/Passes.h"

#include <cmath>

namespace mlir::pi {
#define GEN_PASS_DEF_PIADDTEMPERATURE
#include "pi/Transforms/Architecture/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

namespace {
struct AddTemperature final
    : public pi::impl::PiAddTemperatureBase<AddTemperature> {
  using PiAddTemperatureBase::PiAddTemperatureBase;

  LogicalResult initialize(MLIRContext *context) override {
    if (std::isfinite(init) && init > 0.0)
      return success();
    return emitError(UnknownLoc::get(context), getArgument())
           << ": init has to be finite and greater than 0, but is "
           << double(init);
  }

  void runOnOperation() override {
    BlockNames names(getOperation(), [](const TransformerLayer &layer) {
      return findAttentionParameter(layer.attention);
    });
    if (failed(forEachDecoder(
            getOperation(),
            [&](Operation *function, TransformerStructure &structure) {
              return forEachLayer(function, structure, layers,
                                  [&](const TransformerLayer &layer) {
                                    return addTo(layer.attention, names);
                                  });
            })))
      signalPassFailure();
  }

private:
  LogicalResult addTo(const AttentionBlock &block, const BlockNames &names) {
    AttentionOp attention = getRewritableAttention(block);
    if (!attention || attention.getTemperature())
      return success();
    ParameterOp sibling = getAttentionParameter(block);
    if (!sibling)
      return success();
    RankedTensorType qkv = attention.getQkv().getType();
    auto type = RankedTensorType::get(
        {static_cast<int64_t>(attention.getNumHeads()), qkv.getDimSize(1)},
        getWideType(qkv.getElementType()));
    // 1 keeps the function of a model that was trained without temperature.
    OpBuilder builder(attention);
    auto temperature = loadConstantParameter(
        builder, attention.getLoc(), sibling,
        (names.get(sibling) + ".temperature").str(), type, init, /*value=*/1.0);
    if (failed(temperature))
      return failure();
    rebuildAttention(attention, *temperature,
                     /*withEntropy=*/attention.getEntropy() != nullptr);
    ++numAdded;
    return success();
  }
};
} // namespace
