//===- BuildLoss.cpp - The loss from the forward function -----------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

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
    auto forward = getOperation().lookupSymbol<func::FuncOp>(kForwardName);
    if (!forward || forward.isExternal()) {
      getOperation().emitError("has no function @forward to build @loss from");
      return signalPassFailure();
    }
    if (Operation *other = getOperation().lookupSymbol(kLossName)) {
      other->emitError("stands in the way of the generated function @loss");
      return signalPassFailure();
    }
    auto logits = forward.getNumResults() == 1
                      ? dyn_cast<RankedTensorType>(forward.getResultTypes()[0])
                      : RankedTensorType();
    if (!logits || logits.getRank() < 1 ||
        !isa<FloatType>(logits.getElementType())) {
      forward.emitError("@forward has to give logits B x T x V alone, but is ")
          << forward.getFunctionType();
      return signalPassFailure();
    }
    if (!forward.getFunctionBody().hasOneBlock()) {
      forward.emitError("@forward has to be one block");
      return signalPassFailure();
    }
    func::FuncOp loss = forward.clone();
    loss.setName(kLossName);
    getOperation().insert(std::next(Block::iterator(forward)), loss);
    if (failed(rewrite(loss, logits))) {
      loss.erase();
      signalPassFailure();
    }
  }

private:
  /// Makes a copy of @forward compute the loss.
  LogicalResult rewrite(func::FuncOp loss, RankedTensorType logits) {
    Builder b(&getContext());
    Operation *terminator = loss.getFunctionBody().front().getTerminator();
    Location loc = terminator->getLoc();
    auto named = [&](StringRef value) {
      return b.getDictionaryAttr(
          b.getNamedAttr(kNameAttr, b.getStringAttr(value)));
    };
    unsigned index = loss.getNumArguments();
    auto targets =
        RankedTensorType::get(logits.getShape().drop_back(), b.getI32Type());
    if (failed(loss.insertArgument(index, targets, named("targets"), loc)))
      return failure();

    OpBuilder builder(terminator);
    Value total = buildCrossEntropy(builder, terminator->getOpOperand(0),
                                    loss.getArgument(index));
    FailureOr<Value> added = averageAdded(builder, loss, total.getType());
    if (failed(added))
      return failure();
    if (*added)
      total = AddOp::create(builder, added->getLoc(), total, *added);
    terminator->setOperands(total);
    loss.setFunctionType(
        b.getFunctionType(loss.getArgumentTypes(), total.getType()));
    loss.setResAttrsAttr(b.getArrayAttr(named("loss")));
    loss->setAttr(kTrainingAttr, b.getUnitAttr());
    return success();
  }

  /// The cross-entropy of logits, which are not computed as a whole if they are
  /// a product. A bias is rare in a head, and would need a gradient of its own.
  Value buildCrossEntropy(OpBuilder &builder, OpOperand &logits,
                          Value targets) {
    Location loc = logits.get().getLoc();
    auto linear = logits.get().getDefiningOp<LinearOp>();
    if (!linear || linear.getBias())
      return CrossEntropyOp::create(builder, loc, logits.get(), targets,
                                    ignoreIndex);
    auto loss = LinearCrossEntropyOp::create(
        builder, loc, linear.getInput(), linear.getWeight(), targets,
        linear.getTransposed(), ignoreIndex);
    logits.set(loss.getLoss());
    if (linear->use_empty())
      linear.erase();
    return loss.getLoss();
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
