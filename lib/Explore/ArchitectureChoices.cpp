//===- ArchitectureChoices.cpp - What each layer is made of ---------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Explore/ArchitectureChoices.h"
#include "pi/Analysis/TransformerStructure.h"
#include "pi/Transforms/Architecture/Passes.h"

#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace mlir::pi;

StringRef mlir::pi::stringifyActivation(Activation activation) {
  switch (activation) {
  case Activation::Gelu:
    return "gelu";
  case Activation::Relu:
    return "relu";
  case Activation::Polynomial:
    return "polynomial";
  case Activation::Identity:
    return "identity";
  }
  llvm_unreachable("unknown activation");
}

//===----------------------------------------------------------------------===//
// Reading a function
//===----------------------------------------------------------------------===//

static std::optional<Activation> getActivation(Operation *op) {
  if (!op)
    return Activation::Identity;
  return llvm::TypeSwitch<Operation *, std::optional<Activation>>(op)
      .Case([](GeluOp) { return Activation::Gelu; })
      .Case([](ReluOp) { return Activation::Relu; })
      .Case([](PolynomialOp) { return Activation::Polynomial; })
      .Default([](Operation *) { return std::nullopt; });
}

FailureOr<ArchitectureChoices>
ArchitectureChoices::read(FunctionOpInterface function) {
  TransformerStructure structure(function);
  for (const UnknownCode &code : structure.getUnknown())
    return code.op->emitError()
           << stringifyModelPart(code.part) << " is unknown: " << code.reason;
  ArchitectureChoices choices;
  choices.finalNorm = structure.getFinalLayerNorm() != nullptr;
  for (const TransformerLayer &layer : structure.getLayers()) {
    const FeedForwardBlock &block = layer.feedForward;
    auto attention = dyn_cast_or_null<AttentionOp>(layer.attention.attention);
    if (!attention || !block)
      return function.emitError("has a layer without ")
             << (block ? "attention" : "a feed-forward block");
    std::optional<Activation> activation = getActivation(block.activation);
    if (!activation)
      return block.activation->emitOpError("is no activation that is known");
    LayerChoices &one = choices.layers.emplace_back();
    one.attentionNorm = layer.attention.norm != nullptr;
    one.feedForwardNorm = block.norm != nullptr;
    one.activation = *activation;
    one.isFused = block.isFused();
    one.isScaled = isa<ScaledResidualOp>(block.residual);
    one.hasTemperature = attention.getTemperature() != nullptr;
  }
  if (choices.layers.empty())
    return function.emitError("has no layers of a decoder");
  return choices;
}

//===----------------------------------------------------------------------===//
// Rewriting
//===----------------------------------------------------------------------===//

namespace {
/// Adds passes that act on the layers that differ in one choice.
class PassAdder {
public:
  PassAdder(const ArchitectureChoices &from, const ArchitectureChoices &to,
            OpPassManager &manager)
      : from(from), to(to), manager(manager) {}

  /// Adds the pass that `create` makes of `options`, if some layer has another
  /// `choice` than before, and the one `wanted` now.
  template <typename T, typename Options>
  void add(T LayerChoices::*choice, T wanted,
           std::unique_ptr<Pass> (*create)(Options), Options options = {}) {
    for (size_t i = 0; i < to.layers.size(); ++i)
      if (to.layers[i].*choice == wanted && from.layers[i].*choice != wanted)
        options.layers.push_back(i);
    if (options.layers.empty())
      return;
    if (options.layers.size() == to.layers.size())
      options.layers.clear(); // Which stands for all.
    manager.addPass(create(std::move(options)));
  }

private:
  const ArchitectureChoices &from, &to;
  OpPassManager &manager;
};
} // namespace

void ArchitectureChoices::addPasses(const ArchitectureChoices &from,
                                    OpPassManager &manager) const {
  PassAdder adder(from, *this, manager);
  for (Activation activation : {Activation::Relu, Activation::Identity}) {
    PiReplaceGeluOptions options;
    options.replacement = activation;
    options.from = ReplacedActivation::Any;
    adder.add(&LayerChoices::activation, activation, createPiReplaceGelu,
              options);
  }
  PiRemoveLayerNormOptions attention, feedForward;
  attention.before = LayerNormPlace::Attention;
  feedForward.before = LayerNormPlace::FeedForward;
  adder.add(&LayerChoices::attentionNorm, false, createPiRemoveLayerNorm,
            attention);
  adder.add(&LayerChoices::feedForwardNorm, false, createPiRemoveLayerNorm,
            feedForward);
  if (from.finalNorm && !finalNorm) {
    PiRemoveLayerNormOptions options;
    options.inLayers = false;
    options.finalLayerNorm = FinalLayerNorm::Remove;
    manager.addPass(createPiRemoveLayerNorm(options));
  }
  adder.add<bool, PiFuseFFNOptions>(&LayerChoices::isFused, true,
                                    createPiFuseFFN);
  adder.add<bool, PiScaleFFNOptions>(&LayerChoices::isScaled, true,
                                     createPiScaleFFN);
  adder.add<bool, PiAddTemperatureOptions>(&LayerChoices::hasTemperature, true,
                                           createPiAddTemperature);
}

double
ArchitectureChoices::countKept(const ArchitectureChoices &original) const {
  double kept = original.finalNorm && finalNorm;
  for (auto [before, now] : llvm::zip_equal(original.layers, layers)) {
    kept += 1; // Attention.
    kept += before.attentionNorm && now.attentionNorm;
    kept += before.feedForwardNorm && now.feedForwardNorm;
    if (before.activation != Activation::Identity &&
        now.activation != Activation::Identity)
      kept += now.activation == before.activation ? 1 : 0.5;
  }
  return kept;
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

/// `0-3, 7`, for sorted numbers.
static std::string formatRanges(ArrayRef<size_t> numbers) {
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::ListSeparator separator(",");
  for (size_t i = 0; i < numbers.size();) {
    size_t last = i;
    while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1)
      ++last;
    os << separator << numbers[i];
    if (last > i)
      os << '-' << numbers[last];
    i = last + 1;
  }
  return text;
}

/// The words that `getWord` has for the layers, with the layers they stand for.
static std::string
describe(ArrayRef<LayerChoices> layers,
         llvm::function_ref<StringRef(const LayerChoices &)> getWord) {
  llvm::MapVector<StringRef, SmallVector<size_t>> groups;
  for (auto [index, layer] : llvm::enumerate(layers))
    groups[getWord(layer)].push_back(index);
  if (groups.size() == 1)
    return groups.begin()->first.str();
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::ListSeparator separator;
  for (const auto &[word, numbers] : groups)
    os << separator << word << ' ' << formatRanges(numbers);
  return text;
}

std::string ArchitectureChoices::describeNorms() const {
  std::string text = describe(layers, [](const LayerChoices &layer) {
    if (layer.attentionNorm)
      return layer.feedForwardNorm ? "both" : "attention";
    return layer.feedForwardNorm ? "FFN" : "none";
  });
  return finalNorm ? text + " + head" : text;
}

std::string ArchitectureChoices::describeActivations() const {
  return describe(layers, [](const LayerChoices &layer) -> StringRef {
    switch (layer.activation) {
    case Activation::Gelu:
      return "GELU";
    case Activation::Relu:
      return "ReLU";
    case Activation::Polynomial:
      return "polynomial";
    case Activation::Identity:
      return "none";
    }
    llvm_unreachable("unknown activation");
  });
}

std::string ArchitectureChoices::describeFeedForward() const {
  return describe(layers, [](const LayerChoices &layer) {
    if (layer.isFused)
      return layer.isScaled ? "scaled fused" : "fused";
    return layer.isScaled ? "scaled" : "stock";
  });
}

std::string ArchitectureChoices::describeTemperature() const {
  return describe(layers, [](const LayerChoices &layer) {
    return layer.hasTemperature ? "yes" : "no";
  });
}
