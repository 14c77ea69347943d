//===- ExportStableHLO.cpp - A model as StableHLO text --------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Target/StableHLO/ExportStableHLO.h"

#include "ExportModel.h"
#include "pi/Cost/CostReport.h"
#include "pi/Dialect/Pi/IR/Pi.h"
#include "pi/Target/StableHLO/StableHLOEmitter.h"
#include "pi/Transforms/Execution/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace mlir::pi;
using llvm::json::Array;
using llvm::json::Object;

namespace {
struct Argument {
  HloValue value;
  std::string name;
  StringRef kind;
  /// Whether it stays in the clear with its owner.
  bool isKnown = false;
};

/// A parameter of the model.
struct Parameter {
  HloValue value;
  /// Where its value is computed if the checkpoint lacks it.
  HloValue derived;
};

class Exporter {
public:
  explicit Exporter(ModuleOp module)
      : module(module), emitter(module.getContext()) {}
  FailureOr<StableHLOModule> run();

private:
  LogicalResult exportInitializer(func::FuncOp function, StringAttr parameter);
  LogicalResult exportForward(func::FuncOp function);
  LogicalResult exportOperations(func::FuncOp function);
  HloValue getParameter(StringAttr name, RankedTensorType type);
  void collectArguments();
  std::string printMain();
  llvm::json::Value describe();

  ModuleOp module;
  StableHLOEmitter emitter;
  /// Parameters of the model by name; derivations among steps are not here.
  llvm::MapVector<StringAttr, Parameter> parameters;
  SmallVector<Argument> arguments;
  SmallVector<HloValue> results;
  SmallVector<std::string> resultNames;
  bool areWeightsKnown = false;
};
} // namespace

HloValue Exporter::getParameter(StringAttr name, RankedTensorType type) {
  auto [it, isNew] = parameters.try_emplace(name);
  if (isNew)
    it->second.value = emitter.addParameter(name.getValue(), type);
  return it->second.value;
}

/// Whether a function has one block and works on tensors of static shape.
static LogicalResult checkFunction(func::FuncOp function) {
  if (function.isExternal())
    return function.emitOpError("has no body to export");
  if (!llvm::hasSingleElement(function.getFunctionBody()))
    return function.emitOpError("has control flow, which is not exported");
  auto check = [](Operation *op, TypeRange types) -> LogicalResult {
    for (Type type : types) {
      auto tensor = dyn_cast<RankedTensorType>(type);
      if (!tensor || !tensor.hasStaticShape())
        return op->emitError("a value of type ")
               << type << " has no StableHLO form: it has to be a tensor of "
               << "static shape";
    }
    return success();
  };
  if (failed(check(function, function.getArgumentTypes())))
    return failure();
  for (Operation &op : function.getOps())
    if (failed(check(&op, op.getResultTypes())))
      return failure();
  return success();
}

/// The parameter that a function derives; null if it derives none.
static StringAttr getDerivedParameter(func::FuncOp function) {
  if (function.getNumResults() != 1)
    return nullptr;
  auto parameter =
      function.getResultAttrOfType<FlatSymbolRefAttr>(0, kParameterAttr);
  StringRef name = function.getName();
  return parameter && name.consume_front(kInitializePrefix) &&
                 name == parameter.getValue()
             ? parameter.getAttr()
             : nullptr;
}

LogicalResult Exporter::exportOperations(func::FuncOp function) {
  for (Operation &op :
       function.getFunctionBody().front().without_terminator()) {
    auto exported = dyn_cast<StableHLOExportInterface>(op);
    if (!exported)
      return op.emitError("operation '")
             << op.getName() << "' has no StableHLO form: it does not "
             << "implement StableHLOExportInterface";
    emitter.setOperation(&op);
    if (failed(exported.exportStableHLO(emitter)))
      return failure();
  }
  return success();
}

LogicalResult Exporter::exportInitializer(func::FuncOp function,
                                          StringAttr parameter) {
  if (failed(checkFunction(function)))
    return failure();
  for (BlockArgument argument : function.getArguments()) {
    unsigned index = argument.getArgNumber();
    auto source =
        function.getArgAttrOfType<FlatSymbolRefAttr>(index, kParameterAttr);
    if (!source)
      return function.emitError("argument ")
             << index << " has no attribute " << kParameterAttr;
    emitter.bind(argument,
                 getParameter(source.getAttr(),
                              cast<RankedTensorType>(argument.getType())));
  }
  emitter.setDeriving(true);
  if (failed(exportOperations(function)))
    return failure();
  emitter.setDeriving(false);
  Operation *terminator = function.getFunctionBody().front().getTerminator();
  HloValue value = emitter.lookup(terminator->getOperand(0));
  getParameter(parameter, value.type);
  parameters[parameter].derived = value;
  return success();
}

LogicalResult Exporter::exportForward(func::FuncOp function) {
  if (failed(checkFunction(function)))
    return failure();
  areWeightsKnown = function->hasAttr(kKnownWeightsAttr);
  for (BlockArgument argument : function.getArguments()) {
    unsigned index = argument.getArgNumber();
    auto type = cast<RankedTensorType>(argument.getType());
    if (auto parameter = function.getArgAttrOfType<FlatSymbolRefAttr>(
            index, kParameterAttr)) {
      emitter.bind(argument, getParameter(parameter.getAttr(), type));
      continue;
    }
    auto given = function.getArgAttrOfType<StringAttr>(index, kNameAttr);
    std::string name =
        given ? given.str() : "input" + std::to_string(arguments.size());
    // Positions are public wherever the dialect has them.
    bool isPosition = type.getRank() == 0 && type.getElementType().isInteger();
    arguments.push_back({emitter.addInput(name, type), name,
                         isPosition ? "position" : "input",
                         function->hasAttr(kKnownTokensAttr)});
    emitter.bind(argument, arguments.back().value);
  }
  if (failed(exportOperations(function)))
    return failure();
  Operation *terminator = function.getFunctionBody().front().getTerminator();
  for (auto [index, operand] : llvm::enumerate(terminator->getOperands())) {
    auto name = function.getResultAttrOfType<StringAttr>(index, kNameAttr);
    results.push_back(emitter.lookup(operand));
    resultNames.push_back(name ? name.str() : "output" + std::to_string(index));
  }
  return success();
}

/// Adds the parameters that steps or results read to the arguments of @main.
void Exporter::collectArguments() {
  llvm::StringMap<StringRef> names;
  for (auto &[name, parameter] : parameters)
    names[parameter.value.name] = name.getValue();
  llvm::StringSet<> seen;
  auto add = [&](const HloValue &value) {
    if (!emitter.isParameter(value) || !seen.insert(value.name).second)
      return;
    auto it = names.find(value.name);
    std::string name = it == names.end() ? value.name : it->second.str();
    arguments.push_back({value, name, "parameter", areWeightsKnown});
  };
  for (const HloStep &step : emitter.getSteps())
    llvm::for_each(step.operands, add);
  llvm::for_each(results, add);
}

std::string Exporter::printMain() {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "  func.func @main(";
  llvm::interleave(
      arguments, os,
      [&](const Argument &argument) {
        os << "%" << argument.value.name << ": " << argument.value.type << " {"
           << (argument.kind == "parameter" ? kParameterAttr : kNameAttr)
           << " = \"";
        llvm::printEscapedString(argument.name, os);
        os << "\"}";
      },
      ",\n      ");
  os << ") -> (";
  llvm::interleaveComma(llvm::zip_equal(results, resultNames), os,
                        [&](auto result) {
                          auto &[value, name] = result;
                          os << value.type << " {" << kNameAttr << " = \"";
                          llvm::printEscapedString(name, os);
                          os << "\"}";
                        });
  os << ") {\n";
  auto printTypes = [&](ArrayRef<HloValue> values) {
    llvm::interleaveComma(values, os,
                          [&](const HloValue &value) { os << value.type; });
  };
  for (const HloStep &step : emitter.getSteps()) {
    os << "    %" << step.result.name << " = call @" << step.function << "("
       << toString(step.operands) << ") : (";
    printTypes(step.operands);
    os << ") -> " << step.result.type << "\n";
  }
  os << "    return " << toString(results) << " : ";
  printTypes(results);
  os << "\n  }\n";
  return text;
}

static Object describe(const HloValue &value) {
  return Object{{"value", value.name},
                {"shape", Array(value.getShape())},
                {"type", toString(value.type.getElementType())}};
}

static Object describe(const HloValue &value, StringRef name) {
  Object object = ::describe(value);
  object["name"] = llvm::json::fixUTF8(name);
  return object;
}

static Object describe(const HloStep &step) {
  Object object = ::describe(step.result);
  object["function"] = step.function;
  object["location"] = step.location;
  object["op"] = step.op;
  object["operands"] = Array(llvm::map_range(
      step.operands, [](const HloValue &value) { return value.name; }));
  return object;
}

llvm::json::Value Exporter::describe() {
  Array argumentList, resultList, parameterList, derivationList, stepList;
  for (const Argument &argument : arguments) {
    Object object = ::describe(argument.value, argument.name);
    object["kind"] = argument.kind;
    object["known"] = argument.isKnown;
    argumentList.push_back(std::move(object));
  }
  for (auto [value, name] : llvm::zip_equal(results, resultNames))
    resultList.push_back(::describe(value, name));
  for (auto &[name, parameter] : parameters) {
    Object object = ::describe(parameter.value, name);
    if (parameter.derived)
      object["derived"] = parameter.derived.name;
    parameterList.push_back(std::move(object));
  }
  for (const HloStep &step : emitter.getDerivations())
    derivationList.push_back(::describe(step));
  for (const HloStep &step : emitter.getSteps())
    stepList.push_back(::describe(step));
  return Object{{"arguments", std::move(argumentList)},
                {"results", std::move(resultList)},
                {"parameters", std::move(parameterList)},
                {"derivations", std::move(derivationList)},
                {"steps", std::move(stepList)}};
}

FailureOr<StableHLOModule> Exporter::run() {
  auto forward = module.lookupSymbol<func::FuncOp>(kForwardName);
  if (!forward)
    return module.emitError("has no function @forward to export");
  // First, so that values are called as their parameters are.
  for (auto parameter : module.getOps<ParameterOp>())
    getParameter(parameter.getSymNameAttr(), parameter.getTensorType());
  for (auto function : module.getOps<func::FuncOp>())
    if (StringAttr parameter = getDerivedParameter(function);
        parameter && failed(exportInitializer(function, parameter)))
      return failure();
  if (failed(exportForward(forward)))
    return failure();
  collectArguments();

  StableHLOModule result;
  llvm::raw_string_ostream os(result.text);
  os << "module "
     << FlatSymbolRefAttr::get(module.getContext(),
                               module.getName().value_or("model"))
     << " {\n"
     << printMain() << emitter.getFunctions() << "}\n";
  result.interface = describe();
  return result;
}

FailureOr<StableHLOModule> mlir::pi::exportStableHLO(ModuleOp module) {
  PassManager manager(module.getContext());
  buildExecutionPipeline(manager, /*generation=*/false);
  if (failed(manager.run(module)))
    return failure();
  return Exporter(module).run();
}

void mlir::pi::registerStableHLOExportModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, PIDialect *) {
    registerAttentionExportModels(context);
    registerGenerationExportModels(context);
    registerLinearExportModels(context);
    registerNonlinearExportModels(context);
    registerWeightExportModels(context);
  });
  registerUpstreamExportModels(registry);
}
