//===- EstimateCost.cpp - Estimates the cost of private inference ---------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Cost/CostReport.h"
#include "pi/Cost/Passes.h"

#include <cmath>

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
  /// The options of the estimate and of the report, or failure after an error
  /// message.
  FailureOr<CostOptions> readOptions(Format &reportFormat);
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
  llvm::ListSeparator separator;
  for (auto &[name, choice] : choices)
    if (!name.empty())
      error << StringRef(separator) << name;
  return error;
}

FailureOr<CostOptions> EstimateCost::readOptions(Format &reportFormat) {
  ModuleOp module = getOperation();
  llvm::Expected<CostOptions> options =
      CostOptions::parse(protocol, network, softmaxDivision);
  if (!options)
    return module.emitError(llvm::toString(options.takeError()));
  if (failed(choose<Format>(module, "format", format,
                            {{"table", Format::Table}, {"json", Format::Json}},
                            reportFormat)) ||
      failed(choose<std::optional<bool>>(
          module, "weights", weights,
          {{"", std::nullopt}, {"shared", false}, {"known", true}},
          options->ownerKnowsWeights)) ||
      failed(choose<std::optional<bool>>(
          module, "tokens", tokens,
          {{"", std::nullopt}, {"shared", false}, {"known", true}},
          options->ownerKnowsTokens)))
    return failure();
  if (!(computeScale >= 0) || !std::isfinite(computeScale))
    return module.emitError("compute-scale '")
           << computeScale << "' has to be a finite number, zero or more";
  options->network.computeScale = computeScale;
  return std::move(*options);
}

void EstimateCost::runOnOperation() {
  markAllAnalysesPreserved();
  Format reportFormat = Format::Table;
  FailureOr<CostOptions> options = readOptions(reportFormat);
  if (failed(options))
    return signalPassFailure();
  FunctionOpInterface target = findReportedFunction(getOperation(), function);
  if (!target)
    return signalPassFailure();
  FailureOr<CostReport> report = estimateCost(target, *options);
  if (failed(report))
    return signalPassFailure();
  numOperations += report->operations.size();
  auto print = [&](raw_ostream &os) {
    reportFormat == Format::Json ? report->printJson(os)
                                 : report->printTable(os);
  };
  if (failed(writeReport(target, output, print)))
    signalPassFailure();
}
