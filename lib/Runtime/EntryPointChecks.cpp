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
template <typename T>
static Status verifyTensors(const char *what, const std::vector<T> &found,
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

/// Where element `number` of a tensor is: " at [1, 2]", or nothing in a scalar.
static std::string placeText(int64_t number, const Shape &shape) {
  std::string text;
  for (size_t i = shape.size(); i-- > 0; number /= shape[i])
    text =
        std::to_string(number % shape[i]) + (text.empty() ? "" : ", ") + text;
  return text.empty() ? text : " at [" + text + "]";
}

Status checkIndices(const InputInfo &input, const int32_t *values,
                    const Shape &shape) {
  if (!input.indices)
    return Status::success();
  const IndexRange &range = *input.indices;
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  for (int64_t i = 0; i < count; ++i) {
    if ((values[i] >= 0 && values[i] < range.bound) ||
        values[i] == range.ignored)
      continue;
    std::string ignored =
        range.ignored ? " and not " + std::to_string(*range.ignored) : "";
    return invalidArgument("input '" + input.name +
                           "': " + std::to_string(values[i]) +
                           placeText(i, shape) + " is not in [0, " +
                           std::to_string(range.bound) + ")" + ignored);
  }
  return Status::success();
}

Status checkInput(const InputInfo &input, const void *data) {
  if (!data)
    return invalidArgument("input '" + input.name + "': no data");
  return checkIndices(input, static_cast<const int32_t *>(data), input.shape);
}

//===----------------------------------------------------------------------===//
// Checks of entry points
//===----------------------------------------------------------------------===//

Status verifyEntryPoints(const Artifact &artifact) {
  const Manifest &manifest = artifact.manifest();
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
