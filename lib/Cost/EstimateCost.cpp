//===- EstimateCost.cpp - Estimates the cost of private inference ---------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CostReport.h"
#include "pi/Cost/Passes.h"
#include "pi/Support/LocationName.h"

namespace mlir::pi {
#define GEN_PASS_DEF_PIESTIMATECOST
#include "pi/Cost/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

namespace {
enum class Format { Table, Json };

struct EstimateCost : public pi::impl::PiEstimateCostBase<EstimateCost> {
  using PiEstimateCostBase::PiEstimateCostBase;

  void runOnOperation() final;

private:
  /// The protocol that the options ask for, and the options in `report`; null
  /// after an error message.
  std::unique_ptr<Protocol> readOptions(CostReport &report, Format &format);
  LogicalResult addOperations(FunctionOpInterface target,
                              const Protocol &protocol, CostReport &report);
  void addOperation(Operation *op, const Protocol &protocol,
                    CostReport &report);
};
} // namespace

/// Sets `result` to what stands beside `value` in `choices`.
template <typename T>
static LogicalResult
choose(Operation *op, StringRef option, StringRef value,
       std::initializer_list<std::pair<StringRef, T>> choices, T &result) {
  for (auto &[name, choice] : choices)
    if (name == value) {
      result = choice;
      return success();
    }
  InFlightDiagnostic error = op->emitError("unknown ")
                             << option << " '" << value << "'; known are ";
  llvm::interleave(
      choices, [&](auto &choice) { error << choice.first; },
      [&] { error << ", "; });
  return error;
}

std::unique_ptr<Protocol> EstimateCost::readOptions(CostReport &report,
                                                    Format &reportFormat) {
  ModuleOp module = getOperation();
  if (failed(choose<Format>(module, "format", format,
                            {{"table", Format::Table}, {"json", Format::Json}},
                            reportFormat)) ||
      failed(choose<bool>(module, "weights", weights,
                          {{"shared", false}, {"known", true}},
                          report.options.ownerKnowsWeights)) ||
      failed(choose<bool>(module, "tokens", tokens,
                          {{"shared", false}, {"known", true}},
                          report.options.ownerKnowsTokens)) ||
      failed(choose<std::optional<SoftmaxDivision>>(
          module, "softmax-division", softmaxDivision,
          {{"", std::nullopt},
           {"rows", SoftmaxDivision::Rows},
           {"elements", SoftmaxDivision::Elements}},
          report.options.softmaxDivision)))
    return nullptr;

  llvm::Expected<Network> parsed = Network::parse(network);
  if (!parsed) {
    module.emitError(llvm::toString(parsed.takeError()));
    return nullptr;
  }
  report.network = *parsed;

  const ProtocolRegistry &registry = ProtocolRegistry::get();
  std::unique_ptr<Protocol> model = registry.create(protocol, report.options);
  if (!model) {
    module.emitError("unknown protocol '")
        << protocol << "'; known are " << registry.getNames();
    return nullptr;
  }
  report.protocol = protocol;
  report.softmaxDivision = model->getSoftmaxDivision();
  report.calibrated = model->getCalibrated();
  return model;
}

static void add(CostReport &report, std::string location, StringRef op,
                const Cost &cost) {
  report.operations.push_back(
      {std::move(location), op.str(), cost, report.network.getSeconds(cost)});
}

void EstimateCost::addOperation(Operation *op, const Protocol &protocol,
                                CostReport &report) {
  SmallVector<CostItem> items;
  cast<PICostOpInterface>(op).appendCost(protocol, items);
  if (items.empty())
    return;
  ++numOperations;
  std::string location = getLocationName(op);
  for (const CostItem &item : items)
    add(report, item.name.empty() ? location : location + "." + item.name,
        op->getName().getStringRef(), item.cost);
}

LogicalResult EstimateCost::addOperations(FunctionOpInterface target,
                                          const Protocol &protocol,
                                          CostReport &report) {
  TransformerStructure structure(target);
  report.function = target.getName().str();
  report.nonlinear = countNonlinear(target, structure);
  if (Cost setup = protocol.sessionSetup(); setup.bytes > 0)
    add(report, "session", "setup", setup);

  bool hasUnknown = false;
  for (Operation &op : target.getFunctionBody().getOps()) {
    if (op.hasTrait<TrainingOnly>())
      continue;
    if (!isa<PICostOpInterface>(op)) {
      op.emitOpError("has no cost under private inference: it does not "
                     "implement PICostOpInterface");
      hasUnknown = true;
      continue;
    }
    addOperation(&op, protocol, report);
    auto counted = dyn_cast<FlopCountOpInterface>(op);
    if (!counted)
      continue;
    switch (structure.getPart(&op)) {
    case ModelPart::FeedForward:
      report.flops.ffn += counted.getFlopCount();
      break;
    case ModelPart::Attention:
      report.flops.attention += counted.getFlopCount();
      break;
    case ModelPart::Head:
      report.flops.head += counted.getFlopCount();
      break;
    case ModelPart::FinalLayerNorm:
    case ModelPart::Other:
      report.flops.other += counted.getFlopCount();
      break;
    }
  }
  return failure(hasUnknown);
}

void EstimateCost::runOnOperation() {
  markAllAnalysesPreserved();
  CostReport report;
  Format reportFormat = Format::Table;
  std::unique_ptr<Protocol> model = readOptions(report, reportFormat);
  if (!model)
    return signalPassFailure();
  FunctionOpInterface target = findReportedFunction(getOperation(), function);
  if (!target || failed(addOperations(target, *model, report)))
    return signalPassFailure();
  auto print = [&](raw_ostream &os) {
    reportFormat == Format::Json ? report.printJson(os) : report.printTable(os);
  };
  if (failed(writeReport(target, output, print)))
    signalPassFailure();
}
