//===- FoldLinear.cpp - Fold feed-forward blocks into attention -----------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinearRun.h"
#include "LinearStream.h"
#include "LinearWeights.h"

#include "mlir/Interfaces/FunctionInterfaces.h"
#include "pi/Transforms/Private/Passes.h"
#include "pi/Transforms/Utils/Parameters.h"
#include "llvm/Support/Format.h"

namespace mlir::pi {
#define GEN_PASS_DEF_PIFOLDLINEAR
#include "pi/Transforms/Private/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

/// What a layer does to the stream.
static StreamLayer readLayer(const TransformerLayer &layer,
                             const WeightReader &reader) {
  LinearOp projection = layer.attention.outputProjection;
  int64_t width = projection.getOutFeatures();
  StreamLayer result = {Matrix::identity(width), Matrix(1, width),
                        reader.readBias(projection)};
  const FeedForwardBlock &block = layer.feedForward;
  if (!block)
    return result;
  Matrix weight = reader.readWeight(block.input),
         bias = reader.readBias(block.input);
  if (!block.isFused()) {
    Matrix second = reader.readWeight(block.output);
    weight = multiply(weight, second);
    bias = multiply(bias, second).add(reader.readBias(block.output));
  }
  double beta = 1, factor = 1;
  if (auto scaled = dyn_cast<ScaledResidualOp>(block.residual)) {
    beta = reader.readScalar(scaled.getBeta());
    factor = 1 / reader.readScalar(scaled.getAlpha());
  }
  result.matrix.scale(beta).add(weight, factor);
  result.bias.add(bias, factor);
  return result;
}

/// The linear reads z of x = z A + c.
static void readCoordinates(LinearOp linear, const StreamCoordinates &stream,
                            const WeightReader &reader,
                            ParameterReplacer &replacer) {
  Matrix weight = reader.readWeight(linear);
  Matrix offset = multiply(stream.offset, weight);
  replacer.setWeight(linear, multiply(stream.matrix, weight));
  // Models without biases stay so.
  if (linear.getBias() || frobeniusNorm(offset) > 0)
    replacer.setBias(linear, offset.add(reader.readBias(linear)));
}

static void foldLayer(const TransformerLayer &layer,
                      const StreamCoordinates &stream,
                      const WeightReader &reader, ParameterReplacer &replacer) {
  LinearOp qkv = layer.attention.qkvProjection;
  if (stream.change)
    replacer.insertBefore(qkv, *stream.change);
  readCoordinates(qkv, stream, reader, replacer);
  LinearOp output = layer.attention.outputProjection;
  replacer.setWeight(output,
                     multiply(reader.readWeight(output), stream.inverse));
  replacer.dropBias(output);
  if (!layer.feedForward)
    return;
  Operation *residual = layer.feedForward.residual;
  residual->getResult(0).replaceAllUsesWith(layer.feedForward.getStream());
  eraseWithDeadOperands(residual);
}

static void rewrite(const LinearRun &run,
                    ArrayRef<StreamCoordinates> coordinates,
                    const WeightReader &reader, ParameterReplacer &replacer) {
  for (OpOperand *table : run.tables)
    replacer.setTable(*table, multiply(reader.readTable(table->get()),
                                       coordinates.front().inverse));
  // From the end, so that a change has the name of the block that goes.
  readCoordinates(run.head, coordinates.back(), reader, replacer);
  for (size_t i = run.layers.size(); i-- > 0;)
    foldLayer(run.layers[i], coordinates[i], reader, replacer);
}

namespace {
struct FoldLinear final : public pi::impl::PiFoldLinearBase<FoldLinear> {
  using PiFoldLinearBase::PiFoldLinearBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    getWeightEvaluationDialects(registry);
  }

  void runOnOperation() override {
    if (failed(run()))
      signalPassFailure();
  }

private:
  LogicalResult run();
  FailureOr<LinearRun> findOnlyRun();
  LogicalResult fold(const LinearRun &run,
                     const pi_runtime::Checkpoint &checkpoint,
                     ParameterReplacer &replacer);
  LogicalResult report(const LinearRun &run, const StreamFolding &folding);
};
} // namespace

/// The run of the one function that has any.
FailureOr<LinearRun> FoldLinear::findOnlyRun() {
  LinearRun result;
  Operation *owner = nullptr;
  for (auto function : getOperation().getOps<FunctionOpInterface>()) {
    if (function.isExternal() || function->hasAttr(kTrainingAttr))
      continue;
    LinearRun found = findLinearRun(function);
    if (!found)
      continue;
    if (owner)
      return function.emitError("has layers as an earlier function has, and "
                                "only one can be folded; fold before "
                                "'pi-build-generation' and 'pi-build-loss'");
    result = std::move(found);
    owner = function;
  }
  return result;
}

static std::string toText(double number) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.3g", number);
  return text;
}

/// Reports the condition number, as an error if it is above the bound.
LogicalResult FoldLinear::report(const LinearRun &run,
                                 const StreamFolding &folding) {
  std::string condition = toText(folding.condition);
  if (!folding.refused) {
    LinearOp head = run.head;
    head.emitRemark("layers with folded feed-forward blocks: ")
        << run.layers.size()
        << "; condition number of the stream: " << condition
        << "; changes of its coordinates: "
        << llvm::count_if(folding.coordinates,
                          [](const StreamCoordinates &stream) {
                            return stream.change.has_value();
                          });
    return success();
  }
  InFlightDiagnostic error =
      emitError(getResult(run.layers[*folding.refused]).getLoc())
      << "feed-forward blocks are not folded: the condition number of the "
      << "stream would be " << condition << " in this layer, above "
      << "max-condition=" << toText(maxCondition);
  error.attachNote() << "rounding of activations reaches the logits up to so "
                        "many times as large; give a larger max-condition and "
                        "compare the logits, or leave this model unfolded";
  return failure();
}

LogicalResult FoldLinear::fold(const LinearRun &run,
                               const pi_runtime::Checkpoint &checkpoint,
                               ParameterReplacer &replacer) {
  auto values = evaluateWeights(getOperation().getLoc(), getOperation(),
                                getWeights(run), checkpoint);
  if (failed(values))
    return failure();
  WeightReader reader(*values);
  std::vector<StreamLayer> layers;
  for (const TransformerLayer &layer : run.layers)
    layers.push_back(readLayer(layer, reader));
  StreamFolding folding =
      foldStream(layers, /*isStartFree=*/!run.tables.empty(), maxCondition);
  if (failed(report(run, folding)))
    return failure();
  rewrite(run, folding.coordinates, reader, replacer);
  numFolded += llvm::count_if(run.layers, [](const TransformerLayer &layer) {
    return bool(layer.feedForward);
  });
  return success();
}

LogicalResult FoldLinear::run() {
  ModuleOp module = getOperation();
  if (weights.empty() || output.empty())
    return module.emitError(
        "'pi-fold-linear' needs weights=DIR, the trained checkpoint, and "
        "output=DIR, where that of the folded model goes");
  auto checkpoint = pi_runtime::Checkpoint::open(weights);
  if (!checkpoint)
    return module.emitError() << checkpoint.status().message();
  CheckpointOutput target(module, *checkpoint, output);
  if (failed(target.verify()))
    return failure();
  FailureOr<LinearRun> run = findOnlyRun();
  if (failed(run))
    return failure();
  ParameterReplacer replacer(module);
  if (*run && failed(fold(*run, *checkpoint, replacer)))
    return failure();
  numParametersErased += eraseUnusedParameters(module);
  return target.write(replacer.getAdded());
}
