//===- CostReport.h - The report on private inference -----------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_COST_COSTREPORT_H
#define PI_COST_COSTREPORT_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "pi/Cost/Network.h"
#include "pi/Cost/Protocol.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"

namespace mlir::pi {

class TransformerStructure;

/// Units on a function that say that weights stay in the clear with the server,
/// and tokens with the client, instead of being secret-shared.
constexpr StringLiteral kKnownWeightsAttr = "pi.known_weights";
constexpr StringLiteral kKnownTokensAttr = "pi.known_tokens";

/// What a cost is estimated for.
struct CostOptions {
  /// A protocol of the registry.
  std::string protocol;
  Network network;
  /// Whether weights and tokens stay with their owner; as the function says if
  /// not set.
  std::optional<bool> ownerKnowsWeights, ownerKnowsTokens;
  SoftmaxDivision softmaxDivision = SoftmaxDivision::Rows;

  /// Options of a protocol by its name, a network by its description, and a
  /// division of softmax (rows, elements), or an error that says
  /// what is known.
  static llvm::Expected<CostOptions>
  parse(StringRef protocol, StringRef network, StringRef division = "rows");
};

/// Nonlinear functions of one kind and shape at one site.
struct NonlinearCount {
  std::string kind;
  int64_t count = 0;
  SmallVector<int64_t> shape;
  /// `layers`, or `final` for the LayerNorm before the head.
  StringRef site;
};

/// What one part of an operation costs.
struct OperationCost {
  std::string location;
  std::string op;
  Cost cost;
  /// All of its time on the network of the report.
  double seconds = 0;
};

/// Floating-point operations of products of matrices, by part of the model.
struct FlopCounts {
  uint64_t ffn = 0, attention = 0, head = 0, other = 0;
};

struct CostReport {
  std::string function;
  std::string protocol;
  Network network;
  ProtocolOptions options;
  SmallVector<StringRef> calibrated;

  std::vector<OperationCost> operations;
  SmallVector<NonlinearCount> nonlinear;
  FlopCounts flops;

  OperationCost getTotal() const;
  void printTable(raw_ostream &os) const;
  void printJson(raw_ostream &os) const;
};

/// The function of `module` called `name`; without a name `forward`, or the
/// only function with a body. Null after an error message.
FunctionOpInterface findReportedFunction(ModuleOp module, StringRef name);

/// What one execution of `function` costs. Fails after an error message for
/// each operation that has no cost.
FailureOr<CostReport> estimateCost(FunctionOpInterface function,
                                   const CostOptions &options);

/// Counts of all nonlinear operations of `function`, the most frequent first.
SmallVector<NonlinearCount>
countNonlinear(FunctionOpInterface function,
               const TransformerStructure &structure);

/// A count as JSON: a whole number, which saturates.
int64_t toCount(double value);

/// Writes a cost as the members `bytes`, `rounds` and `seconds` of an object.
void printCost(llvm::json::OStream &json, const OperationCost &cost);

/// Writes counts as the member `nonlinear` of an object.
void printNonlinear(llvm::json::OStream &json, ArrayRef<NonlinearCount> counts);

/// `SM 144xR^{128x128}, LN 24xR^{128x768}`, for the counts at `site`.
std::string formatNonlinear(ArrayRef<NonlinearCount> counts, StringRef site);

/// Writes a file that appears when it is complete; `-` is the standard output.
LogicalResult writeReport(Operation *op, StringRef path,
                          llvm::function_ref<void(raw_ostream &)> print);

} // namespace mlir::pi

#endif // PI_COST_COSTREPORT_H
