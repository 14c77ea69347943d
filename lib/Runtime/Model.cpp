//===- Model.cpp - A compiled model that runs -----------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Runtime/Model.h"

#include "Manifest.h"

#include "pi/Runtime/Weights.h"

#include <algorithm>
#include <cstring>

namespace pi_runtime {

//===----------------------------------------------------------------------===//
// Entry points
//===----------------------------------------------------------------------===//

namespace {
/// What the runtime gives to and takes from an entry point it knows.
struct Signature {
  const char *name;
  std::vector<TensorInfo> inputs;
  std::vector<TensorInfo> outputs;
};
} // namespace

static std::vector<Signature> knownSignatures(const Manifest &manifest) {
  int64_t batch = manifest.batch, length = manifest.sequenceLength,
          vocab = manifest.vocabSize;
  TensorInfo tokens{"input_ids", DataType::I32, {batch, length}};
  TensorInfo token{"input_ids", DataType::I32, {batch, 1}};
  std::vector<TensorInfo> chosen{{"logits", DataType::F32, {batch, vocab}},
                                 {"next_token", DataType::I32, {batch}}};
  return {{"forward",
           {tokens},
           {{"logits", DataType::F32, {batch, length, vocab}}}},
          {"prefill", {tokens, {"last_position", DataType::I32, {}}}, chosen},
          {"decode", {token, {"position", DataType::I32, {}}}, chosen}};
}

/// Whether the tensors of an entry point are those expected, in any order.
static Status verifyTensors(const char *what,
                            const std::vector<TensorInfo> &found,
                            const std::vector<TensorInfo> &expected) {
  if (found.size() != expected.size())
    return invalidFile(std::to_string(found.size()) + " " + what +
                       "s; expected " + std::to_string(expected.size()));
  for (const TensorInfo &tensor : expected) {
    auto match = [&](const TensorInfo &other) {
      return other.name == tensor.name && other.dtype == tensor.dtype &&
             other.shape == tensor.shape;
    };
    if (std::none_of(found.begin(), found.end(), match))
      return invalidFile(std::string("no ") + what + " '" + tensor.name +
                         "' of type " +
                         std::string(dataTypeName(tensor.dtype)) +
                         " and shape " + shapeText(tensor.shape));
  }
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Inputs whose values index memory
//===----------------------------------------------------------------------===//

/// What a target has where no token is to be predicted: torch's ignore_index.
static constexpr int32_t ignoredTarget = -100;

static bool isTargets(const TensorInfo &input) {
  return input.name == "targets";
}
static bool isTokens(const TensorInfo &input) {
  return input.name == "input_ids" || isTargets(input);
}
static bool isPosition(const TensorInfo &input) {
  return input.name == "position" || input.name == "last_position";
}

/// Code indexes tables by these inputs, so that their type has to be the one
/// that checkInput reads.
static Status verifyIndexType(const TensorInfo &input) {
  if (input.dtype == DataType::I32 || !(isTokens(input) || isPosition(input)))
    return Status::success();
  return invalidFile("input '" + input.name + "' has dtype " +
                     std::string(dataTypeName(input.dtype)) + "; expected i32");
}

static Status verifyVocabulary(const Manifest &manifest, const int32_t *tokens,
                               int64_t rows, int64_t length,
                               bool allowIgnored) {
  for (int64_t i = 0; i < rows * length; ++i) {
    if (tokens[i] >= 0 && tokens[i] < manifest.vocabSize)
      continue;
    if (allowIgnored && tokens[i] == ignoredTarget)
      continue;
    std::string row =
        rows > 1 ? " of row " + std::to_string(i / length) : std::string();
    return invalidArgument("token " + std::to_string(tokens[i]) +
                           " at position " + std::to_string(i % length) + row +
                           " is not in the vocabulary, which has tokens 0 to " +
                           std::to_string(manifest.vocabSize - 1) + " (" +
                           std::to_string(manifest.vocabSize) + ")");
  }
  return Status::success();
}

Status Model::checkInput(const TensorInfo &input, const void *data) const {
  if (!data)
    return invalidArgument("no data");
  auto *values = static_cast<const int32_t *>(data);
  auto count = static_cast<int64_t>(input.elementCount());
  if (isTokens(input)) {
    int64_t length = input.shape.empty() ? 1 : input.shape.back();
    return verifyVocabulary(manifest(), values, count / length, length,
                            isTargets(input));
  }
  for (int64_t i = 0; isPosition(input) && i < count; ++i)
    if (values[i] < 0 || values[i] >= manifest().sequenceLength)
      return invalidArgument(
          "position " + std::to_string(values[i]) +
          " is not in the sequence, which has positions 0 to " +
          std::to_string(manifest().sequenceLength - 1));
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Checks of entry points
//===----------------------------------------------------------------------===//

Status Model::verifyEntryPoints() const {
  for (const EntryPoint &entry : manifest().entryPoints)
    for (const TensorInfo &input : entry.inputs)
      if (Status status = verifyIndexType(input); !status)
        return std::move(status).withContext(
            "'" + artifact.path() + "': entry point '" + entry.name + "'");
  for (const Signature &signature : knownSignatures(manifest())) {
    const EntryPoint *entry = manifest().findEntryPoint(signature.name);
    if (!entry)
      continue;
    Status status = verifyTensors("input", entry->inputs, signature.inputs);
    if (status)
      status = verifyTensors("output", entry->outputs, signature.outputs);
    if (!status)
      return std::move(status).withContext(
          "'" + artifact.path() + "': entry point '" + entry->name + "'");
  }
  return Status::success();
}

Result<size_t> Model::findEntryPoint(std::string_view name) const {
  if (const EntryPoint *entry = manifest().findEntryPoint(name))
    return static_cast<size_t>(entry - manifest().entryPoints.data());
  std::string text = "'" + artifact.path() + "' has no entry point '" +
                     std::string(name) + "'";
  const char *separator = "; it has ";
  for (const EntryPoint &entry : manifest().entryPoints) {
    text += separator + entry.name;
    separator = ", ";
  }
  return invalidArgument(text);
}

Status Model::checkWeights(const EntryPoint &entry) const {
  auto isParameter = [](const EntryArgument &argument) {
    return argument.kind == EntryArgument::Kind::Parameter;
  };
  if (hasWeights ||
      std::none_of(entry.arguments.begin(), entry.arguments.end(), isParameter))
    return Status::success();
  return invalidArgument("no weights are loaded");
}

//===----------------------------------------------------------------------===//
// Opening and loading
//===----------------------------------------------------------------------===//

Result<std::unique_ptr<Model>> Model::open(const std::string &path,
                                           int device) {
  Result<Artifact> artifact = Artifact::open(path);
  if (!artifact)
    return artifact.status();
  std::unique_ptr<Model> model(new Model(std::move(*artifact)));
  if (Status status = model->verifyEntryPoints(); !status)
    return status;
  Result<std::unique_ptr<Executor>> executor =
      createExecutor(model->artifact, device);
  if (!executor)
    return executor.status();
  model->executor = std::move(*executor);
  return model;
}

Status Model::loadWeights(const std::string &path) {
  generation.reset();
  hasWeights = false;
  Result<Checkpoint> checkpoint = Checkpoint::open(path);
  if (!checkpoint)
    return checkpoint.status();
  Status status = pi_runtime::loadWeights(artifact, *checkpoint, *executor);
  hasWeights = status.ok();
  return status;
}

Status Model::tune() {
  if (!hasWeights)
    return invalidArgument("no weights are loaded");
  generation.reset();
  return executor->tune();
}

std::string Model::describe() const {
  uint64_t elements = 0, parameterBytes = 0, stateBytes = 0;
  for (const ParameterInfo &parameter : manifest().parameters) {
    elements += parameter.elementCount();
    parameterBytes += parameter.storageByteSize();
  }
  for (const TensorInfo &state : manifest().states)
    stateBytes += state.byteSize();
  nlohmann::json entryPoints = nlohmann::json::array();
  for (const EntryPoint &entry : manifest().entryPoints)
    entryPoints.push_back({{"name", entry.name},
                           {"inputs", tensorsToJson(entry.inputs)},
                           {"outputs", tensorsToJson(entry.outputs)}});
  return jsonText({{"compiler", manifest().compiler},
                   {"target", manifest().target},
                   {"target_arch", manifest().targetArch},
                   {"device", executor->deviceName()},
                   {"model",
                    {{"name", manifest().modelName},
                     {"batch", manifest().batch},
                     {"sequence_length", manifest().sequenceLength},
                     {"vocab_size", manifest().vocabSize}}},
                   {"entry_points", entryPoints},
                   {"parameters", elements},
                   {"parameter_bytes", parameterBytes},
                   {"state_bytes", stateBytes},
                   {"memory_bytes", executor->memoryBytes()}});
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

Status Model::checkTokens(const int32_t *tokens, int64_t rows,
                          int64_t length) const {
  if (!hasWeights)
    return invalidArgument("no weights are loaded");
  if (rows < 1 || rows > manifest().batch)
    return invalidArgument(std::to_string(rows) +
                           " rows of tokens; the model takes 1 to " +
                           std::to_string(manifest().batch));
  if (length < 1 || length > manifest().sequenceLength)
    return invalidArgument(std::to_string(length) +
                           " tokens; the model takes 1 to " +
                           std::to_string(manifest().sequenceLength));
  return verifyVocabulary(manifest(), tokens, rows, length,
                          /*allowIgnored=*/false);
}

Status Model::run(std::string_view entryPoint,
                  const std::vector<const void *> &inputs,
                  const std::vector<void *> &outputs) {
  Result<size_t> index = findEntryPoint(entryPoint);
  if (!index)
    return index.status();
  const EntryPoint &entry = manifest().entryPoints[*index];
  auto failure = [&](Status status) {
    return std::move(status).withContext("entry point '" + entry.name + "'");
  };
  auto checkCount = [](const char *what, size_t found, size_t expected) {
    return found == expected
               ? Status::success()
               : invalidArgument(std::to_string(found) + " " + what +
                                 "s; expected " + std::to_string(expected));
  };
  Status status = checkCount("input", inputs.size(), entry.inputs.size());
  if (status)
    status = checkCount("output", outputs.size(), entry.outputs.size());
  if (status)
    status = checkWeights(entry);
  for (size_t i = 0; status && i < inputs.size(); ++i)
    status = checkInput(entry.inputs[i], inputs[i])
                 .withContext("input '" + entry.inputs[i].name + "'");
  if (!status)
    return failure(std::move(status));
  // A generation's keys and values are states.
  for (const EntryArgument &argument : entry.arguments)
    if (argument.kind == EntryArgument::Kind::State)
      generation.reset();
  return executor->run(*index, inputs, outputs);
}

/// The tokens as B x T. What stands in the padding does not matter: attention
/// is causal and positions beyond `length` are not read.
std::vector<int32_t> Model::pad(const int32_t *tokens, int64_t rows,
                                int64_t length) const {
  int64_t width = manifest().sequenceLength;
  std::vector<int32_t> padded(static_cast<size_t>(manifest().batch * width), 0);
  for (int64_t row = 0; row < rows; ++row)
    std::copy_n(tokens + row * length, length, padded.begin() + row * width);
  return padded;
}

Status Model::forward(const int32_t *tokens, int64_t rows, int64_t length,
                      float *logits) {
  if (Status status = checkTokens(tokens, rows, length); !status)
    return status;
  Result<size_t> entry = findEntryPoint("forward");
  if (!entry)
    return entry.status();
  std::vector<int32_t> padded = pad(tokens, rows, length);
  int64_t width = manifest().sequenceLength, vocab = manifest().vocabSize;
  bool isWhole = rows == manifest().batch && length == width;
  float *result = logits;
  if (logits && !isWhole) {
    scratch.resize(static_cast<size_t>(manifest().batch * width * vocab));
    result = scratch.data();
  }
  if (Status status = executor->run(*entry, {padded.data()}, {result}); !status)
    return status;
  if (result != logits)
    for (int64_t row = 0; row < rows; ++row)
      std::copy_n(result + row * width * vocab, length * vocab,
                  logits + row * length * vocab);
  return Status::success();
}

/// Runs prefill or decode and chooses the next tokens.
Status Model::runStep(const char *entryPoint,
                      const std::vector<int32_t> &tokens, int32_t position,
                      Generation &generation) {
  Result<size_t> index = findEntryPoint(entryPoint);
  if (!index)
    return index.status();
  const EntryPoint &entry = manifest().entryPoints[*index];
  // A greedy choice is the device's own, and its logits are not read.
  bool isGreedy = generation.sampler.isGreedy();
  int64_t vocab = manifest().vocabSize;
  if (!isGreedy)
    scratch.resize(static_cast<size_t>(manifest().batch * vocab));
  std::vector<const void *> inputs(2, &position);
  inputs[*entry.findInput("input_ids")] = tokens.data();
  std::vector<void *> outputs(2);
  outputs[*entry.findOutput("logits")] = isGreedy ? nullptr : scratch.data();
  outputs[*entry.findOutput("next_token")] =
      isGreedy ? generation.tokens.data() : nullptr;
  Status status = executor->run(*index, inputs, outputs);
  for (int64_t row = 0; status && !isGreedy && row < generation.rows; ++row) {
    Result<int32_t> token =
        generation.sampler.sample(scratch.data() + row * vocab, vocab);
    if (!token)
      return token.status();
    generation.tokens[static_cast<size_t>(row)] = *token;
  }
  return status;
}

Status Model::startGeneration(const int32_t *prompt, int64_t rows,
                              int64_t length, const SamplingOptions &options) {
  generation.reset();
  if (Status status = verifySamplingOptions(options); !status)
    return status;
  if (Status status = checkTokens(prompt, rows, length); !status)
    return status;
  if (Status status = executor->resetStates(); !status)
    return status;
  Generation started{
      Sampler(options), rows, length,
      std::vector<int32_t>(static_cast<size_t>(manifest().batch), 0)};
  Status status = runStep("prefill", pad(prompt, rows, length),
                          static_cast<int32_t>(length - 1), started);
  if (status)
    generation.emplace(std::move(started));
  return status;
}

Status Model::nextTokens(int32_t *tokens) {
  if (!generation)
    return invalidArgument("no generation has been started");
  if (generation->isDelivered) {
    if (generation->position >= manifest().sequenceLength)
      return invalidArgument(
          "the sequence is full: the model was compiled for " +
          std::to_string(manifest().sequenceLength) + " positions");
    std::vector<int32_t> last = generation->tokens;
    Status status =
        runStep("decode", last, static_cast<int32_t>(generation->position),
                *generation);
    if (!status) {
      generation.reset();
      return status;
    }
    ++generation->position;
  }
  generation->isDelivered = true;
  std::copy_n(generation->tokens.begin(), generation->rows, tokens);
  return Status::success();
}

} // namespace pi_runtime
