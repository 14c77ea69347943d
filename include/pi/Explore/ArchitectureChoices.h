//===- ArchitectureChoices.h - What each layer is made of -------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_EXPLORE_ARCHITECTURECHOICES_H
#define PI_EXPLORE_ARCHITECTURECHOICES_H

#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Pass/PassManager.h"
#include "pi/Transforms/Architecture/Options.h"

namespace mlir::pi {

/// What of a layer the rewrites of the architecture can change.
struct LayerChoices {
  /// Whether there is a LayerNorm before attention, and before the feed-forward
  /// block.
  bool attentionNorm = false, feedForwardNorm = false;
  /// Between the linears of the feed-forward block; Identity for nothing.
  Activation activation = Activation::Identity;
  /// Whether the feed-forward block is one linear, and whether its residual
  /// connection has learnable scales.
  bool isFused = false, isScaled = false;
  /// Whether attention has a learnable temperature.
  bool hasTemperature = false;

  bool operator==(const LayerChoices &other) const {
    return attentionNorm == other.attentionNorm &&
           feedForwardNorm == other.feedForwardNorm &&
           activation == other.activation && isFused == other.isFused &&
           isScaled == other.isScaled && hasTemperature == other.hasTemperature;
  }
};

/// The architecture of a decoder, layer by layer.
struct ArchitectureChoices {
  SmallVector<LayerChoices> layers;
  /// Whether there is a LayerNorm before the head.
  bool finalNorm = false;

  /// The choices that `function` is made with. A block of a form that
  /// TransformerStructure does not know is an error.
  static FailureOr<ArchitectureChoices> read(FunctionOpInterface function);

  /// Adds the passes that make these choices of a decoder that has `from`. They
  /// can only take away what `from` has, or add scales and temperatures.
  void addPasses(const ArchitectureChoices &from, OpPassManager &manager) const;

  /// Nonlinear operations of a decoder with the choices `original` that are
  /// still there: an attention, a LayerNorm and an activation each count 1, an
  /// activation that became another one counts 1/2.
  double countKept(const ArchitectureChoices &original) const;

  bool operator==(const ArchitectureChoices &other) const {
    return layers == other.layers && finalNorm == other.finalNorm;
  }
  bool operator!=(const ArchitectureChoices &other) const {
    return !(*this == other);
  }

  // For people: one word if all layers are alike, else words with their layers,
  // as in `GELU 0-8, ReLU 9-11`.
  std::string describeNorms() const;
  std::string describeActivations() const;
  std::string describeFeedForward() const;
  std::string describeTemperature() const;
};

/// `gelu`, `relu`, `polynomial` or `identity`.
StringRef stringifyActivation(Activation activation);

} // namespace mlir::pi

#endif // PI_EXPLORE_ARCHITECTURECHOICES_H
