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
    remarkUnknown(structure, ModelPart::FeedForward);
    return forEachLayer(
        function, structure, layers, [&](const TransformerLayer &layer) {
          if (const FeedForwardBlock &block = layer.feedForward) {
            block.residual->getResult(0).replaceAllUsesWith(block.getStream());
            eraseWithDeadOperands(block.residual);
            ++numRemoved;
          }
          return success();
        });
  }
};
} // namespace
