//===- PrintCostReport.cpp - A report as a table and as JSON --------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Cost/CostReport.h"
#include "pi/Support/OutputFile.h"
#include "pi/Support/TextTable.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::pi;

std::string mlir::pi::formatNonlinear(ArrayRef<NonlinearCount> counts,
                                      StringRef site) {
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::ListSeparator separator;
  for (const NonlinearCount &count : counts) {
    if (count.site != site)
      continue;
    os << separator << count.kind << ' ' << count.count << "xR^{";
    llvm::interleave(count.shape, os, "x");
    os << '}';
  }
  return text;
}

LogicalResult
mlir::pi::writeReport(Operation *op, StringRef path,
                      llvm::function_ref<void(raw_ostream &)> print) {
  llvm::Error error = writeOutputFile(path, print);
  if (!error)
    return success();
  return op->emitError("cannot write the report: ")
         << path << ": " << llvm::toString(std::move(error));
}

//===----------------------------------------------------------------------===//
// Table
//===----------------------------------------------------------------------===//

/// The location with every layer's number replaced: `h.*.attn.softmax`.
static std::string getGroup(StringRef location) {
  SmallVector<StringRef> parts;
  location.split(parts, '.');
  for (StringRef &part : parts)
    if (!part.empty() && llvm::all_of(part, llvm::isDigit))
      part = "*";
  return llvm::join(parts, ".");
}

static std::vector<std::string> getRow(std::string name, std::string count,
                                       const OperationCost &cost,
                                       const OperationCost &total) {
  double share =
      total.cost.bytes > 0 ? 100 * cost.cost.bytes / total.cost.bytes : 0;
  return {std::move(name),
          std::move(count),
          formatBytes(cost.cost.bytes),
          llvm::formatv("{0:f1}%", share),
          llvm::formatv("{0:f0}", cost.cost.rounds),
          llvm::formatv("{0:f2} s", cost.seconds)};
}

void CostReport::printTable(raw_ostream &os) const {
  OperationCost total = getTotal();
  // In order of first appearance.
  std::vector<std::pair<unsigned, OperationCost>> groups;
  llvm::StringMap<size_t> indices;
  for (const OperationCost &operation : operations) {
    std::string name = getGroup(operation.location);
    auto [index, isNew] = indices.try_emplace(name, groups.size());
    if (isNew)
      groups.push_back({0, {name, "", {}, 0}});
    auto &[count, sum] = groups[index->second];
    ++count;
    sum.cost += operation.cost;
    sum.seconds += operation.seconds;
  }

  os << "Private inference of @" << function << ": protocol " << protocol
     << ", network " << network.name
     << llvm::formatv(" ({0} Mbps, {1} ms)", network.bandwidth / 1e6,
                      network.roundTrip * 1e3)
     << "\n\n";
  TextTable table;
  table.addRow({"location", "count", "sent", "share", "rounds", "time"});
  table.addRule();
  for (const auto &[count, sum] : groups)
    table.addRow(getRow(sum.location, std::to_string(count), sum, total));
  table.addRule();
  table.addRow(getRow("total", "", total, total));
  table.print(os);

  os << "\nnonlinear: " << formatNonlinear(nonlinear, "layers") << '\n';
  std::string final = formatNonlinear(nonlinear, "final");
  if (!final.empty())
    os << "before the head: " << final << '\n';
  auto billions = [](uint64_t flops) {
    return llvm::formatv("{0:f1}B", flops / 1e9).str();
  };
  os << "FLOPs: FFN " << billions(flops.ffn) << ", attention "
     << billions(flops.attention) << ", head " << billions(flops.head) << '\n';
  if (!calibrated.empty())
    os << "calibrated: " << llvm::join(calibrated, ", ") << '\n';
}

//===----------------------------------------------------------------------===//
// JSON
//===----------------------------------------------------------------------===//

int64_t mlir::pi::toCount(double value) {
  return value < 9e18 ? std::llround(value)
                      : std::numeric_limits<int64_t>::max();
}

void mlir::pi::printNonlinear(llvm::json::OStream &json,
                              ArrayRef<NonlinearCount> counts) {
  json.attributeArray("nonlinear", [&] {
    for (const NonlinearCount &count : counts)
      json.object([&] {
        json.attribute("kind", count.kind);
        json.attribute("count", count.count);
        json.attributeArray("shape", [&] {
          for (int64_t size : count.shape)
            json.value(size);
        });
        json.attribute("site", count.site);
      });
  });
}

void mlir::pi::printCost(llvm::json::OStream &json, const OperationCost &cost) {
  json.attribute("bytes", toCount(cost.cost.bytes));
  json.attribute("rounds", toCount(cost.cost.rounds));
  json.attribute("seconds", cost.seconds);
}

void CostReport::printJson(raw_ostream &os) const {
  llvm::json::OStream json(os, /*IndentSize=*/2);
  json.object([&] {
    json.attribute("schema_version", 1);
    json.attribute("function", llvm::json::fixUTF8(function));
    json.attribute("protocol", protocol);
    json.attribute("network", network.name);
    json.attributeObject("options", [&] {
      json.attribute("weights", options.ownerKnowsWeights ? "known" : "shared");
      json.attribute("tokens", options.ownerKnowsTokens ? "known" : "shared");
      json.attribute("softmax_division",
                     options.softmaxDivision == SoftmaxDivision::Rows
                         ? "rows"
                         : "elements");
    });
    json.attributeObject("network_parameters", [&] {
      json.attribute("bandwidth_bits_per_second", network.bandwidth);
      json.attribute("rtt_seconds", network.roundTrip);
    });
    json.attributeObject("totals", [&] {
      printCost(json, getTotal());
      json.attributeObject("flops", [&] {
        json.attribute("ffn", flops.ffn);
        json.attribute("attention", flops.attention);
        json.attribute("head", flops.head);
        json.attribute("other", flops.other);
      });
    });
    printNonlinear(json, nonlinear);
    json.attributeArray("operations", [&] {
      for (const OperationCost &operation : operations)
        json.object([&] {
          json.attribute("location", operation.location);
          json.attribute("op", operation.op);
          printCost(json, operation);
        });
    });
    json.attributeArray("calibrated", [&] {
      for (StringRef name : calibrated)
        json.value(name);
    });
  });
  os << '\n';
}
