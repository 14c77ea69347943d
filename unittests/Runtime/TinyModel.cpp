//===- TinyModel.cpp - A model to test the runtime with -------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TinyModel.h"

namespace pi_runtime {

static std::vector<float> makeValues(int64_t count, int factor) {
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i) // Multiples of 1/16: sums are exact.
    values.push_back(static_cast<float>(i * factor % 37 - 18) / 16);
  return values;
}

TinyModel::TinyModel()
    : table(makeValues(vocab * vocab, 11)),
      positions(makeValues(length * vocab, 5)),
      mix(makeValues(vocab * vocab, 7)) {}

static ParameterInfo makeParameter(const char *name, Shape shape) {
  ParameterInfo parameter;
  parameter.name = name;
  parameter.shape = std::move(shape);
  return parameter;
}

/// `positional` inputs, states, parameters, outputs: the order of host code.
static EntryPoint makeEntry(const char *name, std::vector<InputInfo> inputs,
                            bool hasState, std::vector<TensorInfo> outputs) {
  using Kind = EntryArgument::Kind;
  EntryPoint entry;
  entry.name = name;
  entry.symbol = std::string("tiny_") + name;
  for (size_t i = 0; i < inputs.size(); ++i)
    entry.arguments.push_back({Kind::Input, i, ""});
  if (hasState)
    entry.arguments.push_back({Kind::State, 0, "h.0.attn.cache"});
  for (const char *parameter :
       {"wte.weight", "wpe.weight", "mix.weight", "bias"})
    entry.arguments.push_back({Kind::Parameter, 0, parameter});
  for (size_t i = 0; i < outputs.size(); ++i)
    entry.arguments.push_back({Kind::Output, i, ""});
  entry.inputs = std::move(inputs);
  entry.outputs = std::move(outputs);
  return entry;
}

Manifest TinyModel::manifest() const {
  Manifest manifest;
  manifest.compiler = "by hand";
  manifest.target = "cpu";
  manifest.targetArch = "generic";
  manifest.modelName = "tiny";
  manifest.batch = batch;
  manifest.sequenceLength = length;
  manifest.vocabSize = vocab;
  manifest.parameters = {makeParameter("wte.weight", {vocab, vocab}),
                         makeParameter("wpe.weight", {length, vocab}),
                         makeParameter("mix.weight", {vocab, vocab}),
                         makeParameter("bias", {vocab})};
  manifest.parameters[1].storageDtype = DataType::BF16;
  manifest.parameters[3].derived = true;
  manifest.initializers = {{"bias", "tiny_initialize_bias", {"wte.weight"}}};
  manifest.states = {{"h.0.attn.cache", DataType::F32, {batch, vocab}}};

  IndexRange vocabulary{vocab, std::nullopt}, positions{length, std::nullopt};
  InputInfo tokens{{"input_ids", DataType::I32, {batch, length}}, vocabulary};
  InputInfo token{{"input_ids", DataType::I32, {batch, 1}}, vocabulary};
  InputInfo last{{"last_position", DataType::I32, {}}, positions};
  InputInfo position{{"position", DataType::I32, {}}, positions};
  TensorInfo allLogits{"logits", DataType::F32, {batch, length, vocab}};
  TensorInfo logits{"logits", DataType::F32, {batch, vocab}};
  TensorInfo next{"next_token", DataType::I32, {batch}};
  manifest.entryPoints = {
      makeEntry("forward", {tokens}, false, {allLogits}),
      makeEntry("prefill", {tokens, last}, true, {logits, next}),
      makeEntry("decode", {token, position}, true, {logits, next})};
  return manifest;
}

Manifest TinyModel::trainingManifest() const {
  using Kind = EntryArgument::Kind;
  Manifest result = manifest();
  result.states.push_back(
      {"wte.weight.exp_avg", DataType::F32, {vocab, vocab}});
  EntryPoint entry;
  entry.name = "train_step";
  entry.symbol = "tiny_train_step";
  entry.inputs = {{{"learning_rate", DataType::F32, {}}, std::nullopt}};
  entry.outputs = {{"loss", DataType::F32, {}}};
  entry.arguments = {{Kind::Input, 0, ""},
                     {Kind::Parameter, 0, "wte.weight", /*updated=*/true},
                     {Kind::State, 0, "wte.weight.exp_avg"},
                     {Kind::Output, 0, ""}};
  result.entryPoints.push_back(entry);
  return result;
}

Manifest TinyModel::gpuManifest() const {
  Manifest result = manifest();
  result.target = "cuda";
  result.targetArch = "sm_90a";
  for (EntryPoint &entry : result.entryPoints) {
    entry.symbol.clear();
    entry.plan = R"({"arena_bytes":0,"steps":[]})";
  }
  return result;
}

std::vector<TensorView> TinyModel::tensors() const {
  return {{{"wte.weight", DataType::F32, {vocab, vocab}}, table.data()},
          {{"wpe.weight", DataType::F32, {length, vocab}}, positions.data()},
          {{"mix.weight", DataType::F32, {vocab, vocab}}, mix.data()}};
}

Status TinyModel::writeModel(const std::string &path) const {
  return writeModel(path, manifest());
}

Status TinyModel::writeModel(const std::string &path,
                             const Manifest &manifest) {
  Result<MappedFile> code = MappedFile::open(PI_TINY_MODEL_CODE);
  if (!code)
    return code.status();
  return writeArtifact(path, manifest, {{hostCodeSection, code->text()}});
}

Status TinyModel::writeCheckpoint(const std::string &path) const {
  return writeSafetensors(path, tensors());
}

std::vector<float> TinyModel::derivedBias() const {
  std::vector<float> bias(vocab);
  for (int64_t i = 0; i < vocab * vocab; ++i)
    bias[i % vocab] += 2 * table[i];
  return bias;
}

std::vector<float> TinyModel::logits(const std::vector<int32_t> &tokens,
                                     const std::vector<float> &bias) const {
  std::vector<float> h(vocab), result;
  for (size_t t = 0; t < tokens.size(); ++t) {
    for (int64_t v = 0; v < vocab; ++v)
      h[v] += table[tokens[t] * vocab + v];
    for (int64_t v = 0; v < vocab; ++v) {
      float sum = positions[t * vocab + v] + bias[v];
      for (int64_t k = 0; k < vocab; ++k)
        sum += h[k] * mix[k * vocab + v];
      result.push_back(sum);
    }
  }
  return result;
}

} // namespace pi_runtime
