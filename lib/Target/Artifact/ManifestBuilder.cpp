//===- ManifestBuilder.cpp - Describes a compiled model -------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Target/Artifact/ManifestBuilder.h"

#include "pi/Conversion/HostRuntime/Passes.h"
#include "pi/Dialect/Pi/IR/Pi.h"
#include "pi/Transforms/Execution/Passes.h"
#include "pi/Transforms/Execution/ResultPlaces.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace mlir::pi;
using pi_runtime::DataType;
using pi_runtime::EntryArgument;
using pi_runtime::EntryPoint;
using pi_runtime::IndexRange;
using pi_runtime::Initializer;
using pi_runtime::Manifest;
using pi_runtime::ParameterInfo;
using pi_runtime::ParameterInit;
using pi_runtime::TensorInfo;

static std::optional<DataType> toDataType(Type type) {
  if (type.isF32())
    return DataType::F32;
  if (type.isF64())
    return DataType::F64;
  if (type.isBF16())
    return DataType::BF16;
  if (type.isF16())
    return DataType::F16;
  if (type.isInteger(32))
    return DataType::I32;
  if (type.isInteger(64))
    return DataType::I64;
  return std::nullopt;
}

static std::optional<ParameterInit> toInit(Attribute init) {
  using Kind = ParameterInit::Kind;
  if (auto normal = dyn_cast_if_present<NormalAttr>(init))
    return ParameterInit{Kind::Normal, normal.getStddev().convertToDouble()};
  if (auto fill = dyn_cast_if_present<FillAttr>(init))
    return ParameterInit{Kind::Fill, fill.getValue().convertToDouble()};
  return std::nullopt;
}

namespace {
class ManifestBuilder {
public:
  ManifestBuilder(ModuleOp module) : module(module), symbols(module) {}

  FailureOr<Manifest> build(StringRef target, StringRef targetArch);

private:
  FailureOr<TensorInfo> describe(Location loc, StringRef name, Type type);
  FailureOr<size_t> addParameter(Location loc, FlatSymbolRefAttr symbol);
  LogicalResult addState(Location loc, StringRef name, Type type);
  LogicalResult addArgument(func::FuncOp function, unsigned index,
                            EntryPoint &entry);
  LogicalResult addResult(func::FuncOp function, unsigned index,
                          EntryPoint &entry);
  LogicalResult addEntryPoint(func::FuncOp function);
  LogicalResult addInitializer(FlatSymbolRefAttr parameter);
  LogicalResult readSizes();

  ModuleOp module;
  SymbolTable symbols;
  Manifest manifest;
  llvm::StringMap<size_t> parameterNumbers;
  /// The parameters whose storage type is known from an entry point.
  llvm::StringSet<> storedParameters;
  /// The initialisers that are being or have been added.
  llvm::StringSet<> startedInitializers;
};
} // namespace

FailureOr<TensorInfo> ManifestBuilder::describe(Location loc, StringRef name,
                                                Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  std::optional<DataType> dtype;
  if (tensor && tensor.hasStaticShape())
    dtype = toDataType(tensor.getElementType());
  if (!dtype)
    return emitError(loc) << "'" << name << "' has type " << type
                          << ", which a compiled model cannot pass";
  return TensorInfo{name.str(), *dtype, tensor.getShape().vec()};
}

/// Lists a parameter once, after what its initialiser reads.
FailureOr<size_t> ManifestBuilder::addParameter(Location loc,
                                                FlatSymbolRefAttr symbol) {
  StringRef name = symbol.getValue();
  if (auto known = parameterNumbers.find(name); known != parameterNumbers.end())
    return known->second;
  auto parameter = symbols.lookup<ParameterOp>(name);
  if (!parameter)
    return emitError(loc) << "there is no parameter " << symbol;
  FailureOr<TensorInfo> tensor =
      describe(parameter.getLoc(), name, parameter.getType());
  if (failed(tensor))
    return failure();
  ParameterInfo info;
  static_cast<TensorInfo &>(info) = *tensor;
  auto initialize =
      symbols.lookup<func::FuncOp>((kInitializePrefix + name).str());
  info.derived = bool(initialize);
  info.init = toInit(parameter.getInitAttr());
  info.decay = parameter.getDecay();
  if (initialize && failed(addInitializer(symbol)))
    return failure();
  manifest.parameters.push_back(info);
  size_t number = manifest.parameters.size() - 1;
  parameterNumbers[name] = number;
  return number;
}

LogicalResult ManifestBuilder::addInitializer(FlatSymbolRefAttr parameter) {
  std::string function = (kInitializePrefix + parameter.getValue()).str();
  auto initialize = symbols.lookup<func::FuncOp>(function);
  if (!startedInitializers.insert(parameter.getValue()).second)
    return initialize.emitError("parameter ")
           << parameter << " is derived from itself";
  for (Type type : llvm::concat<const Type>(initialize.getArgumentTypes(),
                                            initialize.getResultTypes()))
    if (Type element = getElementTypeOrSelf(type); !element.isF32())
      return initialize.emitError("derives parameter ")
             << parameter << " in " << element
             << ", but parameters are derived in f32";
  Initializer initializer;
  initializer.parameter = parameter.getValue().str();
  initializer.symbol = getEntrySymbol(function);
  for (unsigned i = 0, n = initialize.getNumArguments(); i < n; ++i) {
    auto source =
        initialize.getArgAttrOfType<FlatSymbolRefAttr>(i, kParameterAttr);
    if (!source)
      return initialize.emitError("argument ")
             << i << " has no attribute " << kParameterAttr;
    if (failed(addParameter(initialize.getLoc(), source)))
      return failure();
    initializer.sources.push_back(source.getValue().str());
  }
  manifest.initializers.push_back(std::move(initializer));
  return success();
}

LogicalResult ManifestBuilder::addState(Location loc, StringRef name,
                                        Type type) {
  FailureOr<TensorInfo> state = describe(loc, name, type);
  if (failed(state))
    return failure();
  std::optional<size_t> known = manifest.findState(state->name);
  if (!known) {
    manifest.states.push_back(*state);
    return success();
  }
  const TensorInfo &other = manifest.states[*known];
  if (other.dtype == state->dtype && other.shape == state->shape)
    return success();
  return emitError(loc) << "state '" << name
                        << "' has another type in another function";
}

/// What the elements of an argument may be, from the operations that index by
/// it; nothing if there are none.
static std::optional<IndexRange> getIndexRange(func::FuncOp function,
                                               unsigned index) {
  std::optional<IndexRange> range;
  function.walk([&](IndexOpInterface op) {
    IndexUse use = op.getIndexUse();
    auto argument = dyn_cast_if_present<BlockArgument>(
        use.indices ? stripReshapes(use.indices) : Value());
    if (!argument || argument.getArgNumber() != index)
      return;
    if (!range)
      range = {use.bound, use.ignored};
    range->bound = std::min(range->bound, use.bound);
    // What one of them does not ignore is an index to it.
    if (range->ignored != use.ignored)
      range->ignored.reset();
  });
  return range;
}

LogicalResult ManifestBuilder::addArgument(func::FuncOp function,
                                           unsigned index, EntryPoint &entry) {
  using Kind = EntryArgument::Kind;
  Location loc = function.getLoc();
  Type type = function.getArgumentTypes()[index];
  if (auto name = function.getArgAttrOfType<StringAttr>(index, kNameAttr)) {
    FailureOr<TensorInfo> input = describe(loc, name, type);
    if (failed(input))
      return failure();
    entry.arguments.push_back({Kind::Input, entry.inputs.size(), ""});
    entry.inputs.push_back({*input, getIndexRange(function, index)});
    return success();
  }
  if (auto state = function.getArgAttrOfType<StringAttr>(index, kStateAttr)) {
    entry.arguments.push_back({Kind::State, 0, state.str()});
    return addState(loc, state, type);
  }
  auto symbol =
      function.getArgAttrOfType<FlatSymbolRefAttr>(index, kParameterAttr);
  if (!symbol)
    return function.emitError("argument ")
           << index << " has none of the attributes " << kNameAttr << ", "
           << kParameterAttr << " and " << kStateAttr;
  FailureOr<size_t> number = addParameter(loc, symbol);
  FailureOr<TensorInfo> stored = describe(loc, symbol.getValue(), type);
  if (failed(number) || failed(stored))
    return failure();
  DataType &storage = manifest.parameters[*number].storageDtype;
  if (!storedParameters.insert(symbol.getValue()).second &&
      storage != stored->dtype)
    return function.emitError("takes parameter ")
           << symbol << " in another type than a function before";
  storage = stored->dtype;
  entry.arguments.push_back({Kind::Parameter, 0, stored->name});
  return success();
}

/// A result that is written where an argument is: a state, or a parameter.
static LogicalResult markUpdated(func::FuncOp function, unsigned index,
                                 Attribute updated, EntryPoint &entry) {
  auto parameter = dyn_cast<FlatSymbolRefAttr>(updated);
  if (!parameter)
    return success();
  for (EntryArgument &argument : entry.arguments)
    if (argument.kind == EntryArgument::Kind::Parameter &&
        argument.name == parameter.getValue()) {
      argument.updated = true;
      return success();
    }
  return function.emitError("result ") << index << " updates parameter "
                                       << parameter << ", which is no argument";
}

LogicalResult ManifestBuilder::addResult(func::FuncOp function, unsigned index,
                                         EntryPoint &entry) {
  if (Attribute updated = getUpdatedArgument(function, index))
    return markUpdated(function, index, updated, entry);
  std::string name = getOutputName(function, index);
  if (name.empty())
    return function.emitError("result ")
           << index << " has none of the attributes " << kNameAttr << ", "
           << kGradientAttr << ", " << kParameterAttr << " and " << kStateAttr;
  FailureOr<TensorInfo> output =
      describe(function.getLoc(), name, function.getResultTypes()[index]);
  if (failed(output))
    return failure();
  if (pi_runtime::convertsToFloat(output->dtype) &&
      output->dtype != DataType::F64)
    output->dtype = DataType::F32;
  entry.arguments.push_back(
      {EntryArgument::Kind::Output, entry.outputs.size(), ""});
  entry.outputs.push_back(*output);
  return success();
}

LogicalResult ManifestBuilder::addEntryPoint(func::FuncOp function) {
  EntryPoint entry;
  entry.name = function.getSymName().str();
  entry.symbol = getEntrySymbol(function.getSymName());
  for (unsigned i = 0, n = function.getNumArguments(); i < n; ++i)
    if (failed(addArgument(function, i, entry)))
      return failure();
  for (unsigned i = 0, n = function.getNumResults(); i < n; ++i)
    if (failed(addResult(function, i, entry)))
      return failure();
  manifest.entryPoints.push_back(std::move(entry));
  return success();
}

/// The model's sizes, from what goes into and comes out of @forward; without
/// it, from the first function that reads tokens, as training does.
LogicalResult ManifestBuilder::readSizes() {
  const EntryPoint *forward = manifest.findEntryPoint(kForwardName.str());
  const EntryPoint *reader = forward;
  for (const EntryPoint &entry : manifest.entryPoints)
    if (!reader && entry.findInput("input_ids"))
      reader = &entry;
  if (!reader)
    return module.emitError("has no public function @")
           << kForwardName << ", and no other with an input 'input_ids'";
  std::optional<size_t> tokens = reader->findInput("input_ids");
  if (!tokens || reader->inputs[*tokens].shape.size() != 2)
    return module.emitError("@")
           << reader->name << " has no input 'input_ids' of shape B x T";
  manifest.batch = reader->inputs[*tokens].shape[0];
  manifest.sequenceLength = reader->inputs[*tokens].shape[1];
  if (!forward) {
    const std::optional<IndexRange> &range = reader->inputs[*tokens].indices;
    if (!range)
      return module.emitError("@")
             << reader->name << " looks its input 'input_ids' up in no table, "
             << "so how many tokens there are is unknown";
    manifest.vocabSize = range->bound;
    return success();
  }
  std::optional<size_t> logits = forward->findOutput("logits");
  if (!logits || forward->outputs[*logits].shape.size() != 3)
    return module.emitError("@")
           << kForwardName << " has no output 'logits' of shape B x T x V";
  manifest.vocabSize = forward->outputs[*logits].shape[2];
  return success();
}

FailureOr<Manifest> ManifestBuilder::build(StringRef target,
                                           StringRef targetArch) {
  manifest.compiler = PI_VERSION;
  manifest.target = target.str();
  manifest.targetArch = targetArch.str();
  manifest.modelName = module.getSymName().value_or("model").str();
  for (auto function : module.getOps<func::FuncOp>())
    if (function.isPublic() && failed(addEntryPoint(function)))
      return failure();
  if (failed(readSizes()))
    return failure();
  return manifest;
}

FailureOr<Manifest> mlir::pi::buildManifest(ModuleOp module, StringRef target,
                                            StringRef targetArch) {
  return ManifestBuilder(module).build(target, targetArch);
}
