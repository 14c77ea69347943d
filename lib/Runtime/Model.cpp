//===- Model.cpp - A compiled model that runs -----------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Runtime/Model.h"

#include "EntryPointChecks.h"
#include "Manifest.h"

#include "pi/Runtime/Weights.h"

#include <algorithm>

namespace pi_runtime {

//===----------------------------------------------------------------------===//
// Entry points
//===----------------------------------------------------------------------===//

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

Status Model::checkWeights(size_t entryPoint) const {
  for (size_t index : entryParameters[entryPoint])
    if (!hasValue[index])
      return invalidArgument("no weights are loaded");
  return Status::success();
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
  if (Status status = verifyEntryPoints(model->artifact); !status)
    return status;
  Result<std::unique_ptr<Executor>> executor =
      createExecutor(model->artifact, device);
  if (!executor)
    return executor.status();
  model->executor = std::move(*executor);
  const Manifest &manifest = model->manifest();
  model->hasValue.resize(manifest.parameters.size());
  for (const EntryPoint &entry : manifest.entryPoints) {
    std::vector<size_t> &indices = model->entryParameters.emplace_back();
    for (const EntryArgument &argument : entry.arguments)
      if (argument.kind == EntryArgument::Kind::Parameter)
        indices.push_back(*manifest.findParameter(argument.name));
  }
  return model;
}

Status Model::loadWeights(const std::string &path) {
  generation.reset();
  hasValue.assign(hasValue.size(), false);
  Result<Checkpoint> checkpoint = Checkpoint::open(path);
  if (!checkpoint)
    return checkpoint.status();
  Status status = pi_runtime::loadWeights(artifact, *checkpoint, *executor);
  hasValue.assign(hasValue.size(), status.ok());
  return status;
}

Status Model::initializeWeights(uint64_t seed) {
  generation.reset();
  Status status = pi_runtime::initializeWeights(artifact, seed, *executor);
  hasValue.assign(hasValue.size(), status.ok());
  return status;
}

static Status checkIndex(const char *what, size_t index, size_t count) {
  if (index < count)
    return Status::success();
  return invalidArgument(std::string("no ") + what + " " +
                         std::to_string(index) + "; the model has " +
                         std::to_string(count));
}

Status Model::setParameter(size_t index, const void *data) {
  Status status = checkIndex("parameter", index, hasValue.size());
  if (status)
    status = executor->setParameter(index, data);
  if (status)
    hasValue[index] = true;
  return status;
}

Status Model::readParameter(size_t index, void *data) const {
  Status status = checkIndex("parameter", index, hasValue.size());
  if (status && !hasValue[index])
    return missingParameter(manifest().parameters[index].name);
  return status ? executor->readParameter(index, data) : status;
}

Status Model::setState(size_t index, const void *data) {
  Status status = checkIndex("state", index, manifest().states.size());
  return status ? executor->setState(index, data) : status;
}

Status Model::readState(size_t index, void *data) const {
  Status status = checkIndex("state", index, manifest().states.size());
  return status ? executor->readState(index, data) : status;
}

Status Model::readTensor(std::string_view name, void *data,
                         uint64_t byteSize) const {
  std::optional<size_t> parameter = manifest().findParameter(name);
  std::optional<size_t> state = manifest().findState(name);
  if (!parameter && !state)
    return invalidArgument("'" + artifact.path() +
                           "' has no parameter and no state '" +
                           std::string(name) + "'");
  uint64_t expected = parameter
                          ? manifest().parameters[*parameter].storageByteSize()
                          : manifest().states[*state].byteSize();
  if (byteSize != expected)
    return invalidArgument("'" + std::string(name) + "' has " +
                           std::to_string(expected) + " bytes, but " +
                           std::to_string(byteSize) + " are to be read");
  return parameter ? readParameter(*parameter, data) : readState(*state, data);
}

Status Model::tune() {
  for (size_t i = 0; i < entryParameters.size(); ++i)
    if (Status status = checkWeights(i); !status)
      return status;
  generation.reset();
  return executor->tune();
}

std::string Model::describe() const {
  uint64_t elements = 0, parameterBytes = 0, stateBytes = 0;
  std::vector<TensorInfo> tensors;
  std::vector<bool> isUsed = manifest().usedParameters();
  for (size_t i = 0; i < isUsed.size(); ++i) {
    const ParameterInfo &parameter = manifest().parameters[i];
    elements += parameter.elementCount();
    parameterBytes += parameter.storageByteSize();
    if (isUsed[i])
      tensors.push_back(
          {parameter.name, parameter.storageDtype, parameter.shape});
  }
  for (const TensorInfo &state : manifest().states) {
    stateBytes += state.byteSize();
    tensors.push_back(state);
  }
  nlohmann::json entryPoints = nlohmann::json::array();
  for (const EntryPoint &entry : manifest().entryPoints)
    entryPoints.push_back({{"name", entry.name},
                           {"inputs", inputsToJson(entry.inputs)},
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
                   {"tensors", tensorsToJson(tensors)},
                   {"parameters", elements},
                   {"parameter_bytes", parameterBytes},
                   {"state_bytes", stateBytes},
                   {"memory_bytes", executor->memoryBytes()}});
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

/// Whether the entry point takes these tokens.
Status Model::checkTokens(const EntryPoint &entry, const int32_t *tokens,
                          int64_t rows, int64_t length) const {
  if (rows < 1 || rows > manifest().batch)
    return invalidArgument(std::to_string(rows) +
                           " rows of tokens; the model takes 1 to " +
                           std::to_string(manifest().batch));
  if (length < 1 || length > manifest().sequenceLength)
    return invalidArgument(std::to_string(length) +
                           " tokens; the model takes 1 to " +
                           std::to_string(manifest().sequenceLength));
  return checkIndices(entry.inputs[*entry.findInput("input_ids")], tokens,
                      {rows, length});
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
    status = checkWeights(*index);
  for (size_t i = 0; status && i < inputs.size(); ++i)
    status = checkInput(entry.inputs[i], inputs[i]);
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
  Result<size_t> entry = findEntryPoint("forward");
  if (!entry)
    return entry.status();
  if (Status status = checkWeights(*entry); !status)
    return status;
  if (Status status =
          checkTokens(manifest().entryPoints[*entry], tokens, rows, length);
      !status)
    return status;
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
  // Logits may be of more tokens than there are embeddings.
  Status status;
  for (size_t i = 0; status && i < inputs.size(); ++i)
    status = checkInput(entry.inputs[i], inputs[i]);
  if (!status)
    return std::move(status).withContext("entry point '" + entry.name + "'");
  status = executor->run(*index, inputs, outputs);
  for (int64_t row = 0; status && !isGreedy && row < generation.rows; ++row) {
    Result<int32_t> token =
        generation.sampler.sample(scratch.data() + row * vocab, vocab);
    if (!token)
      return token.status();
    generation.tokens[static_cast<size_t>(row)] = *token;
  }
  return status;
}

/// Sets the states of prefill and decode to zero; others, such as those of an
/// optimizer, stay.
Status Model::clearCaches() {
  for (const char *name : {"prefill", "decode"}) {
    Result<size_t> entry = findEntryPoint(name);
    if (!entry)
      return entry.status();
    if (Status status = checkWeights(*entry); !status)
      return status;
    for (const EntryArgument &argument :
         manifest().entryPoints[*entry].arguments)
      if (argument.kind == EntryArgument::Kind::State)
        if (Status status =
                executor->clearState(*manifest().findState(argument.name));
            !status)
          return status;
  }
  return Status::success();
}

Status Model::startGeneration(const int32_t *prompt, int64_t rows,
                              int64_t length, const SamplingOptions &options) {
  generation.reset();
  if (Status status = verifySamplingOptions(options); !status)
    return status;
  if (Status status = clearCaches(); !status)
    return status;
  const EntryPoint &prefill = *manifest().findEntryPoint("prefill");
  if (Status status = checkTokens(prefill, prompt, rows, length); !status)
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
