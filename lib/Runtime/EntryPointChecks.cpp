//===- EntryPointChecks.cpp - What entry points may have and take ---------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EntryPointChecks.h"

#include <algorithm>

namespace pi_runtime {

//===----------------------------------------------------------------------===//
// Signatures
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

Status checkTokens(const Manifest &manifest, const int32_t *tokens,
                   int64_t rows, int64_t length, bool allowIgnored) {
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

Status checkInput(const Manifest &manifest, const TensorInfo &input,
                  const void *data) {
  if (!data)
    return invalidArgument("no data");
  auto *values = static_cast<const int32_t *>(data);
  auto count = static_cast<int64_t>(input.elementCount());
  if (isTokens(input)) {
    int64_t length = input.shape.empty() ? 1 : input.shape.back();
    return checkTokens(manifest, values, count / length, length,
                       isTargets(input));
  }
  for (int64_t i = 0; isPosition(input) && i < count; ++i)
    if (values[i] < 0 || values[i] >= manifest.sequenceLength)
      return invalidArgument(
          "position " + std::to_string(values[i]) +
          " is not in the sequence, which has positions 0 to " +
          std::to_string(manifest.sequenceLength - 1));
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Checks of entry points
//===----------------------------------------------------------------------===//

Status verifyEntryPoints(const Artifact &artifact) {
  const Manifest &manifest = artifact.manifest();
  for (const EntryPoint &entry : manifest.entryPoints)
    for (const TensorInfo &input : entry.inputs)
      if (Status status = verifyIndexType(input); !status)
        return std::move(status).withContext(
            "'" + artifact.path() + "': entry point '" + entry.name + "'");
  for (const Signature &signature : knownSignatures(manifest)) {
    const EntryPoint *entry = manifest.findEntryPoint(signature.name);
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

} // namespace pi_runtime
