//===- RemoveLayerNorm.cpp - Remove the LayerNorms of the layers ----------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Rewriting.h"
#include "pi/Transforms/Architecture/Passes.h"

namespace mlir::pi {
#define GEN_PASS_DEF_PIREMOVELAYERNORM
#include "pi/Transforms/Architecture/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

namespace {
struct RemoveLayerNorm final
    : public pi::impl::PiRemoveLayerNormBase<RemoveLayerNorm> {
  using PiRemoveLayerNormBase::PiRemoveLayerNormBase;

  void runOnOperation() override {
    if (failed(forEachDecoder(
            getOperation(),
            [&](Operation *function, TransformerStructure &structure) {
              return removeFrom(function, structure);
            })))
      return signalPassFailure();
    numParametersErased += eraseUnusedParameters(getOperation());
  }

private:
  LogicalResult removeFrom(Operation *function,
                           TransformerStructure &structure) {
    if (finalLayerNorm == FinalLayerNorm::Remove)
      remove(structure.getFinalLayerNorm());
    if (!inLayers)
      return success();
    remarkOthers(function, structure);
    return forEachLayer(function, structure, layers,
                        [&](const TransformerLayer &layer) {
                          if (before != LayerNormPlace::FeedForward)
                            remove(layer.attention.norm);
                          if (before != LayerNormPlace::Attention)
                            remove(layer.feedForward.norm);
                          return success();
                        });
  }

  void remove(LayerNormOp norm) {
    if (!norm)
      return;
    norm.getResult().replaceAllUsesWith(norm.getInput());
    eraseWithDeadOperands(norm);
    ++numRemoved;
  }

  /// Says which LayerNorms stand where none was expected.
  static void remarkOthers(Operation *function,
                           const TransformerStructure &structure) {
    function->walk([&](LayerNormOp norm) {
      if (structure.getPart(norm) == ModelPart::Other)
        norm.emitRemark("LayerNorm is left alone: it is not what attention, a "
                        "feed-forward block or the head reads alone");
    });
  }
};
} // namespace
