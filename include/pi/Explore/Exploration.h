//===- Exploration.h - Architectures and what they cost ---------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which architectures there are between a decoder and the one of it that has
// the fewest nonlinear functions, and what each costs under private inference.
// What they are worth as language models is not known here.
//
//===----------------------------------------------------------------------===//

#ifndef PI_EXPLORE_EXPLORATION_H
#define PI_EXPLORE_EXPLORATION_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "pi/Cost/CostReport.h"
#include "pi/Explore/ArchitectureChoices.h"

namespace mlir::pi {

/// One architecture, as evaluated on its own IR.
struct ExploredArchitecture {
  /// What the literature calls it (ArchitectureName.h); empty if nothing.
  std::string name;
  ArchitectureChoices choices;
  /// ArchitectureChoices::countKept.
  double kept = 0;
  OperationCost total;
  SmallVector<NonlinearCount> nonlinear;
  /// The passes that make it of the original, for `pi-opt --pass-pipeline`.
  std::string pipeline;
  /// Bytes above the cheapest architecture found that keeps at least as much,
  /// as a share of that one's.
  double excess = 0;
  /// Whether it is that one: none that was found keeps as much for fewer
  /// bytes, or more for as many.
  bool isOnFrontier = false;

  /// Whether a table has it: it is on the frontier or has a name.
  bool isListed() const { return isOnFrontier || !name.empty(); }
};

struct Exploration {
  /// First those that are listed, then the others; each group by what is kept,
  /// the most first, and by bytes.
  std::vector<ExploredArchitecture> architectures;
  /// What the original keeps of itself: all its nonlinear operations.
  double numNonlinear = 0;
  /// Names of the literature that the original cannot be rewritten to, and why.
  std::vector<std::pair<std::string, std::string>> unreachable;
  /// The report on the original: protocol, network, calibrated constants.
  CostReport original;
};

/// Evaluates the architectures that can be made of the decoder in `model`:
///
/// - those with a name in Entropy-Guided Attention (arXiv 2501.03489), but
///   those with normalised weights, which cost what SM costs;
/// - each kind of change applied to all layers, and to each layer alone;
/// - those on the way of a greedy search. It starts with the original and takes
///   the change of one layer, or of the LayerNorm before the head, that saves
///   most bytes for each nonlinear operation given up, until none saves any.
///   Of equal changes it takes the one in the last layer.
///
/// Weights and tokens that stay with their owner according to `cost` do so in
/// what is evaluated, too (pi-keep-with-owner).
///
/// The search predicts bytes as a sum over layers; the result has none but
/// estimates of a whole function. Fails after an error message, as for more
/// than 128 layers.
FailureOr<Exploration> explore(ModuleOp model, const CostOptions &cost);

/// `model`, rewritten to `architecture`. Null after an error message.
OwningOpRef<ModuleOp> build(ModuleOp model,
                            const ExploredArchitecture &architecture);

/// Bytes that may be sent.
struct Budget {
  double bytes;

  /// Reads a number with one of the units B, kB, MB, GB, as in `5GB`.
  static llvm::Expected<Budget> parse(StringRef text);
};

/// What a user asks of a listing.
struct ListingOptions {
  /// What the model is called.
  std::string model;
  int64_t sequenceLength = 0;
  std::optional<Budget> budget;
  /// How many architectures of the frontier a table has at most. With a budget
  /// these are the ones that fit and keep most, or the cheapest if none fits;
  /// without one they are spread over the frontier.
  size_t top = 10;
};

void printTable(const Exploration &exploration, const ListingOptions &options,
                raw_ostream &os);
void printJson(const Exploration &exploration, const ListingOptions &options,
               raw_ostream &os);

} // namespace mlir::pi

#endif // PI_EXPLORE_EXPLORATION_H
