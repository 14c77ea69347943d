//===- StableHLOEmitter.h - Writes steps of a model -------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TARGET_STABLEHLO_STABLEHLOEMITTER_H
#define PI_TARGET_STABLEHLO_STABLEHLOEMITTER_H

#include "pi/Target/StableHLO/HloBuilder.h"

#include "mlir/IR/Value.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::pi {

/// A call in @main of a function that holds a part of one operation, or the
/// same done by the owner of the weights when they load.
struct HloStep {
  HloValue result;
  /// The function it calls.
  std::string function;
  /// The name of the operation's location, with the name of the part.
  std::string location;
  /// The operation, as in `pi.linear`.
  std::string op;
  SmallVector<HloValue> operands;
};

/// What StableHLOExportInterface works with: values of @main, and the steps
/// that compute them.
class StableHLOEmitter {
public:
  explicit StableHLOEmitter(MLIRContext *context) : context(context) {
    functionNames["main"] = 0;
  }

  /// The value in @main of a value of the exported function.
  HloValue lookup(Value value) const { return values.lookup(value); }
  SmallVector<HloValue> lookup(ValueRange range) const {
    return llvm::map_to_vector(range, [&](Value v) { return lookup(v); });
  }
  void bind(Value value, const HloValue &hlo) { values[value] = hlo; }

  using BuildFn =
      function_ref<HloValue(HloBuilder &, ArrayRef<HloValue> arguments)>;

  /// Adds a step: a function with arguments of the types of `operands`, whose
  /// body `build` writes, and its call. `part` is what the cost report calls
  /// this part of the operation; empty if the step is all of it. A step that
  /// reads parameters alone becomes a derivation.
  ///
  /// StableHLO has no operation on floats of two types. The body is given its
  /// arguments in the widest of theirs, in which it computes.
  HloValue step(StringRef part, ArrayRef<HloValue> operands, BuildFn build);
  /// Adds the step that computes the value `result` of the exported function,
  /// and binds it. What it computes in is no shorter than the result's type, to
  /// which it rounds.
  void finish(Value result, StringRef part, ArrayRef<HloValue> operands,
              BuildFn build);

  /// An argument of @main that is named after `name`.
  HloValue addInput(StringRef name, RankedTensorType type);
  HloValue addParameter(StringRef name, RankedTensorType type);

  /// The operation that is exported now.
  void setOperation(Operation *op) { operation = op; }
  /// Inside, every step is a derivation, even one that reads nothing.
  void setDeriving(bool value) { deriving = value; }

  ArrayRef<HloStep> getSteps() const { return steps; }
  ArrayRef<HloStep> getDerivations() const { return derivations; }
  /// The text of the functions of all steps.
  StringRef getFunctions() const { return functions; }
  /// Whether a value is known to the owner of the weights.
  bool isParameter(const HloValue &value) const {
    return parameters.contains(value.name);
  }

private:
  /// A step whose result has `elementType`, or the type it computes in if null.
  HloValue addStep(StringRef part, ArrayRef<HloValue> operands,
                   Type elementType, BuildFn build);
  /// A name of an SSA value or a function like `name`, not given before.
  std::string getUnique(StringRef name, llvm::StringMap<int64_t> &taken);

  MLIRContext *context;
  Operation *operation = nullptr;
  bool deriving = false;
  DenseMap<Value, HloValue> values;
  llvm::StringMap<int64_t> valueNames, functionNames;
  llvm::StringMap<bool> parameters;
  SmallVector<HloStep> steps, derivations;
  std::string functions;
};

} // namespace mlir::pi

#include "pi/Target/StableHLO/StableHLOExportInterface.h.inc"

#endif // PI_TARGET_STABLEHLO_STABLEHLOEMITTER_H
