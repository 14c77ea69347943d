//===- BuildEvaluation.cpp - What validation reads of a model -------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TrainingFunctions.h"

#include "pi/Dialect/Pi/IR/Pi.h"
#include "pi/Support/LocationName.h"
#include "pi/Transforms/Execution/Passes.h"
#include "pi/Transforms/Training/Passes.h"
#include "pi/Transforms/Utils/Parameters.h"

namespace mlir::pi {
#define GEN_PASS_DEF_PIBUILDEVALUATION
#include "pi/Transforms/Training/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

/// The mean entropy of the heads of an attention, which gives the entropy of
/// its rows from now on.
static Value buildMeanEntropy(AttentionOp attention) {
  OpBuilder builder(attention);
  Value entropy = attention.getEntropy();
  if (!entropy) {
    Type type = AttentionOp::getEntropyType(attention.getQkv().getType(),
                                            attention.getNumHeads());
    auto rebuilt = AttentionOp::create(
        builder, attention.getLoc(), attention.getResult().getType(), type,
        attention.getQkv(), attention.getTemperature(), attention.getNumHeads(),
        attention.getScale(), attention.getCausal(),
        attention.getEvaluationAttr());
    attention.getResult().replaceAllUsesWith(rebuilt.getResult());
    entropy = rebuilt.getEntropy();
    attention.erase();
  }
  builder.setInsertionPointAfterValue(entropy);
  return MeanEntropyOp::create(builder, entropy.getLoc(), entropy);
}

namespace {
struct BuildEvaluation final
    : public pi::impl::PiBuildEvaluationBase<BuildEvaluation> {
  using PiBuildEvaluationBase::PiBuildEvaluationBase;

  void runOnOperation() override {
    FailureOr<func::FuncOp> forward =
        getSourceFunction(getOperation(), kForwardName, kEvaluateName);
    if (failed(forward) || failed(rewrite(*forward)))
      signalPassFailure();
  }

private:
  LogicalResult rewrite(func::FuncOp function) {
    FailureOr<Value> crossEntropy = addCrossEntropy(function, ignoreIndex);
    if (failed(crossEntropy))
      return failure();
    MLIRContext *context = &getContext();
    SmallVector<Value> values = {*crossEntropy};
    SmallVector<DictionaryAttr> attributes = {
        getNameAttrs(context, "cross_entropy")};
    SmallVector<AttentionOp> attentions;
    SmallVector<AddLossOp> additions;
    function.walk([&](AttentionOp op) { attentions.push_back(op); });
    function.walk([&](AddLossOp op) { additions.push_back(op); });
    for (AttentionOp attention : attentions) {
      attributes.push_back(
          getNameAttrs(context, "entropy." + getLocationName(attention)));
      values.push_back(buildMeanEntropy(attention));
      ++numAttentions;
    }
    setResults(function, values, attributes);
    // The penalty is no part of what models are compared by.
    for (AddLossOp op : additions)
      eraseWithDeadOperands(op);
    function.setName(kEvaluateName);
    function->setAttr(kTrainingAttr, UnitAttr::get(context));
    return success();
  }
};
} // namespace
