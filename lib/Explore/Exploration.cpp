//===- Exploration.cpp - Architectures and what they cost -----------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Explore/Exploration.h"
#include "pi/Support/Quantity.h"
#include "pi/Transforms/Architecture/Passes.h"
#include "pi/Transforms/Private/Passes.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::pi;

/// The architectures of arXiv 2501.03489 whose costs differ.
static constexpr StringLiteral kNames[] = {
    "SM+LN+G",  "SM+LN+R",    "SM+LN",
    "SM+G",     "SM+R",       "SM",
    "SM+ScFFN", "SM+ScFuFFN", "EReg(SM(t)+ScFuFFN)"};

/// Time grows with the square of the number of layers: 48 take 6 s.
static constexpr size_t kMaxLayers = 128;

/// Two architectures that save as much may differ by rounding.
static constexpr double kTolerance = 1e-9;

llvm::Expected<Budget> Budget::parse(StringRef text) {
  constexpr Unit units[] = {{"B", 1}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}};
  llvm::Expected<double> bytes = parseQuantity("budget", text, units, "5GB");
  if (!bytes)
    return bytes.takeError();
  // Reports count bytes as 64-bit numbers.
  if (*bytes > 9e18)
    return llvm::createStringError("budget '" + text +
                                   "' is more than can be counted: at most "
                                   "9000000000GB");
  return Budget{*bytes};
}

//===----------------------------------------------------------------------===//
// Search
//===----------------------------------------------------------------------===//

namespace {
/// The passes of a row: of its choices, or of its name.
using AddPasses = llvm::function_ref<void(OpPassManager &)>;

class Explorer {
public:
  Explorer(ModuleOp model, const CostOptions &cost)
      : model(model), costOptions(cost) {}

  FailureOr<Exploration> run();

private:
  LogicalResult addNamed();
  LogicalResult addChanges();
  LogicalResult addGreedy();
  void sortOut();

  /// Evaluates an architecture and takes it into the result, once.
  LogicalResult add(const ArchitectureChoices &choices);
  /// Evaluates an architecture, once.
  FailureOr<double> getBytes(const ArchitectureChoices &choices);
  /// Bytes of the original with this in place of one layer.
  FailureOr<double> getBytesWith(size_t layer, const LayerChoices &choices);
  FailureOr<ExploredArchitecture> evaluate(AddPasses addPasses);
  /// The same with the passes that make `choices`, which have to come out.
  FailureOr<ExploredArchitecture> evaluate(const ArchitectureChoices &choices);

  ModuleOp model;
  const CostOptions &costOptions;
  Exploration result;
  ArchitectureChoices original;
  double originalBytes = 0;
  /// What was evaluated for the search: a layer and what was in its place.
  std::vector<std::vector<std::pair<LayerChoices, double>>> layerBytes;
};
} // namespace

/// Runs passes on `module`. What they say but errors is left out: an
/// architecture that others were chosen over is no news.
static LogicalResult rewrite(ModuleOp module, PassManager &manager) {
  ScopedDiagnosticHandler handler(module.getContext(), [](Diagnostic &diag) {
    return success(diag.getSeverity() != DiagnosticSeverity::Error);
  });
  return manager.run(module);
}

static std::string toText(OpPassManager &manager) {
  std::string text;
  llvm::raw_string_ostream os(text);
  manager.printAsTextualPipeline(os);
  return text;
}

FailureOr<ExploredArchitecture> Explorer::evaluate(AddPasses addPasses) {
  PassManager manager(model.getContext(), ModuleOp::getOperationName());
  bool weights = costOptions.ownerKnowsWeights.value_or(false);
  bool tokens = costOptions.ownerKnowsTokens.value_or(false);
  if (weights || tokens)
    manager.addPass(createPiKeepWithOwner({weights, tokens}));
  addPasses(manager);
  OwningOpRef<ModuleOp> module(model.clone());
  if (failed(rewrite(*module, manager)))
    return failure();
  FunctionOpInterface function = findReportedFunction(*module, "");
  if (!function)
    return failure();
  FailureOr<CostReport> report = estimateCost(function, costOptions);
  FailureOr<ArchitectureChoices> choices = ArchitectureChoices::read(function);
  if (failed(report) || failed(choices))
    return failure();
  ExploredArchitecture one;
  one.choices = std::move(*choices);
  one.kept = one.choices.countKept(original);
  one.total = report->getTotal();
  one.nonlinear = report->nonlinear;
  one.pipeline = toText(manager);
  return one;
}

FailureOr<ExploredArchitecture>
Explorer::evaluate(const ArchitectureChoices &choices) {
  FailureOr<ExploredArchitecture> one = evaluate(
      [&](OpPassManager &manager) { choices.addPasses(original, manager); });
  if (succeeded(one) && one->choices != choices)
    return model.emitError("the passes ")
           << one->pipeline << " did not make what they were asked to";
  return one;
}

LogicalResult Explorer::add(const ArchitectureChoices &choices) {
  for (const ExploredArchitecture &known : result.architectures)
    if (known.choices == choices)
      return success();
  FailureOr<ExploredArchitecture> one = evaluate(choices);
  if (failed(one))
    return failure();
  result.architectures.push_back(std::move(*one));
  return success();
}

LogicalResult Explorer::addNamed() {
  for (StringRef name : kNames) {
    PiArchitectureOptions options;
    options.name = name.str();
    // A name may ask for what the original lacks.
    std::string error;
    FailureOr<ExploredArchitecture> one = failure();
    {
      ScopedDiagnosticHandler handler(
          model.getContext(), [&](Diagnostic &diag) {
            if (diag.getSeverity() == DiagnosticSeverity::Error &&
                error.empty())
              error = diag.str();
          });
      one = evaluate([&](OpPassManager &manager) {
        manager.addPass(createPiArchitecture(options));
      });
    }
    if (failed(one)) {
      result.unreachable.push_back({name.str(), error});
      continue;
    }
    auto known = llvm::find_if(result.architectures,
                               [&](const ExploredArchitecture &other) {
                                 return other.choices == one->choices;
                               });
    if (known == result.architectures.end())
      known = result.architectures.insert(known, std::move(*one));
    known->name = name.str();
  }
  return success();
}

LogicalResult Explorer::addChanges() {
  using Change = void (*)(LayerChoices &);
  constexpr Change changes[] = {
      [](LayerChoices &layer) { layer.attentionNorm = false; },
      [](LayerChoices &layer) { layer.feedForwardNorm = false; },
      [](LayerChoices &layer) {
        layer.attentionNorm = layer.feedForwardNorm = false;
      },
      [](LayerChoices &layer) {
        if (layer.activation != Activation::Identity)
          layer.activation = Activation::Relu;
      },
      [](LayerChoices &layer) { layer.activation = Activation::Identity; },
      [](LayerChoices &layer) {
        layer.activation = Activation::Identity;
        layer.isFused = true;
      },
      [](LayerChoices &layer) { layer.isScaled = true; },
      [](LayerChoices &layer) { layer.hasTemperature = true; }};
  for (Change change : changes) {
    ArchitectureChoices all = original;
    llvm::for_each(all.layers, change);
    if (failed(add(all)))
      return failure();
    for (size_t i = 0; i < original.layers.size(); ++i) {
      ArchitectureChoices one = original;
      change(one.layers[i]);
      if (failed(add(one)))
        return failure();
    }
  }
  ArchitectureChoices withoutFinal = original;
  withoutFinal.finalNorm = false;
  return add(withoutFinal);
}

//===----------------------------------------------------------------------===//
// Greedy search
//===----------------------------------------------------------------------===//

/// What may come in place of a layer: one nonlinear operation fewer, or a
/// cheaper one, or two linears that nothing separates as one.
static SmallVector<LayerChoices> getNext(const LayerChoices &layer) {
  SmallVector<LayerChoices> next;
  auto with = [&](auto change) {
    LayerChoices changed = layer;
    change(changed);
    if (!(changed == layer))
      next.push_back(changed);
  };
  with([](LayerChoices &l) { l.attentionNorm = false; });
  with([](LayerChoices &l) { l.feedForwardNorm = false; });
  if (layer.activation != Activation::Identity)
    with([](LayerChoices &l) { l.activation = Activation::Relu; });
  with([](LayerChoices &l) { l.activation = Activation::Identity; });
  with([](LayerChoices &l) {
    l.activation = Activation::Identity;
    l.isFused = true;
  });
  return next;
}

FailureOr<double> Explorer::getBytesWith(size_t layer,
                                         const LayerChoices &choices) {
  for (const auto &[known, bytes] : layerBytes[layer])
    if (known == choices)
      return bytes;
  ArchitectureChoices changed = original;
  changed.layers[layer] = choices;
  FailureOr<double> bytes = getBytes(changed);
  if (succeeded(bytes))
    layerBytes[layer].push_back({choices, *bytes});
  return bytes;
}

FailureOr<double> Explorer::getBytes(const ArchitectureChoices &choices) {
  FailureOr<ExploredArchitecture> one = evaluate(choices);
  if (failed(one))
    return failure();
  return one->total.cost.bytes;
}

LogicalResult Explorer::addGreedy() {
  layerBytes.resize(original.layers.size());
  ArchitectureChoices withoutFinal = original;
  withoutFinal.finalNorm = false;
  FailureOr<double> bytesWithoutFinal = getBytes(withoutFinal);
  if (failed(bytesWithoutFinal))
    return failure();

  ArchitectureChoices current = original;
  while (true) {
    ArchitectureChoices best;
    double bestRatio = 0;
    auto consider = [&](const ArchitectureChoices &next, double saved) {
      double given = current.countKept(original) - next.countKept(original);
      if (saved <= kTolerance * originalBytes)
        return;
      double ratio =
          given > 0 ? saved / given : std::numeric_limits<double>::infinity();
      if (bestRatio == 0 || ratio > bestRatio * (1 + kTolerance)) {
        bestRatio = ratio;
        best = next;
      }
    };
    if (current.finalNorm) {
      ArchitectureChoices next = current;
      next.finalNorm = false;
      consider(next, originalBytes - *bytesWithoutFinal);
    }
    // A layer's part of the bytes does not depend on the other layers.
    for (size_t i = current.layers.size(); i-- > 0;) {
      FailureOr<double> now = getBytesWith(i, current.layers[i]);
      if (failed(now))
        return failure();
      for (const LayerChoices &choices : getNext(current.layers[i])) {
        FailureOr<double> then = getBytesWith(i, choices);
        if (failed(then))
          return failure();
        ArchitectureChoices next = current;
        next.layers[i] = choices;
        consider(next, *now - *then);
      }
    }
    if (bestRatio == 0)
      return success();
    current = best;
    if (failed(add(current)))
      return failure();
  }
}

//===----------------------------------------------------------------------===//
// Frontier
//===----------------------------------------------------------------------===//

void Explorer::sortOut() {
  std::vector<ExploredArchitecture> &all = result.architectures;
  auto getBytes = [](const ExploredArchitecture &one) {
    return std::round(one.total.cost.bytes);
  };
  llvm::stable_sort(all, [&](const auto &lhs, const auto &rhs) {
    return std::make_pair(-lhs.kept, getBytes(lhs)) <
           std::make_pair(-rhs.kept, getBytes(rhs));
  });
  // From the most that is kept to the least: the cheapest so far keeps as much.
  double cheapest = std::numeric_limits<double>::infinity();
  for (ExploredArchitecture &one : all) {
    one.isOnFrontier = getBytes(one) < cheapest;
    cheapest = std::min(cheapest, getBytes(one));
    one.excess = cheapest > 0 ? getBytes(one) / cheapest - 1 : 0;
  }
  llvm::stable_sort(all, [](const auto &lhs, const auto &rhs) {
    return lhs.isListed() > rhs.isListed();
  });
}

FailureOr<Exploration> Explorer::run() {
  FunctionOpInterface function = findReportedFunction(model, "");
  if (!function)
    return failure();
  FailureOr<ArchitectureChoices> choices = ArchitectureChoices::read(function);
  if (failed(choices))
    return failure();
  if (choices->layers.size() > kMaxLayers)
    return function.emitError("has ")
           << choices->layers.size() << " layers, but at most " << kMaxLayers
           << " are explored";
  original = *choices;
  result.numNonlinear = original.countKept(original);
  FailureOr<CostReport> report = estimateCost(function, costOptions);
  if (failed(report))
    return failure();
  result.original = std::move(*report);
  originalBytes = result.original.getTotal().cost.bytes;
  if (failed(add(original)) || failed(addNamed()) || failed(addChanges()) ||
      failed(addGreedy()))
    return failure();
  sortOut();
  return std::move(result);
}

FailureOr<Exploration> mlir::pi::explore(ModuleOp model,
                                         const CostOptions &cost) {
  return Explorer(model, cost).run();
}

OwningOpRef<ModuleOp>
mlir::pi::build(ModuleOp model, const ExploredArchitecture &architecture) {
  FailureOr<OpPassManager> parsed = parsePassPipeline(architecture.pipeline);
  PassManager manager(model.getContext(), ModuleOp::getOperationName());
  if (failed(parsed))
    return nullptr;
  static_cast<OpPassManager &>(manager) = *parsed;
  OwningOpRef<ModuleOp> module(model.clone());
  if (failed(rewrite(*module, manager)))
    return nullptr;
  return module;
}
