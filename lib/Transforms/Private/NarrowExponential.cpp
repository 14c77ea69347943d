//===- NarrowExponential.cpp - Exponentials with fewer squares ------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Evaluation.h"

#include "pi/Transforms/Private/Passes.h"

namespace mlir::pi {
#define GEN_PASS_DEF_PINARROWEXPONENTIAL
#include "pi/Transforms/Private/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

// Found by scripts/fit-exponential, which minimises the largest distance from
// e^x; unittests/Transforms/NarrowExponentialTest.cpp checks the bounds.

/// For every x <= 0: within 1.3e-4, and 0 from `kLowest` down.
static constexpr double kLowest = -9.5;
static constexpr double kClampedScale = 0.087359029;
static constexpr double kClampedOffsets[] = {0.81673664, 0.13403066, 0.44945668,
                                             -0.19038592, -0.00079185421};

/// For -12 <= x <= 0: within 1.5e-4.
static constexpr double kLargestRange = 12;
static constexpr double kFreeScale = 0.085338024;
static constexpr double kFreeOffsets[] = {0.8692974, -0.0045512638, 0.55337769,
                                          -0.24735551, -0.0033607551};

namespace {
struct NarrowExponential
    : public pi::impl::PiNarrowExponentialBase<NarrowExponential> {
  using PiNarrowExponentialBase::PiNarrowExponentialBase;

  LogicalResult initialize(MLIRContext *context) final {
    if (range >= 0)
      return success();
    return emitError(UnknownLoc::get(context), getArgument())
           << ": range has to be above 0, or 0 if no bound is known, but is "
           << double(range);
  }

  void runOnOperation() final {
    ExponentialAttr exponential = getExponential();
    numAttentions += changeEvaluations(
        getOperation(), [&](AttentionOp, EvaluationAttr evaluation) {
          return evaluation.withExponential(exponential);
        });
  }

private:
  ExponentialAttr getExponential() {
    if (range > 0 && range <= kLargestRange)
      return ExponentialAttr::get(&getContext(), kFreeScale, kFreeOffsets);
    return ExponentialAttr::get(&getContext(), kClampedScale, kClampedOffsets,
                                kLowest);
  }
};
} // namespace
