//===- MatmulPlan.cpp - Plans of products ---------------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PlanModels.h"

#include "pi/Conversion/PiToPirt/PlanEmitter.h"
#include "pi/Dialect/Pi/IR/Pi.h"
#include "pi/Dialect/Pirt/IR/Pirt.h"

using namespace mlir;
using namespace mlir::pi;

namespace {
struct MatmulPlan : PlanOpInterface::ExternalModel<MatmulPlan, MatmulOp> {
  LogicalResult emitPlan(Operation *operation, PlanEmitter &emitter) const {
    auto op = cast<MatmulOp>(operation);
    int64_t rank = op.getType().getRank();
    if (rank > 3)
      return op.emitError("a product on a GPU has at most one dimension that "
                          "numbers matrices, but has ")
             << rank - 2;
    Value a = emitter.lookup(op.getLhs()), b = emitter.lookup(op.getRhs());
    Value d = emitter.allocate(op.getResult());
    pirt::GemmOp::create(emitter.builder(), op.getLoc(), a, b, /*bias=*/Value(),
                         /*c=*/Value(), d, op.getLhsTransposed(),
                         op.getRhsTransposed(), /*batched=*/rank == 3,
                         APFloat(1.0), APFloat(1.0), pirt::Epilogue::none,
                         /*algorithm=*/IntegerAttr());
    return success();
  }
};
} // namespace

void mlir::pi::attachMatmulPlan(MLIRContext &context) {
  MatmulOp::attachInterface<MatmulPlan>(context);
}
