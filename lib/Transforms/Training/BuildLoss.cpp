//===- BuildLoss.cpp - The loss from the forward function -----------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TrainingFunctions.h"

#include "pi/Dialect/Pi/IR/Pi.h"
#include "pi/Transforms/Execution/Passes.h"
#include "pi/Transforms/Training/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::pi {
#define GEN_PASS_DEF_PIBUILDLOSS
#include "pi/Transforms/Training/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

namespace {
struct BuildLoss final : public pi::impl::PiBuildLossBase<BuildLoss> {
  using PiBuildLossBase::PiBuildLossBase;

  void runOnOperation() override {
    FailureOr<func::FuncOp> forward =
        getSourceFunction(getOperation(), kForwardName, kLossName);
    if (failed(forward))
      return signalPassFailure();
    // Errors speak of @forward.
    func::FuncOp loss = forward->clone();
    if (failed(rewrite(loss))) {
      loss.erase();
      return signalPassFailure();
    }
    loss.setName(kLossName);
    getOperation().insert(std::next(Block::iterator(*forward)), loss);
  }

private:
  /// Makes a copy of @forward compute the loss.
  LogicalResult rewrite(func::FuncOp loss) {
    FailureOr<Value> total = addCrossEntropy(loss, ignoreIndex);
    if (failed(total))
      return failure();
    OpBuilder builder(loss.getFunctionBody().front().getTerminator());
    FailureOr<Value> added = averageAdded(builder, loss, total->getType());
    if (failed(added))
      return failure();
    if (*added)
      total =
          AddOp::create(builder, added->getLoc(), *total, *added).getResult();
    setResults(loss, *total, getNameAttrs(&getContext(), "loss"));
    loss->setAttr(kTrainingAttr, builder.getUnitAttr());
    return success();
  }

  /// The mean of what `pi.add_loss` adds, of the type of the loss; null if it
  /// adds nothing. Erases these operations.
  FailureOr<Value> averageAdded(OpBuilder &builder, func::FuncOp loss,
                                Type type) {
    SmallVector<AddLossOp> additions;
    loss.walk([&](AddLossOp op) { additions.push_back(op); });
    Value sum;
    for (AddLossOp op : additions) {
      if (op->getParentOp() != loss)
        return op.emitOpError(
            "has to stand in @forward itself, not in a region "
            "of an operation");
      if (op.getValue().getType() != type)
        return op.emitOpError("adds ")
               << op.getValue().getType() << " to a loss, which is " << type;
      sum = sum ? AddOp::create(builder, op.getLoc(), sum, op.getValue())
                : op.getValue();
      op.erase();
    }
    numAdded += additions.size();
    if (additions.size() < 2)
      return sum;
    auto scalar = cast<RankedTensorType>(type);
    auto share = DenseElementsAttr::get(
        scalar, Attribute(builder.getFloatAttr(scalar.getElementType(),
                                               1.0 / additions.size())));
    Location loc = sum.getLoc();
    return MulOp::create(builder, loc, sum,
                         arith::ConstantOp::create(builder, loc, share))
        .getResult();
  }
};
} // namespace
