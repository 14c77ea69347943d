//===- StripTraining.cpp - Drop what only training needs ------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Dialect/Pi/IR/Pi.h"
#include "pi/Transforms/Execution/Passes.h"
#include "pi/Transforms/Utils/Parameters.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::pi {
#define GEN_PASS_DEF_PISTRIPTRAINING
#include "pi/Transforms/Execution/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

namespace {
struct StripTraining final
    : public pi::impl::PiStripTrainingBase<StripTraining> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<Operation *> operations;
    module.walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (op->hasAttr(kTrainingAttr))
        return WalkResult::skip();
      if (op->hasTrait<TrainingOnly>())
        operations.push_back(op);
      return WalkResult::advance();
    });
    // Users first: what they read may be for training only, too.
    for (Operation *op : llvm::reverse(operations)) {
      if (!op->use_empty()) {
        op->emitOpError("is for training only, but its result is used by an "
                        "operation that inference keeps");
        return signalPassFailure();
      }
      op->erase();
      ++numErased;
    }

    // Results that only the erased operations read go away by the dialect's
    // own canonicalisation.
    RewritePatternSet patterns(&getContext());
    for (RegisteredOperationName name : getContext().getRegisteredOperations())
      if (name.getDialectNamespace() == PIDialect::getDialectNamespace())
        name.getCanonicalizationPatterns(patterns, &getContext());
    if (failed(applyPatternsGreedily(module, std::move(patterns))))
      return signalPassFailure();
    numParameters += eraseUnusedParameters(module);
  }
};
} // namespace
