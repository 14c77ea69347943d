//===- Architectures.cpp - Small models of the paper's forms --------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Architectures.h"

#include <algorithm>

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
          ", \"n_positions\": 128, \"layer_norm_epsilon\": 1e-05, "
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

Tensor pi_torch::asTensor(const std::vector<int32_t> &tokens,
                          std::vector<int64_t> shape) {
  return {std::move(shape), {tokens.begin(), tokens.end()}};
}
