//===- PackCausalSoftmax.cpp - Leave masked scores out --------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Evaluation.h"

#include "pi/Transforms/Private/Passes.h"

namespace mlir::pi {
#define GEN_PASS_DEF_PIPACKCAUSALSOFTMAX
#include "pi/Transforms/Private/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

namespace {
struct PackCausalSoftmax
    : public pi::impl::PiPackCausalSoftmaxBase<PackCausalSoftmax> {
  using PiPackCausalSoftmaxBase::PiPackCausalSoftmaxBase;

  LogicalResult initialize(MLIRContext *context) final {
    if (rows >= 1)
      return success();
    return emitError(UnknownLoc::get(context), getArgument())
           << ": rows has to be 1 or more, but is " << int64_t(rows);
  }

  void runOnOperation() final {
    numAttentions += changeEvaluations(
        getOperation(), [&](AttentionOp attention, EvaluationAttr evaluation) {
          if (!attention.getCausal())
            return evaluation;
          int64_t positions = attention.getQkv().getType().getDimSize(1);
          return evaluation.withPackRows(std::min<int64_t>(rows, positions));
        });
  }
};
} // namespace
