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

  /// Errors at `op` for something that the architecture has and the model has
  /// not, and the other way round.
  LogicalResult lacks(Operation *op, StringRef what) const {
    return emitError(op->getLoc(), "architecture ")
           << architecture.getName() << " has " << what
           << ", but here is none, and a rewrite cannot add it";
  }
  LogicalResult exceeds(Operation *op, StringRef what) const {
    return emitError(op->getLoc(), "architecture ")
           << architecture.getName() << " has no " << what
           << ", but here is one, and a rewrite cannot take it away";
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
  return emitError(
      getOperation().getLoc(),
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
    return lacks(block.attention, "a LayerNorm before attention");
  if (!architecture.normalization && (isNormalized(block.qkvProjection) ||
                                      isNormalized(block.outputProjection)))
    return exceeds(block.attention, "normalised weight of attention");
  if (attention && attention.getTemperature() && !architecture.temperature)
    return exceeds(attention, "temperature");
  if (attention && attention.getEntropy() && !architecture.entropyRegularizer)
    return exceeds(attention, "entropy result of attention");
  return success();
}

LogicalResult
ArchitecturePass::verifyFeedForward(const FeedForwardBlock &block) const {
  LinearOp output = block.output;
  if (architecture.layerNorm && !block.norm)
    return lacks(block.residual, "a LayerNorm before a feed-forward block");
  if (architecture.activation == Activation::Gelu &&
      !isa_and_nonnull<GeluOp>(block.activation))
    return lacks(output, "a GELU between the linears");
  if (architecture.activation == Activation::Relu &&
      !isa_and_nonnull<ReluOp>(block.activation))
    return lacks(output, "an activation between the linears");
  if (!architecture.normalization &&
      (isNormalized(block.input) || isNormalized(output)))
    return exceeds(output, "normalised weight of a feed-forward block");
  if (block.isFused() &&
      architecture.feedForward != Architecture::FeedForward::ScaledFused)
    return exceeds(output, "fused feed-forward block");
  if (isa<ScaledResidualOp>(block.residual) &&
      architecture.feedForward == Architecture::FeedForward::Plain)
    return exceeds(block.residual, "scaled feed-forward block");
  return success();
}
