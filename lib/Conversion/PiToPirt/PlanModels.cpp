//===- PlanModels.cpp - Operations that become steps of a plan ------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PlanModels.h"

#include "pi/Conversion/PiToPirt/PlanEmitter.h"
#include "pi/Dialect/Pi/IR/Pi.h"

#include "pi/Conversion/PiToPirt/PlanOpInterface.cpp.inc"

using namespace mlir;
using namespace mlir::pi;

void mlir::pi::registerPlanOpModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, PIDialect *) {
    attachArgmaxPlan(*context);
    attachAttentionPlan(*context);
    attachCachedAttentionPlan(*context);
    attachCrossEntropyPlans(*context);
    attachEmbeddingGradPlan(*context);
    attachEntropyPenaltyPlan(*context);
    attachMatmulPlan(*context);
    attachOptimizerPlan(*context);
  });
}
