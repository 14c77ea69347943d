//===- WeightValues.cpp - What a checkpoint makes of weights --------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WeightValues.h"

#include "pi/Conversion/HostRuntime/Passes.h"
#include "pi/Dialect/Pi/IR/Pi.h"
#include "pi/Runtime/Weights.h"
#include "pi/Target/Artifact/HostObject.h"
#include "pi/Target/Artifact/ManifestBuilder.h"
#include "pi/Transforms/Execution/Passes.h"
#include "pi/Transforms/Utils/Parameters.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"

#include <algorithm>

using namespace mlir;
using namespace mlir::pi;

namespace {
/// Takes the parameters that a model loads, and runs nothing.
class ParameterCollector : public pi_runtime::Executor {
public:
  explicit ParameterCollector(const pi_runtime::Manifest &manifest)
      : manifest(manifest), values(manifest.parameters.size()) {}

  pi_runtime::Status setParameter(size_t index, const void *data) override {
    const auto *begin = static_cast<const char *>(data);
    values[index].resize(manifest.parameters[index].elementCount());
    // A mapped file need not be aligned.
    std::copy_n(begin, values[index].size() * sizeof(float),
                reinterpret_cast<char *>(values[index].data()));
    return pi_runtime::Status::success();
  }
  const std::vector<float> &get(StringRef name) const {
    return values[*manifest.findParameter(name.str())];
  }

  std::string deviceName() const override { return "none"; }
  uint64_t memoryBytes() const override { return 0; }
  pi_runtime::Status readParameter(size_t, void *) override { return none(); }
  pi_runtime::Status setState(size_t, const void *) override { return none(); }
  pi_runtime::Status readState(size_t, void *) override { return none(); }
  pi_runtime::Status clearState(size_t) override { return none(); }
  pi_runtime::Status run(size_t, const std::vector<const void *> &,
                         const std::vector<void *> &) override {
    return none();
  }

private:
  static pi_runtime::Status none() {
    return pi_runtime::executionFailed("weights are evaluated, not run");
  }

  const pi_runtime::Manifest &manifest;
  std::vector<std::vector<float>> values;
};

/// The code that loads weights: a model whose @forward reads one parameter for
/// each value.
struct LoadingModel {
  pi_runtime::Manifest manifest;
  std::string code;
  /// The parameter of each value.
  SmallVector<std::string> names;
};
} // namespace

static void buildLoadingPipeline(OpPassManager &manager) {
  buildExecutionPipeline(manager, /*generation=*/false);
}

void mlir::pi::getWeightEvaluationDialects(DialectRegistry &registry) {
  OpPassManager manager(ModuleOp::getOperationName());
  buildLoadingPipeline(manager);
  buildCPUPipeline(manager);
  manager.getDependentDialects(registry);
}

/// The parameter that `value` is, or else a new one that is derived as it is
/// computed.
static ParameterOp declareValue(SymbolTable &symbols, Value value) {
  if (auto load = value.getDefiningOp<LoadOp>())
    return symbols.lookup<ParameterOp>(load.getParameter());
  OpBuilder builder(value.getContext());
  auto parameter =
      ParameterOp::create(builder, value.getLoc(), "value",
                          cast<RankedTensorType>(value.getType()), Attribute());
  builder.setInsertionPointToEnd(&parameter.getDerivation().emplaceBlock());
  IRMapping mapping;
  for (Operation *op : getParameterExpression(value))
    builder.clone(*op, mapping);
  YieldOp::create(builder, value.getLoc(), mapping.lookup(value));
  symbols.insert(parameter);
  return parameter;
}

/// Adds @forward, which gives the values. Tokens and logits are what every
/// model has; these are of one token.
static func::FuncOp addForward(ModuleOp copy, ArrayRef<Value> values) {
  SymbolTable symbols(copy);
  SmallVector<ParameterOp> parameters;
  for (Value value : values)
    parameters.push_back(declareValue(symbols, value));
  OpBuilder builder(copy.getContext());
  builder.setInsertionPointToEnd(copy.getBody());
  SmallVector<Type> results{
      RankedTensorType::get({1, 1, 1}, builder.getF32Type())};
  llvm::append_range(results, ValueRange(values).getTypes());
  auto tokens = RankedTensorType::get({1, 1}, builder.getI32Type());
  Location loc = copy.getLoc();
  auto forward = func::FuncOp::create(builder, loc, kForwardName,
                                      builder.getFunctionType(tokens, results));
  auto setName = [&](StringRef name) { return builder.getStringAttr(name); };
  forward.setArgAttr(0, kNameAttr, setName("input_ids"));
  forward.setResultAttr(0, kNameAttr, setName("logits"));

  builder.setInsertionPointToEnd(forward.addEntryBlock());
  SmallVector<Value> operands{arith::ConstantOp::create(
      builder, loc, builder.getZeroAttr(cast<ShapedType>(results[0])))};
  for (auto [index, parameter] : llvm::enumerate(parameters)) {
    operands.push_back(LoadOp::create(builder, parameter.getLoc(),
                                      parameter.getTensorType(),
                                      parameter.getSymName()));
    forward.setResultAttr(index + 1, kNameAttr,
                          setName("value" + std::to_string(index)));
  }
  func::ReturnOp::create(builder, loc, operands);
  return forward;
}

static FailureOr<LoadingModel> compileLoading(Location loc, ModuleOp module,
                                              ArrayRef<Value> values) {
  OwningOpRef<ModuleOp> copy = ModuleOp::create(loc);
  OpBuilder builder(module.getContext());
  builder.setInsertionPointToEnd(copy->getBody());
  for (auto parameter : module.getOps<ParameterOp>())
    builder.clone(*parameter);
  func::FuncOp forward = addForward(*copy, values);
  PassManager manager(module.getContext());
  buildLoadingPipeline(manager);
  if (failed(manager.run(*copy)))
    return failure();

  LoadingModel model;
  auto results = forward.getFunctionBody().front().getTerminator();
  for (Value result : results->getOperands().drop_front())
    model.names.push_back(
        forward
            .getArgAttrOfType<FlatSymbolRefAttr>(
                cast<BlockArgument>(result).getArgNumber(), kParameterAttr)
            .getValue()
            .str());
  HostOptions host;
  auto manifest = buildManifest(*copy, "cpu", getHostCPU(host));
  if (failed(manifest))
    return failure();
  model.manifest = std::move(*manifest);
  forward.erase();
  PassManager codeManager(module.getContext());
  buildCPUPipeline(codeManager);
  if (failed(codeManager.run(*copy)))
    return failure();
  auto code = compileHostCode(*copy, host);
  if (failed(code))
    return failure();
  model.code = std::move(*code);
  return model;
}

FailureOr<WeightValues>
mlir::pi::evaluateWeights(Location loc, ModuleOp module, ArrayRef<Value> values,
                          const pi_runtime::Checkpoint &checkpoint) {
  FailureOr<LoadingModel> model = compileLoading(loc, module, values);
  if (failed(model))
    return failure();
  SmallString<128> path;
  if (std::error_code error =
          llvm::sys::fs::createTemporaryFile("pi-weights", "pi", path))
    return emitError(loc, "cannot make a temporary file: ") << error.message();
  llvm::FileRemover remove(path);
  pi_runtime::Status status =
      pi_runtime::writeArtifact(path.str().str(), model->manifest,
                                {{pi_runtime::hostCodeSection, model->code}});
  if (!status)
    return emitError(loc) << status.message();
  auto artifact = pi_runtime::Artifact::open(path.str().str());
  if (!artifact)
    return emitError(loc) << artifact.status().message();
  ParameterCollector collector(artifact->manifest());
  status = pi_runtime::loadWeights(*artifact, checkpoint, collector);
  if (!status) {
    // The file is nothing that a user knows.
    std::string message = status.message(), file = "'" + path.str().str() + "'";
    if (size_t place = message.find(file); place != std::string::npos)
      message.replace(place, file.size(), "the model");
    return emitError(loc) << message;
  }
  WeightValues result;
  for (auto [value, name] : llvm::zip_equal(values, model->names))
    result[value] = collector.get(name);
  return result;
}
