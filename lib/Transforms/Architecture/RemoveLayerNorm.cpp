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
    (void)forEachDecoder(getOperation(), [&](Operation *function,
                                             TransformerStructure &structure) {
      if (inLayers) {
        remarkOthers(function, structure);
        for (const TransformerLayer &layer : structure.getLayers()) {
          remove(layer.attention.norm);
          remove(layer.feedForward.norm);
        }
      }
      if (finalLayerNorm == FinalLayerNorm::Remove)
        remove(structure.getFinalLayerNorm());
      return success();
    });
    numParametersErased += eraseUnusedParameters(getOperation());
  }

private:
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
