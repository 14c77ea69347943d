//===- AddEntropyRegularizer.cpp - Penalise row entropies -----------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Rewriting.h"
#include "pi/Transforms/Architecture/Passes.h"

#include <cmath>

namespace mlir::pi {
#define GEN_PASS_DEF_PIADDENTROPYREGULARIZER
#include "pi/Transforms/Architecture/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

namespace {
struct AddEntropyRegularizer final
    : public pi::impl::PiAddEntropyRegularizerBase<AddEntropyRegularizer> {
  using PiAddEntropyRegularizerBase::PiAddEntropyRegularizerBase;

  LogicalResult initialize(MLIRContext *context) override {
    for (auto [name, value] : {std::pair<StringRef, double>("gamma", gamma),
                               {"lambda", lambda},
                               {"threshold", threshold}})
      if (!std::isfinite(value) || value < 0.0)
        return emitError(UnknownLoc::get(context), getArgument())
               << ": " << name << " has to be finite and not negative, but is "
               << value;
    return success();
  }

  void runOnOperation() override {
    BlockNames names(getOperation(), [](const TransformerLayer &layer) {
      return findAttentionParameter(layer.attention);
    });
    if (failed(forEachDecoder(
            getOperation(), [&](Operation *, TransformerStructure &structure) {
              for (const TransformerLayer &layer : structure.getLayers())
                if (failed(regularize(layer.attention, names)))
                  return failure();
              return success();
            })))
      signalPassFailure();
  }

private:
  LogicalResult regularize(const AttentionBlock &block,
                           const BlockNames &names) {
    AttentionOp attention = getRewritableAttention(block);
    if (!attention)
      return success();
    if (EntropyPenaltyOp penalty = getPenalty(attention)) {
      setAttributes(penalty);
      return success();
    }
    ParameterOp sibling = getAttentionParameter(block);
    if (!sibling)
      return success();
    if (!attention.getEntropy())
      attention = rebuildAttention(attention, attention.getTemperature(),
                                   /*withEntropy=*/true);
    auto entropy = cast<RankedTensorType>(attention.getEntropy().getType());
    OpBuilder builder(&getContext());
    builder.setInsertionPointAfter(attention);
    auto theta = loadConstantParameter(
        builder, attention.getLoc(), sibling,
        (names.get(sibling) + ".reg_threshold_weights").str(),
        RankedTensorType::get({entropy.getDimSize(1)},
                              entropy.getElementType()),
        threshold, threshold);
    if (failed(theta))
      return failure();
    Value penalty = EntropyPenaltyOp::create(
        builder, attention.getLoc(), attention.getEntropy(), *theta, reading,
        APFloat(double(gamma)), APFloat(double(lambda)));
    AddLossOp::create(builder, attention.getLoc(), penalty);
    ++numAdded;
    return success();
  }

  static EntropyPenaltyOp getPenalty(AttentionOp attention) {
    if (Value entropy = attention.getEntropy())
      for (Operation *user : entropy.getUsers())
        if (auto penalty = dyn_cast<EntropyPenaltyOp>(user))
          return penalty;
    return nullptr;
  }

  void setAttributes(EntropyPenaltyOp penalty) {
    penalty.setReading(reading);
    penalty.setGamma(APFloat(double(gamma)));
    penalty.setLambda(APFloat(double(lambda)));
  }
};
} // namespace
