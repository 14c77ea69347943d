//===- Architectures.cpp - Small models of the paper's forms --------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Architectures.h"

#include <algorithm>
#include <cmath>

using namespace pi_torch;

std::ostream &pi_torch::operator<<(std::ostream &stream,
                                   const Architecture &value) {
  return stream << value.name;
}

Architecture pi_torch::architecture(const std::string &name, bool layerNorm,
                                    const std::string &activation,
                                    bool scaledFfn, bool fusedFfn,
                                    bool temperature) {
  Decoder decoder;
  // pi-architecture drops ln_f with the others unless told otherwise.
  decoder.layerNorm = decoder.finalLayerNorm = layerNorm;
  decoder.activation = activation;
  decoder.scaledFfn = scaledFfn;
  decoder.fusedFfn = fusedFfn;
  decoder.temperature = temperature;
  return {name, decoder, ""};
}

std::string pi_torch::testName(std::string name) {
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !isalnum(c); }, '_');
  return name;
}

void pi_torch::importArchitecture(const Architecture &architecture,
                                  int64_t batch, int64_t positions) {
  const Decoder &decoder = architecture.reference;
  writeScratchFile(
      "config.json",
      "{\"model_type\": \"gpt2\", \"n_layer\": " +
          std::to_string(decoder.layers) +
          ", \"n_head\": " + std::to_string(decoder.heads) +
          ", \"n_embd\": " + std::to_string(decoder.width) +
          ", \"vocab_size\": " + std::to_string(decoder.vocabSize) +
          ", \"n_positions\": " +
          std::to_string(std::max<int64_t>(128, positions)) +
          ", \"layer_norm_epsilon\": 1e-05, "
          "\"activation_function\": \"gelu_new\"}");
  runTool("pi-translate --import-gpt2 config.json --batch " +
          std::to_string(batch) + " --seq-len " + std::to_string(positions) +
          " -o gpt2.mlir");
  runTool("pi-opt gpt2.mlir --pi-architecture='name=" + architecture.name +
          " " + architecture.options + "' -o private.mlir");
}

static bool endsWith(const std::string &text, const std::string &ending) {
  return text.size() >= ending.size() &&
         text.compare(text.size() - ending.size(), ending.size(), ending) == 0;
}

/// Numbers that make every parameter matter: gains around 1, the others large
/// enough that a wrong one shows.
static Tensor randomParameter(const pi_runtime::ParameterInfo &info,
                              uint64_t seed) {
  bool gain =
      endsWith(info.name, "temperature") || endsWith(info.name, "alpha") ||
      endsWith(info.name, "beta") || endsWith(info.name, "ln_1.weight") ||
      endsWith(info.name, "ln_2.weight") || endsWith(info.name, "ln_f.weight");
  Tensor value = randomNormal(info.shape, 0.1, seed);
  if (gain)
    for (float &element : value.data)
      element += 1.0f;
  return value;
}

Parameters pi_torch::setParameters(CompiledModel &model, bool derivedToo) {
  Parameters values;
  uint64_t seed = 0;
  for (const pi_runtime::ParameterInfo &info : model.manifest().parameters) {
    if (info.derived && !derivedToo)
      continue;
    values[info.name] = randomParameter(info, ++seed);
    model.setParameter(info.name, values[info.name]);
  }
  model.initializeParameters();
  return values;
}

std::vector<int32_t> pi_torch::someTokens(int64_t count, int64_t vocabSize) {
  std::vector<int32_t> tokens(count);
  for (int64_t i = 0; i < count; ++i)
    tokens[i] = static_cast<int32_t>((i * i * 31 + 17 * i + 5) % vocabSize);
  return tokens;
}

std::ostream &pi_torch::operator<<(std::ostream &stream,
                                   const TrainingCase &value) {
  return stream << value.name;
}

static TrainingCase regularized(const std::string &name,
                                const EntropyReading &reading) {
  Architecture model =
      architecture("EReg(SM(t)+ScFuFFN)", false, "identity", true, true, true);
  model.options = std::string("reading=") +
                  (reading.perRow ? "per-row" : "per-head") +
                  " gamma=" + std::to_string(reading.gamma) +
                  " lambda=" + std::to_string(reading.lambda);
  return {name, model, reading};
}

std::vector<TrainingCase> pi_torch::trainingCases() {
  std::vector<TrainingCase> cases;
  for (const Architecture &plain :
       {architecture("SM+LN+G", true, "gelu_tanh"),
        architecture("SM+LN+R", true, "relu"),
        architecture("SM+ScFuFFN", false, "identity", true, true)})
    cases.push_back({plain.name, plain, std::nullopt});
  // Penalties large enough to matter beside a cross-entropy of about 5.
  cases.push_back(regularized("ERegPerRow", {true, 0.2, 0.01}));
  cases.push_back(regularized("ERegPerHead", {false, 0.2, 1.0}));
  return cases;
}

TokenBatch pi_torch::someBatch(int64_t count, int64_t vocabSize) {
  TokenBatch batch;
  batch.tokens = someTokens(count + 1, vocabSize);
  batch.targets.assign(batch.tokens.begin() + 1, batch.tokens.end());
  batch.tokens.pop_back();
  for (int64_t i = 3; i < count; i += i < count / 2 ? 5 : 9)
    batch.targets[i] = -100;
  return batch;
}

std::map<std::string, Tensor> pi_torch::asInputs(const TokenBatch &batch,
                                                 int64_t batchSize) {
  std::vector<int64_t> shape = {
      batchSize, static_cast<int64_t>(batch.tokens.size()) / batchSize};
  return {{"input_ids", asTensor(batch.tokens, shape)},
          {"targets", asTensor(batch.targets, shape)}};
}

double pi_torch::largest(const Tensor &tensor) {
  double size = 0;
  for (float value : tensor.data)
    size = std::max(size, std::abs(static_cast<double>(value)));
  return size;
}

Tensor pi_torch::asTensor(const std::vector<int32_t> &tokens,
                          std::vector<int64_t> shape) {
  return {std::move(shape), {tokens.begin(), tokens.end()}};
}
