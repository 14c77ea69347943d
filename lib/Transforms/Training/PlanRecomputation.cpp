//===- PlanRecomputation.cpp - Train within a memory budget ---------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RecomputationPlan.h"

#include "pi/Dialect/Pi/IR/Pi.h"
#include "pi/Transforms/Training/Passes.h"

namespace mlir::pi {
#define GEN_PASS_DEF_PIPLANRECOMPUTATION
#include "pi/Transforms/Training/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

namespace {
struct PlanRecomputation final
    : public pi::impl::PiPlanRecomputationBase<PlanRecomputation> {
  using PiPlanRecomputationBase::PiPlanRecomputationBase;

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function->hasAttr(kTrainingAttr) && !function.isExternal() &&
          function.getFunctionBody().hasOneBlock() &&
          failed(runOnFunction(function)))
        return signalPassFailure();
  }

private:
  LogicalResult runOnFunction(func::FuncOp function) {
    RecomputationPlan plan(function);
    uint64_t before = plan.getPeak();
    bytesBefore = std::max(bytesBefore.getValue(), before);
    if (budget != 0)
      plan.reduce(budget);
    uint64_t after = plan.getPeak();
    bytesAfter = std::max(bytesAfter.getValue(), after);
    if (budget == 0)
      return success();
    if (after > budget) {
      InFlightDiagnostic diagnostic =
          strict ? function.emitError() : function.emitWarning();
      diagnostic << "@" << function.getSymName() << " needs " << after
                 << " bytes with all recomputation that helps, more than the "
                 << "budget of " << budget.getValue();
      if (strict)
        return diagnostic;
    }
    unsigned count = plan.apply();
    numRecomputed += count;
    function.emitRemark() << "@" << function.getSymName() << " takes " << after
                          << " bytes, without recomputation " << before << "; "
                          << count << " operations run again";
    return success();
  }
};
} // namespace
