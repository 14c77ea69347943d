//===- NextTokenOnly.cpp - What one next token needs ----------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Transforms/Execution/Passes.h"
#include "pi/Transforms/Private/Passes.h"
#include "pi/Transforms/Utils/ForwardSignature.h"
#include "pi/Transforms/Utils/SelectPosition.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/RegionUtils.h"

namespace mlir::pi {
#define GEN_PASS_DEF_PINEXTTOKENONLY
#include "pi/Transforms/Private/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

namespace {
struct NextTokenOnly : public pi::impl::PiNextTokenOnlyBase<NextTokenOnly> {
  using PiNextTokenOnlyBase::PiNextTokenOnlyBase;

  void runOnOperation() final {
    ModuleOp module = getOperation();
    auto forward = module.lookupSymbol<func::FuncOp>(kForwardName);
    if (!forward || forward.isExternal()) {
      module.emitError("has no function @forward with a body");
      return signalPassFailure();
    }
    // An attention whose entropy only training reads is narrowed like others.
    OpPassManager training(ModuleOp::getOperationName());
    training.addPass(createPiStripTraining());
    if (failed(readForwardSignature(forward)) ||
        failed(runPipeline(training, module)) ||
        failed(selectNextToken(forward)))
      return signalPassFailure();
  }

private:
  LogicalResult selectNextToken(func::FuncOp forward);
};
} // namespace

/// Whether the operation computes something for one position alone.
static bool isAtOnePosition(Operation &op) {
  if (isa<SelectPositionOp>(op) || op.getNumResults() == 0)
    return false;
  auto type = dyn_cast<RankedTensorType>(op.getResult(0).getType());
  return type && type.getRank() == 3 && type.getDimSize(1) == 1;
}

LogicalResult NextTokenOnly::selectNextToken(func::FuncOp forward) {
  Builder b(&getContext());
  auto name = b.getNamedAttr(kNameAttr, b.getStringAttr("position"));
  unsigned index = forward.getNumArguments();
  if (failed(forward.insertArgument(index,
                                    RankedTensorType::get({}, b.getI32Type()),
                                    b.getDictionaryAttr(name),
                                    NameLoc::get(b.getStringAttr("position")))))
    return failure();

  Block &body = forward.getFunctionBody().front();
  Operation *terminator = body.getTerminator();
  OpBuilder builder(terminator);
  PositionSelector selector(builder, body, forward.getArgument(index),
                            /*decode=*/true);
  terminator->setOperand(0, selector.select(terminator->getOperand(0)));
  forward.setFunctionType(b.getFunctionType(forward.getArgumentTypes(),
                                            terminator->getOperandTypes()));
  IRRewriter rewriter(&getContext());
  (void)runRegionDCE(rewriter, forward->getRegions());
  numOperations += llvm::count_if(body.without_terminator(), isAtOnePosition);
  return success();
}
