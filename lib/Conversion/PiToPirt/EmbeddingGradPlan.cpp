//===- EmbeddingGradPlan.cpp - Plans of gradients of embeddings -----------===//
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

namespace {
struct EmbeddingGradPlan
    : PlanOpInterface::ExternalModel<EmbeddingGradPlan, EmbeddingGradOp> {
  LogicalResult emitPlan(Operation *operation, PlanEmitter &emitter) const {
    auto op = cast<EmbeddingGradOp>(operation);
    Location loc = op.getLoc();
    RankedTensorType gradient = op.getGradient().getType();
    RankedTensorType result = op.getResult().getType();
    TokenSumsSpec spec{
        {op.getIndices().getType().getNumElements(), result.getDimSize(0)},
        gradient.getElementType(),
        result.getElementType(),
        result.getDimSize(1)};
    Type i32 = IntegerType::get(op.getContext(), 32);
    auto slots = MemRefType::get({spec.order.getNumSlots()}, i32);
    auto places = MemRefType::get({spec.order.places}, i32);
    Value counts = emitter.allocateScratch(loc, slots);
    Value starts = emitter.allocateScratch(loc, slots);
    Value order = emitter.allocateScratch(loc, places);
    if (failed(emitter.launch(
            loc, buildTokenOrder(emitter.kernels(), loc, spec.order),
            {emitter.lookup(op.getIndices()), counts, starts, order})))
      return failure();
    return emitter.launch(loc, buildTokenSums(emitter.kernels(), loc, spec),
                          {counts, starts, order,
                           emitter.lookup(op.getGradient()),
                           emitter.allocate(op.getResult())});
  }
};
} // namespace

void mlir::pi::attachEmbeddingGradPlan(MLIRContext &context) {
  EmbeddingGradOp::attachInterface<EmbeddingGradPlan>(context);
}
