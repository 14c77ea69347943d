//===- PrintExploration.cpp - A listing for people, and as JSON -----------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Explore/Exploration.h"
#include "pi/Support/TextTable.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace mlir::pi;

static bool fits(const ExploredArchitecture &one,
                 const ListingOptions &options) {
  return !options.budget || one.total.cost.bytes <= options.budget->bytes;
}

//===----------------------------------------------------------------------===//
// Table
//===----------------------------------------------------------------------===//

/// The rows of a table, as positions in `all`: those with a name, and as many
/// of the frontier as are asked for.
static SmallVector<size_t> chooseRows(ArrayRef<ExploredArchitecture> all,
                                      const ListingOptions &options) {
  SmallVector<size_t> frontier, chosen;
  for (auto [index, one] : llvm::enumerate(all))
    if (one.isOnFrontier)
      frontier.push_back(index);
  size_t count = std::min(options.top, frontier.size());
  if (!options.budget) {
    for (size_t i = 0; i < count; ++i)
      chosen.push_back(
          frontier[count == 1 ? 0 : i * (frontier.size() - 1) / (count - 1)]);
  } else {
    // What fits is at the end, since bytes fall with what is kept.
    size_t first =
        llvm::find_if(frontier,
                      [&](size_t index) { return fits(all[index], options); }) -
        frontier.begin();
    first = std::min(first, frontier.size() - count);
    chosen.append(frontier.begin() + first, frontier.begin() + first + count);
  }
  for (auto [index, one] : llvm::enumerate(all))
    if (!one.name.empty() && !llvm::is_contained(chosen, index))
      chosen.push_back(index);
  llvm::sort(chosen);
  return chosen;
}

/// `SM 144, LN 25, G 12`.
static std::string formatCounts(ArrayRef<NonlinearCount> counts) {
  llvm::MapVector<StringRef, int64_t> kinds;
  for (const NonlinearCount &count : counts)
    kinds[count.kind] += count.count;
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::ListSeparator separator;
  for (auto [kind, count] : kinds)
    os << separator << kind << ' ' << count;
  return text;
}

static std::string formatExcess(const ExploredArchitecture &one) {
  if (one.isOnFrontier)
    return "*";
  return llvm::formatv("+{0:f1}%", 100 * one.excess);
}

static void printNotes(const Exploration &exploration,
                       const ListingOptions &options, raw_ostream &os) {
  const std::vector<ExploredArchitecture> &all = exploration.architectures;
  os << "\nkept: nonlinear operations of the original that are still there, of "
     << llvm::formatv("{0:f0}", exploration.numNonlinear)
     << "; an activation that\n      became another one counts 1/2\n"
        "over: bytes above the cheapest architecture found that keeps as much "
        "(*: it is that one)\n";
  auto isOnFrontier = [](const auto &one) { return one.isOnFrontier; };
  size_t onFrontier = llvm::count_if(all, isOnFrontier);
  os << all.size() << " architectures evaluated, " << onFrontier
     << " on the frontier";
  if (options.budget) {
    size_t fitting = llvm::count_if(all, [&](const auto &one) {
      return one.isOnFrontier && fits(one, options);
    });
    os << "; " << fitting << " of these fit the budget";
    if (fitting == 0) {
      const ExploredArchitecture &least =
          *llvm::min_element(all, [](const auto &lhs, const auto &rhs) {
            return lhs.total.cost.bytes < rhs.total.cost.bytes;
          });
      os << "\nnothing fits: the cheapest, row " << &least - all.data() + 1
         << ", sends " << formatBytes(least.total.cost.bytes)
         << ". A smaller --seq-len"
         << (exploration.original.options.ownerKnowsWeights
                 ? ""
                 : ", --weights=known")
         << (exploration.original.options.ownerKnowsTokens ? ""
                                                           : ", --tokens=known")
         << " or another\n--protocol sends less; so may pi-private-optimize "
            "on what --emit writes";
    }
  }
  os << '\n';
  for (const auto &[name, reason] : exploration.unreachable)
    os << "no " << name << ": " << reason << '\n';
  os << "SM+WNorm(P) and SM+SNorm(P) cost what SM costs: weights are "
        "normalised by their owner.\n"
        "Cost is known here, quality is not: every row but the original has to "
        "be trained.\n";
  if (!exploration.original.calibrated.empty())
    os << "calibrated: " << llvm::join(exploration.original.calibrated, ", ")
       << '\n';
}

void mlir::pi::printTable(const Exploration &exploration,
                          const ListingOptions &options, raw_ostream &os) {
  const CostReport &original = exploration.original;
  os << "Architectures of " << options.model
     << " for private inference, T = " << options.sequenceLength
     << ": protocol " << original.protocol << ", network "
     << original.network.name
     << llvm::formatv(" ({0} Mbps, {1} ms)", original.network.bandwidth / 1e6,
                      original.network.roundTrip * 1e3);
  if (options.budget)
    os << ", budget " << formatBytes(options.budget->bytes);
  os << "\n\n";

  const std::vector<ExploredArchitecture> &all = exploration.architectures;
  // Text on the left, then numbers.
  TextTable table(/*leftColumns=*/7);
  std::vector<std::string> header = {
      "row",  "name", "LayerNorm", "activation", "FFN",  "t",   "nonlinear",
      "kept", "sent", "over",      "rounds",     "time", "fits"};
  if (!options.budget)
    header.pop_back();
  table.addRow(header);
  table.addRule();
  for (size_t index : chooseRows(all, options)) {
    const ExploredArchitecture &one = all[index];
    std::vector<std::string> row = {
        std::to_string(index + 1),
        one.name,
        one.choices.describeNorms(),
        one.choices.describeActivations(),
        one.choices.describeFeedForward(),
        one.choices.describeTemperature(),
        formatCounts(one.nonlinear),
        llvm::formatv("{0:f1}", one.kept),
        formatBytes(one.total.cost.bytes),
        formatExcess(one),
        llvm::formatv("{0:f0}", one.total.cost.rounds),
        llvm::formatv("{0:f1} s", one.total.seconds),
        fits(one, options) ? "yes" : "no"};
    row.resize(header.size());
    table.addRow(std::move(row));
  }
  table.print(os);
  printNotes(exploration, options, os);
}

//===----------------------------------------------------------------------===//
// JSON
//===----------------------------------------------------------------------===//

static void printArchitecture(llvm::json::OStream &json, size_t row,
                              const ExploredArchitecture &one,
                              const ListingOptions &options) {
  json.attribute("row", row);
  json.attribute("name", one.name.empty() ? llvm::json::Value(nullptr)
                                          : llvm::json::Value(one.name));
  json.attribute("on_frontier", one.isOnFrontier);
  json.attribute("fits", fits(one, options));
  json.attribute("kept", one.kept);
  printCost(json, one.total);
  json.attribute("excess", one.excess);
  json.attribute("pipeline", one.pipeline);
  json.attribute("final_layer_norm", one.choices.finalNorm);
  json.attributeArray("layers", [&] {
    for (const LayerChoices &layer : one.choices.layers)
      json.object([&] {
        json.attribute("attention_layer_norm", layer.attentionNorm);
        json.attribute("ffn_layer_norm", layer.feedForwardNorm);
        json.attribute("activation", stringifyActivation(layer.activation));
        json.attribute("fused", layer.isFused);
        json.attribute("scaled", layer.isScaled);
        json.attribute("temperature", layer.hasTemperature);
      });
  });
  printNonlinear(json, one.nonlinear);
}

void mlir::pi::printJson(const Exploration &exploration,
                         const ListingOptions &options, raw_ostream &os) {
  const CostReport &original = exploration.original;
  llvm::json::OStream json(os, /*IndentSize=*/2);
  json.object([&] {
    json.attribute("schema_version", 1);
    json.attribute("model", llvm::json::fixUTF8(options.model));
    json.attribute("sequence_length", options.sequenceLength);
    json.attribute("protocol", original.protocol);
    json.attribute("network", original.network.name);
    json.attributeObject("network_parameters", [&] {
      json.attribute("bandwidth_bits_per_second", original.network.bandwidth);
      json.attribute("rtt_seconds", original.network.roundTrip);
    });
    json.attributeObject("options", [&] {
      json.attribute("weights",
                     original.options.ownerKnowsWeights ? "known" : "shared");
      json.attribute("tokens",
                     original.options.ownerKnowsTokens ? "known" : "shared");
    });
    json.attribute("budget_bytes",
                   options.budget
                       ? llvm::json::Value(toCount(options.budget->bytes))
                       : llvm::json::Value(nullptr));
    json.attribute("num_nonlinear", exploration.numNonlinear);
    json.attributeArray("architectures", [&] {
      for (auto [index, one] : llvm::enumerate(exploration.architectures))
        json.object([&, row = index + 1, &one = one] {
          printArchitecture(json, row, one, options);
        });
    });
    json.attributeArray("unreachable", [&] {
      for (const auto &[name, reason] : exploration.unreachable)
        json.object([&, &name = name, &reason = reason] {
          json.attribute("name", name);
          json.attribute("reason", reason);
        });
    });
    json.attributeArray("calibrated", [&] {
      for (StringRef name : original.calibrated)
        json.value(name);
    });
  });
  os << '\n';
}
