//===- DeferNormalization.cpp - Divide after the product with V -----------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Evaluation.h"

#include "pi/Transforms/Private/Passes.h"

namespace mlir::pi {
#define GEN_PASS_DEF_PIDEFERNORMALIZATION
#include "pi/Transforms/Private/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

namespace {
struct DeferNormalization
    : public pi::impl::PiDeferNormalizationBase<DeferNormalization> {
  using PiDeferNormalizationBase::PiDeferNormalizationBase;

  void runOnOperation() final {
    numAttentions += changeEvaluations(
        getOperation(), [&](AttentionOp, EvaluationAttr evaluation) {
          return evaluation.withDeferredNormalization(byProduct);
        });
  }
};
} // namespace
