//===- Architecture.cpp - Rewrite into a named architecture ---------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Rewriting.h"
#include "pi/Transforms/Architecture/ArchitectureName.h"
#include "pi/Transforms/Architecture/Passes.h"

#include "mlir/Pass/PassManager.h"

namespace mlir::pi {
#define GEN_PASS_DEF_PIARCHITECTURE
#include "pi/Transforms/Architecture/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

namespace {
struct ArchitecturePass final
    : public pi::impl::PiArchitectureBase<ArchitecturePass> {
  using PiArchitectureBase::PiArchitectureBase;

  LogicalResult initialize(MLIRContext *context) override {
    auto parsed = Architecture::parse(name, [&] {
      return emitError(UnknownLoc::get(context)) << getArgument() << ": ";
    });
    if (failed(parsed))
      return failure();
    architecture = *parsed;
    return success();
  }

  void runOnOperation() override {
    OpPassManager manager(ModuleOp::getOperationName());
    addPasses(manager);
    if (failed(verifyHasLayers()) ||
        failed(runPipeline(manager, getOperation())) || failed(verifyResult()))
      signalPassFailure();
  }

private:
  void addPasses(OpPassManager &manager) const;
  bool keepsFinalLayerNorm() const;
  LogicalResult verifyHasLayers();
  LogicalResult verifyResult();
  LogicalResult verifyAttention(const AttentionBlock &block) const;
  LogicalResult verifyFeedForward(const FeedForwardBlock &block) const;

  /// Says that `op` is not what the name asks for.
  LogicalResult mismatch(Operation *op, StringRef present) const {
    return op->emitError() << present << ", which is not architecture "
                           << architecture.getName()
                           << ": start from a model that has what the name "
                              "lists and nothing that cannot be taken away";
  }

  Architecture architecture;
};
} // namespace

bool ArchitecturePass::keepsFinalLayerNorm() const {
  if (finalLayerNorm == FinalLayerNorm::Auto)
    return architecture.layerNorm;
  return finalLayerNorm == FinalLayerNorm::Keep;
}

void ArchitecturePass::addPasses(OpPassManager &manager) const {
  if (architecture.activation != Activation::Gelu) {
    PiReplaceGeluOptions options;
    options.replacement = architecture.activation;
    options.from = ReplacedActivation::Any;
    manager.addPass(createPiReplaceGelu(options));
  }
  if (!architecture.layerNorm || !keepsFinalLayerNorm()) {
    PiRemoveLayerNormOptions options;
    options.inLayers = !architecture.layerNorm;
    options.finalLayerNorm =
        keepsFinalLayerNorm() ? FinalLayerNorm::Keep : FinalLayerNorm::Remove;
    manager.addPass(createPiRemoveLayerNorm(options));
  }
  if (architecture.feedForward == Architecture::FeedForward::ScaledFused)
    manager.addPass(createPiFuseFFN());
  if (architecture.feedForward != Architecture::FeedForward::Plain)
    manager.addPass(createPiScaleFFN());
  if (architecture.normalization) {
    PiNormalizeWeightsOptions options;
    options.kind = architecture.normalization->kind;
    options.placement = architecture.normalization->placement;
    options.iterations = iterations;
    manager.addPass(createPiNormalizeWeights(options));
  }
  if (architecture.temperature) {
    PiAddTemperatureOptions options;
    options.init = temperature;
    manager.addPass(createPiAddTemperature(options));
  }
  if (architecture.entropyRegularizer) {
    PiAddEntropyRegularizerOptions options;
    options.reading = reading;
    options.gamma = gamma;
    options.lambda = lambda;
    options.threshold = threshold;
    manager.addPass(createPiAddEntropyRegularizer(options));
  }
  manager.addPass(createPiRemoveUnusedParameters());
}

LogicalResult ArchitecturePass::verifyHasLayers() {
  bool found = false;
  (void)forEachDecoder(
      getOperation(), [&](Operation *, TransformerStructure &structure) {
        for (const TransformerLayer &layer : structure.getLayers())
          found |= layer.attention.attention != nullptr;
        return success();
      });
  if (found)
    return success();
  return getOperation().emitError(
      "no function of the module has a 'pi.attention': there is no decoder to "
      "rewrite");
}

static bool isNormalized(LinearOp linear) {
  Operation *op = linear.getWeight().getDefiningOp();
  return isa_and_nonnull<WeightNormOp, SpectralNormOp>(op);
}

/// What was matched has to be what the name says; what was not matched has
/// got a remark already.
LogicalResult ArchitecturePass::verifyResult() {
  return forEachDecoder(
      getOperation(), [&](Operation *, TransformerStructure &structure) {
        for (const TransformerLayer &layer : structure.getLayers()) {
          if (layer.attention.isComplete() &&
              failed(verifyAttention(layer.attention)))
            return failure();
          if (layer.feedForward && failed(verifyFeedForward(layer.feedForward)))
            return failure();
        }
        return success();
      });
}

LogicalResult
ArchitecturePass::verifyAttention(const AttentionBlock &block) const {
  auto attention = dyn_cast<AttentionOp>(block.attention);
  if (architecture.layerNorm && !block.norm)
    return mismatch(block.attention, "attention has no LayerNorm before it");
  if (!architecture.normalization && (isNormalized(block.qkvProjection) ||
                                      isNormalized(block.outputProjection)))
    return mismatch(block.attention, "attention has normalised weights");
  if (attention && attention.getTemperature() && !architecture.temperature)
    return mismatch(attention, "attention has a temperature");
  if (attention && attention.getEntropy() && !architecture.entropyRegularizer)
    return mismatch(attention, "attention gives its entropy");
  return success();
}

LogicalResult
ArchitecturePass::verifyFeedForward(const FeedForwardBlock &block) const {
  LinearOp output = block.output;
  Operation *activation = block.activation;
  if (architecture.layerNorm && !block.norm)
    return mismatch(block.residual,
                    "feed-forward block has no LayerNorm before it");
  if (architecture.activation == Activation::Gelu &&
      !isa_and_nonnull<GeluOp>(activation))
    return mismatch(output, "feed-forward block has no GELU");
  if (architecture.activation == Activation::Relu &&
      !isa_and_nonnull<ReluOp>(activation))
    return mismatch(output, "feed-forward block has no ReLU");
  if (!architecture.normalization &&
      (isNormalized(block.input) || isNormalized(output)))
    return mismatch(output, "feed-forward block has normalised weights");
  if (block.isFused() &&
      architecture.feedForward != Architecture::FeedForward::ScaledFused)
    return mismatch(output, "feed-forward block is fused");
  if (isa<ScaledResidualOp>(block.residual) &&
      architecture.feedForward == Architecture::FeedForward::Plain)
    return mismatch(block.residual, "feed-forward block is scaled");
  return success();
}
