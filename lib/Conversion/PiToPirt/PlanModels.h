//===- PlanModels.h - Operations that become steps of a plan ----*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each file of models attaches PlanOpInterface to the operations that it is
// named after.
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_CONVERSION_PITOPIRT_PLANMODELS_H
#define PI_LIB_CONVERSION_PITOPIRT_PLANMODELS_H

#include "mlir/IR/MLIRContext.h"

namespace mlir::pi {

void attachArgmaxPlan(MLIRContext &context);
void attachAttentionPlan(MLIRContext &context);
void attachCachedAttentionPlan(MLIRContext &context);
void attachCrossEntropyPlans(MLIRContext &context);
void attachEmbeddingGradPlan(MLIRContext &context);
void attachEntropyPenaltyPlan(MLIRContext &context);
void attachMatmulPlan(MLIRContext &context);
void attachOptimizerPlan(MLIRContext &context);

/// Whether `op` updates a cache that a kernel for one position updates itself:
/// its result is read by one attention alone, except for being returned.
bool isFusedUpdate(Operation *op);

} // namespace mlir::pi

#endif // PI_LIB_CONVERSION_PITOPIRT_PLANMODELS_H
