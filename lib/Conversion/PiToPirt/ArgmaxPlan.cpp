//===- ArgmaxPlan.cpp - Plans of the argmax -------------------------------===//
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
struct ArgmaxPlan : PlanOpInterface::ExternalModel<ArgmaxPlan, ArgmaxOp> {
  LogicalResult emitPlan(Operation *operation, PlanEmitter &emitter) const {
    auto op = cast<ArgmaxOp>(operation);
    Value input = emitter.lookup(op.getInput());
    auto type = cast<MemRefType>(input.getType());
    FailureOr<pirt::MatrixView> view = pirt::getMatrixView(type);
    ArgmaxSpec spec{type.getElementType(), view->rows, view->columns,
                    view->stride};
    return emitter.launch(op.getLoc(),
                          buildArgmax(emitter.kernels(), op.getLoc(), spec),
                          {input, emitter.allocate(op.getResult())});
  }
};
} // namespace

void mlir::pi::attachArgmaxPlan(MLIRContext &context) {
  ArgmaxOp::attachInterface<ArgmaxPlan>(context);
}
