//===- StableHLOEmitter.cpp - Writes steps of a model ---------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Target/StableHLO/StableHLOEmitter.h"

#include "pi/Support/LocationName.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::pi;

#include "pi/Target/StableHLO/StableHLOExportInterface.cpp.inc"

std::string StableHLOEmitter::getUnique(StringRef name,
                                        llvm::StringMap<int64_t> &taken) {
  // What an MLIR identifier can hold. One that starts with a digit would be the
  // number of a value.
  std::string clean;
  for (char c : name)
    clean += llvm::isAlnum(c) || StringRef("$._-").contains(c) ? c : '_';
  if (clean.empty() || llvm::isDigit(clean.front()))
    clean.insert(0, "_");
  std::string unique = clean;
  while (!taken.try_emplace(unique, 0).second)
    unique = clean + "_" + std::to_string(++taken[clean]);
  return unique;
}

HloValue StableHLOEmitter::addInput(StringRef name, RankedTensorType type) {
  return {getUnique(name, valueNames), type};
}

HloValue StableHLOEmitter::addParameter(StringRef name, RankedTensorType type) {
  HloValue value = addInput(name, type);
  parameters[value.name] = true;
  return value;
}

HloValue StableHLOEmitter::step(StringRef part, ArrayRef<HloValue> operands,
                                BuildFn build) {
  return addStep(part, operands, /*elementType=*/nullptr, build);
}

void StableHLOEmitter::finish(Value result, StringRef part,
                              ArrayRef<HloValue> operands, BuildFn build) {
  bind(result,
       addStep(part, operands, getElementTypeOrSelf(result.getType()), build));
}

/// The widest of float types; null if there is none.
static FloatType getWidest(TypeRange types) {
  FloatType widest;
  for (Type type : types) {
    auto floatType = dyn_cast_if_present<FloatType>(type);
    if (floatType && (!widest || floatType.getWidth() > widest.getWidth()))
      widest = floatType;
  }
  return widest;
}

HloValue StableHLOEmitter::addStep(StringRef part, ArrayRef<HloValue> operands,
                                   Type elementType, BuildFn build) {
  bool isDerivation =
      deriving || (!operands.empty() &&
                   llvm::all_of(operands, [&](const HloValue &operand) {
                     return isParameter(operand);
                   }));
  HloStep step;
  step.location = getLocationName(operation);
  if (!part.empty())
    step.location += ("." + part).str();
  step.op = operation->getName().getStringRef().str();
  llvm::append_range(step.operands, operands);
  step.function = getUnique((isDerivation ? "initialize." : "") + step.location,
                            functionNames);

  HloBuilder builder(context);
  SmallVector<HloValue> arguments;
  SmallVector<std::string> declarations;
  SmallVector<Type> types = {elementType};
  for (const HloValue &operand : operands) {
    arguments.push_back(
        {"arg" + std::to_string(arguments.size()), operand.type});
    declarations.push_back("%" + arguments.back().name + ": " +
                           toString(operand.type));
    types.push_back(operand.type.getElementType());
  }
  if (FloatType widest = getWidest(types))
    for (HloValue &argument : arguments)
      if (isa<FloatType>(argument.type.getElementType()))
        argument = builder.convert(argument, widest);
  HloValue result = build(builder, arguments);
  if (elementType)
    result = builder.convert(result, elementType);
  builder.ret(result);
  functions += "  func.func private @" + step.function + "(" +
               llvm::join(declarations, ", ") + ") -> " +
               toString(result.type) + " {\n" + builder.getText().str() +
               "  }\n";

  step.result = isDerivation ? addParameter(step.location, result.type)
                             : addInput(step.location, result.type);
  (isDerivation ? derivations : steps).push_back(step);
  return step.result;
}
