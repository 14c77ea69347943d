//===- EntropyPenaltyPlan.cpp - Plans of the entropy regulariser ----------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PlanModels.h"

#include "pi/Conversion/PiToPirt/PlanEmitter.h"
#include "pi/Dialect/Pi/IR/Pi.h"

using namespace mlir;
using namespace mlir::pi;

template <typename Op>
static EntropyPenaltySpec getSpec(Op op) {
  RankedTensorType entropy = op.getEntropy().getType();
  return {entropy.getElementType(),
          entropy.getDimSize(0),
          entropy.getDimSize(1),
          entropy.getDimSize(2),
          op.getReading() == EntropyReading::per_row,
          op.getGamma().convertToDouble(),
          op.getLambda().convertToDouble()};
}

namespace {
struct EntropyPenaltyPlan
    : PlanOpInterface::ExternalModel<EntropyPenaltyPlan, EntropyPenaltyOp> {
  LogicalResult emitPlan(Operation *operation, PlanEmitter &emitter) const {
    auto op = cast<EntropyPenaltyOp>(operation);
    Location loc = op.getLoc();
    EntropyPenaltySpec spec = getSpec(op);
    Value parts = emitter.allocateScratch(
        loc,
        MemRefType::get({spec.heads, 1}, Float32Type::get(op.getContext())));
    if (failed(emitter.launch(loc,
                              buildEntropyPenalty(emitter.kernels(), loc, spec),
                              {emitter.lookup(op.getEntropy()),
                               emitter.lookup(op.getThreshold()), parts})))
      return failure();
    SumOfPartsSpec sum{spec.heads,
                       {{op.getResult().getType().getElementType(), 1, 1}}};
    return emitter.launch(loc, buildSumOfParts(emitter.kernels(), loc, sum),
                          {parts, emitter.allocate(op.getResult())});
  }
};

struct EntropyPenaltyGradPlan
    : PlanOpInterface::ExternalModel<EntropyPenaltyGradPlan,
                                     EntropyPenaltyGradOp> {
  LogicalResult emitPlan(Operation *operation, PlanEmitter &emitter) const {
    auto op = cast<EntropyPenaltyGradOp>(operation);
    return emitter.launch(
        op.getLoc(),
        buildEntropyPenaltyGrad(emitter.kernels(), op.getLoc(), getSpec(op)),
        {emitter.lookup(op.getGradient()), emitter.lookup(op.getEntropy()),
         emitter.lookup(op.getThreshold()), emitter.allocate(op.getDEntropy()),
         emitter.allocate(op.getDThreshold())});
  }
};
} // namespace

void mlir::pi::attachEntropyPenaltyPlan(MLIRContext &context) {
  EntropyPenaltyOp::attachInterface<EntropyPenaltyPlan>(context);
  EntropyPenaltyGradOp::attachInterface<EntropyPenaltyGradPlan>(context);
}
