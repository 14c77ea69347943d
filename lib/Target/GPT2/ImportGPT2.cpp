//===- ImportGPT2.cpp - GPT-2 from Hugging Face to the pi dialect ---------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Target/GPT2/ImportGPT2.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "pi/Dialect/Pi/IR/Pi.h"
#include "pi/Target/GPT2/CheckpointCheck.h"
#include "llvm/Support/CheckedArithmetic.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

#include <cmath>

using namespace mlir;
using namespace mlir::pi;

namespace {
/// Builds the module layer by layer. Each method that adds a layer takes the
/// name of the layer, which is the location of its operations and the prefix
/// of its parameters.
class ModelBuilder {
public:
  ModelBuilder(const GPT2Config &config, int64_t batch, int64_t sequenceLength,
               MLIRContext *context)
      : config(config), batch(batch), sequenceLength(sequenceLength),
        builder(context), parameterBuilder(context) {}

  OwningOpRef<ModuleOp> build();

private:
  /// Initial distribution of a matrix or an embedding.
  Attribute getNormal(double stddev) {
    return NormalAttr::get(builder.getContext(), stddev);
  }
  Attribute getFill(double value) {
    return FillAttr::get(builder.getContext(), APFloat(value));
  }
  /// Standard deviation of the projections that add to the residual stream:
  /// smaller by the square root of their number, as in transformers.
  double getProjectionRange() const {
    return config.initializerRange / std::sqrt(2.0 * config.numLayers);
  }

  void declare(const Twine &name, ArrayRef<int64_t> shape, Attribute init,
               bool decay);
  /// Loads a declared parameter.
  Value load(const Twine &name);
  Value declareAndLoad(const Twine &name, ArrayRef<int64_t> shape,
                       Attribute init, bool decay);

  Value buildEmbedding(Value inputIds);
  Value buildLinear(const Twine &name, Value input, int64_t outFeatures,
                    double stddev);
  Value buildLayerNorm(const Twine &name, Value input);
  Value buildAttention(const Twine &name, Value input, int64_t layer);
  Value buildActivation(const Twine &name, Value input);
  Value buildFeedForward(const Twine &name, Value input);
  Value buildResidual(const Twine &name, Value input, Value update);
  Value buildBlock(int64_t layer, Value input);
  Value buildHead(Value input);

  void setLocation(const Twine &name) {
    location = NameLoc::get(builder.getStringAttr(name));
  }
  template <typename OpTy, typename... Args>
  OpTy create(Args &&...args) {
    return OpTy::create(builder, location, std::forward<Args>(args)...);
  }

  const GPT2Config &config;
  int64_t batch, sequenceLength;
  OpBuilder builder;
  /// Stands after the last declared parameter.
  OpBuilder parameterBuilder;
  LocationAttr location;
  llvm::StringMap<RankedTensorType> parameterTypes;
};
} // namespace

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

void ModelBuilder::declare(const Twine &name, ArrayRef<int64_t> shape,
                           Attribute init, bool decay) {
  auto type = RankedTensorType::get(shape, builder.getF32Type());
  std::string key = name.str();
  ParameterOp::create(parameterBuilder, location, key, type, init, decay);
  parameterTypes[key] = type;
}

Value ModelBuilder::load(const Twine &name) {
  std::string key = name.str();
  return create<LoadOp>(parameterTypes.at(key), key);
}

Value ModelBuilder::declareAndLoad(const Twine &name, ArrayRef<int64_t> shape,
                                   Attribute init, bool decay) {
  declare(name, shape, init, decay);
  return load(name);
}

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

Value ModelBuilder::buildEmbedding(Value inputIds) {
  Attribute init = getNormal(config.initializerRange);
  setLocation("wte");
  Value table = declareAndLoad("wte.weight", {config.vocabSize, config.width},
                               init, /*decay=*/true);
  Value tokens = create<EmbeddingOp>(inputIds, table);
  setLocation("wpe");
  Value positionTable = declareAndLoad(
      "wpe.weight", {config.numPositions, config.width}, init, /*decay=*/true);
  auto positionsType = RankedTensorType::get({sequenceLength, config.width},
                                             builder.getF32Type());
  Value positions = create<PositionEmbeddingOp>(positionsType, positionTable,
                                                /*position=*/Value());
  return create<AddOp>(tokens, positions);
}

Value ModelBuilder::buildLinear(const Twine &name, Value input,
                                int64_t outFeatures, double stddev) {
  setLocation(name);
  int64_t inFeatures =
      cast<RankedTensorType>(input.getType()).getShape().back();
  Value weight = declareAndLoad(name + ".weight", {inFeatures, outFeatures},
                                getNormal(stddev), /*decay=*/true);
  Value bias = declareAndLoad(name + ".bias", outFeatures, getFill(0.0),
                              /*decay=*/false);
  return create<LinearOp>(input, weight, bias);
}

Value ModelBuilder::buildLayerNorm(const Twine &name, Value input) {
  setLocation(name);
  Value weight = declareAndLoad(name + ".weight", config.width, getFill(1.0),
                                /*decay=*/false);
  Value bias = declareAndLoad(name + ".bias", config.width, getFill(0.0),
                              /*decay=*/false);
  return create<LayerNormOp>(input, weight, bias,
                             builder.getF64FloatAttr(config.layerNormEpsilon));
}

Value ModelBuilder::buildAttention(const Twine &name, Value input,
                                   int64_t layer) {
  Value qkv = buildLinear(name + ".c_attn", input, 3 * config.width,
                          config.initializerRange);
  setLocation(name);
  Value context = create<AttentionOp>(input.getType(), /*entropy=*/Type(), qkv,
                                      /*temperature=*/Value(), config.numHeads,
                                      APFloat(config.getAttentionScale(layer)),
                                      /*causal=*/true)
                      .getResult();
  return buildLinear(name + ".c_proj", context, config.width,
                     getProjectionRange());
}

Value ModelBuilder::buildActivation(const Twine &name, Value input) {
  setLocation(name);
  switch (config.activation) {
  case GPT2Activation::GeluTanh:
    return create<GeluOp>(input, GeluApproximation::tanh);
  case GPT2Activation::Gelu:
    return create<GeluOp>(input, GeluApproximation::none);
  case GPT2Activation::Relu:
    return create<ReluOp>(input);
  }
  llvm_unreachable("unknown activation");
}

Value ModelBuilder::buildFeedForward(const Twine &name, Value input) {
  Value inner = buildLinear(name + ".c_fc", input, config.getInnerWidth(),
                            config.initializerRange);
  Value activated = buildActivation(name + ".act", inner);
  return buildLinear(name + ".c_proj", activated, config.width,
                     getProjectionRange());
}

Value ModelBuilder::buildResidual(const Twine &name, Value input,
                                  Value update) {
  setLocation(name + ".residual");
  return create<AddOp>(input, update);
}

Value ModelBuilder::buildBlock(int64_t layer, Value input) {
  std::string name = ("h." + Twine(layer)).str();
  Value x = buildResidual(name + ".attn", input,
                          buildAttention(name + ".attn",
                                         buildLayerNorm(name + ".ln_1", input),
                                         layer));
  return buildResidual(
      name + ".mlp", x,
      buildFeedForward(name + ".mlp", buildLayerNorm(name + ".ln_2", x)));
}

Value ModelBuilder::buildHead(Value input) {
  setLocation("lm_head");
  Value weight =
      config.tieWordEmbeddings
          ? load("wte.weight")
          : declareAndLoad("lm_head.weight", {config.vocabSize, config.width},
                           getNormal(config.initializerRange),
                           /*decay=*/true);
  return create<LinearOp>(input, weight, /*bias=*/Value(), /*transposed=*/true);
}

//===----------------------------------------------------------------------===//
// Module
//===----------------------------------------------------------------------===//

OwningOpRef<ModuleOp> ModelBuilder::build() {
  setLocation("gpt2");
  OwningOpRef<ModuleOp> module = ModuleOp::create(location, "gpt2");
  auto inputType =
      RankedTensorType::get({batch, sequenceLength}, builder.getI32Type());
  auto logitsType = RankedTensorType::get(
      {batch, sequenceLength, config.vocabSize}, builder.getF32Type());

  builder.setInsertionPointToEnd(module->getBody());
  auto forward = create<func::FuncOp>(
      "forward", builder.getFunctionType(inputType, logitsType));
  forward.setArgAttr(0, "pi.name", builder.getStringAttr("input_ids"));
  forward.setResultAttr(0, "pi.name", builder.getStringAttr("logits"));
  parameterBuilder.setInsertionPoint(forward);
  Location inputLoc = NameLoc::get(builder.getStringAttr("input_ids"));
  Block *entry =
      builder.createBlock(&forward.getBody(), {}, {inputType}, {inputLoc});

  Value x = buildEmbedding(entry->getArgument(0));
  for (int64_t layer = 0; layer < config.numLayers; ++layer)
    x = buildBlock(layer, x);
  Value logits = buildHead(buildLayerNorm("ln_f", x));
  setLocation("gpt2");
  create<func::ReturnOp>(logits);
  return module;
}

/// Whether the bytes of the largest activation of the whole batch are below
/// 2^63. Those of one sequence are, for every configuration.
static bool fitsMemory(const GPT2Config &config, int64_t batch,
                       int64_t length) {
  int64_t width = std::max({config.vocabSize, 3 * config.width,
                            config.getInnerWidth(), config.numHeads * length});
  int64_t bytes = length * width * static_cast<int64_t>(sizeof(float));
  return llvm::checkedMul(batch, bytes).has_value();
}

OwningOpRef<ModuleOp> mlir::pi::buildGPT2(const GPT2Config &config,
                                          const GPT2ImportOptions &options,
                                          Location loc) {
  int64_t length = options.sequenceLength.value_or(config.numPositions);
  if (length < 1 || length > config.numPositions) {
    emitError(loc) << "sequence length " << length
                   << " has to be from 1 to 'n_positions' "
                   << config.numPositions;
    return nullptr;
  }
  if (options.batch < 1 || !fitsMemory(config, options.batch, length)) {
    emitError(loc) << "batch size " << options.batch
                   << " has to be at least 1 and such that every activation "
                      "takes less than 2^63 bytes";
    return nullptr;
  }
  MLIRContext *context = loc.getContext();
  context->loadDialect<PIDialect, func::FuncDialect>();
  return ModelBuilder(config, options.batch, length, context).build();
}

//===----------------------------------------------------------------------===//
// Import from a path
//===----------------------------------------------------------------------===//

/// The configuration in the regular file `path`.
static FailureOr<GPT2Config> readConfig(StringRef path, MLIRContext *context) {
  Location loc = FileLineColLoc::get(context, path, 0, 0);
  llvm::sys::fs::file_status status;
  if (std::error_code error = llvm::sys::fs::status(path, status))
    return emitError(loc) << error.message();
  if (!llvm::sys::fs::is_regular_file(status))
    return emitError(loc) << "is not a regular file";
  constexpr uint64_t maxBytes = 1 << 20;
  if (status.getSize() > maxBytes)
    return emitError(loc) << "has " << status.getSize()
                          << " bytes, but a configuration has at most "
                          << maxBytes;
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/true);
  if (!buffer)
    return emitError(loc) << buffer.getError().message();
  return parseGPT2Config((*buffer)->getBuffer(), path, context);
}

OwningOpRef<ModuleOp> mlir::pi::importGPT2(StringRef source,
                                           const GPT2ImportOptions &options,
                                           MLIRContext *context) {
  Location loc = FileLineColLoc::get(context, source, 0, 0);
  if (!llvm::sys::fs::exists(source)) {
    if (std::optional<GPT2Config> config = lookupGPT2Config(source))
      return buildGPT2(*config, options, loc);
    InFlightDiagnostic diagnostic = emitError(loc);
    diagnostic << "is neither a directory with a config.json, nor such a file, "
                  "nor a built-in configuration (";
    llvm::interleaveComma(getGPT2ConfigNames(), diagnostic);
    diagnostic << ")";
    return nullptr;
  }
  SmallString<128> path(source);
  bool isDirectory = llvm::sys::fs::is_directory(source);
  if (isDirectory)
    llvm::sys::path::append(path, "config.json");
  FailureOr<GPT2Config> config = readConfig(path, context);
  if (failed(config))
    return nullptr;
  OwningOpRef<ModuleOp> module =
      buildGPT2(*config, options, FileLineColLoc::get(context, path, 0, 0));
  if (module && isDirectory && hasCheckpoint(source) &&
      failed(checkCheckpoint(*module, source)))
    return nullptr;
  return module;
}
