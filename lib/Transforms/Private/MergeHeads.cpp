//===- MergeHeads.cpp - Products of several heads in one ------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Evaluation.h"

#include "pi/Transforms/Private/Passes.h"

namespace mlir::pi {
#define GEN_PASS_DEF_PIMERGEHEADS
#include "pi/Transforms/Private/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

/// Above what any model has, so that divisors are found at once.
static constexpr int64_t kMaxHeads = 1 << 20;

namespace {
struct MergeHeads : public pi::impl::PiMergeHeadsBase<MergeHeads> {
  using PiMergeHeadsBase::PiMergeHeadsBase;

  LogicalResult initialize(MLIRContext *context) final {
    if (heads >= 0 && heads <= kMaxHeads)
      return success();
    return emitError(UnknownLoc::get(context), getArgument())
           << ": heads has to be 1 to " << kMaxHeads
           << ", or 0 for all, but is " << int64_t(heads);
  }

  void runOnOperation() final {
    numAttentions += changeEvaluations(
        getOperation(), [&](AttentionOp attention, EvaluationAttr evaluation) {
          return evaluation.withHeadsPerProduct(
              getGroup(attention.getNumHeads()));
        });
  }

private:
  /// The largest divisor of `count` that is not above `heads`.
  int64_t getGroup(int64_t count) const {
    int64_t group = heads == 0 ? count : std::min<int64_t>(heads, count);
    while (count % group != 0)
      --group;
    return group;
  }
};
} // namespace
