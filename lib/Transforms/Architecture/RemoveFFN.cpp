//===- RemoveFFN.cpp - Remove feed-forward blocks -------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Rewriting.h"
#include "pi/Transforms/Architecture/Passes.h"

namespace mlir::pi {
#define GEN_PASS_DEF_PIREMOVEFFN
#include "pi/Transforms/Architecture/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

namespace {
struct RemoveFFN final : public pi::impl::PiRemoveFFNBase<RemoveFFN> {
  using PiRemoveFFNBase::PiRemoveFFNBase;

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
    if (failed(verifyLayers(function, structure, layers)))
      return failure();
    remarkUnknown(structure, ModelPart::FeedForward);
    for (auto [index, layer] : llvm::enumerate(structure.getLayers())) {
      const FeedForwardBlock &block = layer.feedForward;
      if (!block || !isSelected(layers, index))
        continue;
      block.residual->getResult(0).replaceAllUsesWith(block.getStream());
      eraseWithDeadOperands(block.residual);
      ++numRemoved;
    }
    return success();
  }
};
} // namespace
