//===- CostReport.cpp - What a function costs -----------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Cost/CostReport.h"
#include "pi/Analysis/TransformerStructure.h"
#include "pi/Dialect/Pi/IR/Pi.h"
#include "pi/Support/LocationName.h"
#include "pi/Transforms/Utils/Parameters.h"

#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;
using namespace mlir::pi;

FunctionOpInterface mlir::pi::findReportedFunction(ModuleOp module,
                                                   StringRef name) {
  SmallVector<FunctionOpInterface> candidates;
  for (auto function : module.getOps<FunctionOpInterface>())
    if (!function.isExternal() && (!name.empty() || function.isPublic()))
      candidates.push_back(function);
  StringRef wanted = name.empty() ? StringRef("forward") : name;
  for (FunctionOpInterface function : candidates)
    if (function.getName() == wanted)
      return function;
  if (name.empty() && candidates.size() == 1)
    return candidates.front();

  InFlightDiagnostic error = module.emitError();
  if (name.empty())
    error << "has no function 'forward' and "
          << (candidates.empty() ? "no" : "more than one")
          << " other public function to report on; say which by 'function='";
  else
    error << "has no function '" << name << "' with a body";
  return nullptr;
}

/// The operations that depend on parameters and constants alone: whoever has
/// the weights computes them in the clear before the run.
static SmallPtrSet<Operation *, 16>
findOperationsOnWeights(FunctionOpInterface function) {
  SmallPtrSet<Operation *, 16> found;
  for (Operation &op : function.getFunctionBody().getOps()) {
    auto load = dyn_cast<LoadOp>(op);
    bool isLocal = load ? bool(lookupParameter(load))
                        : op.getNumRegions() == 0 && isMemoryEffectFree(&op);
    if (isLocal && llvm::all_of(op.getOperands(), [&](Value operand) {
          return found.contains(operand.getDefiningOp());
        }))
      found.insert(&op);
  }
  return found;
}

SmallVector<NonlinearCount>
mlir::pi::countNonlinear(FunctionOpInterface function,
                         const TransformerStructure &structure) {
  SmallPtrSet<Operation *, 16> onWeights = findOperationsOnWeights(function);
  SmallVector<NonlinearCount> counts;
  function.walk([&](NonlinearOpInterface op) {
    if (op->hasTrait<TrainingOnly>() || onWeights.contains(op))
      return;
    bool isFinal = structure.getPart(op) == ModelPart::FinalLayerNorm;
    NonlinearCount one{op.getNonlinearKind().str(), op.getNonlinearInstances(),
                       op.getNonlinearShape(), isFinal ? "final" : "layers"};
    auto same = llvm::find_if(counts, [&](const NonlinearCount &other) {
      return other.kind == one.kind && other.shape == one.shape &&
             other.site == one.site;
    });
    if (same == counts.end())
      counts.push_back(one);
    else
      same->count += one.count;
  });
  // Most frequent first, as the literature lists them.
  llvm::stable_sort(counts, [](const auto &lhs, const auto &rhs) {
    return lhs.count > rhs.count;
  });
  return counts;
}

OperationCost CostReport::getTotal() const {
  OperationCost total;
  for (const OperationCost &operation : operations) {
    total.cost += operation.cost;
    total.seconds += operation.seconds;
  }
  return total;
}

//===----------------------------------------------------------------------===//
// Estimation
//===----------------------------------------------------------------------===//

llvm::Expected<CostOptions>
CostOptions::parse(StringRef protocol, StringRef network, StringRef division) {
  const ProtocolRegistry &registry = ProtocolRegistry::get();
  if (!registry.create(protocol, ProtocolOptions()))
    return llvm::createStringError("unknown protocol '" + protocol +
                                   "'; known are " + registry.getNames());
  llvm::Expected<Network> parsed = Network::parse(network);
  if (!parsed)
    return parsed.takeError();
  CostOptions options;
  options.protocol = protocol.str();
  options.network = *parsed;
  if (division == "rows")
    options.softmaxDivision = SoftmaxDivision::Rows;
  else if (division == "elements")
    options.softmaxDivision = SoftmaxDivision::Elements;
  else
    return llvm::createStringError("unknown softmax-division '" + division +
                                   "'; known are rows, elements");
  return options;
}

static void add(CostReport &report, std::string location, StringRef op,
                const Cost &cost) {
  report.operations.push_back({std::move(location), op.str(), cost});
}

static void addOperation(Operation *op, const Protocol &protocol,
                         CostReport &report) {
  SmallVector<CostItem> items;
  cast<PICostOpInterface>(op).appendCost(protocol, items);
  std::string location = getLocationName(op);
  for (const CostItem &item : items)
    add(report, item.name.empty() ? location : location + "." + item.name,
        op->getName().getStringRef(), item.cost);
}

static uint64_t &getCounter(FlopCounts &flops, ModelPart part) {
  switch (part) {
  case ModelPart::FeedForward:
    return flops.ffn;
  case ModelPart::Attention:
    return flops.attention;
  case ModelPart::Head:
    return flops.head;
  case ModelPart::FinalLayerNorm:
  case ModelPart::Other:
    return flops.other;
  }
  llvm_unreachable("unknown part");
}

FailureOr<CostReport> mlir::pi::estimateCost(FunctionOpInterface function,
                                             const CostOptions &options) {
  CostReport report;
  report.function = function.getName().str();
  report.protocol = options.protocol;
  report.network = options.network;
  report.options.ownerKnowsWeights =
      options.ownerKnowsWeights.value_or(function->hasAttr(kKnownWeightsAttr));
  report.options.ownerKnowsTokens =
      options.ownerKnowsTokens.value_or(function->hasAttr(kKnownTokensAttr));
  report.options.softmaxDivision = options.softmaxDivision;

  std::unique_ptr<Protocol> protocol =
      ProtocolRegistry::get().create(options.protocol, report.options);
  if (!protocol)
    return function.emitError("unknown protocol '") << options.protocol << "'";
  report.calibrated = protocol->getCalibrated();

  TransformerStructure structure(function);
  report.nonlinear = countNonlinear(function, structure);
  if (Cost setup = protocol->sessionSetup(); setup.bytes > 0)
    add(report, "session", "setup", setup);

  bool hasUnknown = false;
  SmallPtrSet<Operation *, 16> onWeights = findOperationsOnWeights(function);
  for (Operation &op : function.getFunctionBody().getOps()) {
    if (op.hasTrait<TrainingOnly>() || onWeights.contains(&op))
      continue;
    if (!isa<PICostOpInterface>(op)) {
      op.emitOpError("has no cost under private inference: it does not "
                     "implement PICostOpInterface");
      hasUnknown = true;
      continue;
    }
    addOperation(&op, *protocol, report);
    if (auto counted = dyn_cast<FlopCountOpInterface>(op))
      getCounter(report.flops, structure.getPart(&op)) +=
          counted.getFlopCount();
  }
  if (hasUnknown)
    return failure();
  protocol->settle(llvm::map_to_vector(
      report.operations, [](OperationCost &one) { return &one.cost; }));
  for (OperationCost &operation : report.operations)
    operation.seconds = report.network.getSeconds(operation.cost);
  return report;
}
