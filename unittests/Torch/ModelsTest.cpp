//===- ModelsTest.cpp - Whole models against LibTorch --------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Imports a small GPT-2, rewrites it to an architecture, compiles it, and
// compares its logits and greedy tokens with the same decoder in LibTorch.
//
//===----------------------------------------------------------------------===//

#include "CompiledModel.h"

#include "gtest/gtest.h"

#include <algorithm>

using namespace pi_torch;

namespace {

constexpr int64_t batch = 2, positions = 16;
constexpr double tolerance = 1e-4;

struct Architecture {
  std::string name;
  Decoder reference;
};

std::ostream &operator<<(std::ostream &stream, const Architecture &value) {
  return stream << value.name;
}

/// What the reference does for a name of the paper.
Architecture architecture(const std::string &name, bool layerNorm,
                          const std::string &activation, bool scaledFfn = false,
                          bool fusedFfn = false, bool temperature = false) {
  Decoder decoder;
  // pi-architecture drops ln_f with the others unless told otherwise.
  decoder.layerNorm = decoder.finalLayerNorm = layerNorm;
  decoder.activation = activation;
  decoder.scaledFfn = scaledFfn;
  decoder.fusedFfn = fusedFfn;
  decoder.temperature = temperature;
  return {name, decoder};
}

CompiledModel compileArchitecture(const Architecture &architecture) {
  const Decoder &decoder = architecture.reference;
  writeScratchFile(
      "config.json",
      "{\"model_type\": \"gpt2\", \"n_layer\": " +
          std::to_string(decoder.layers) +
          ", \"n_head\": " + std::to_string(decoder.heads) +
          ", \"n_embd\": " + std::to_string(decoder.width) +
          ", \"vocab_size\": " + std::to_string(decoder.vocabSize) +
          ", \"n_positions\": 32, \"layer_norm_epsilon\": 1e-05, "
          "\"activation_function\": \"gelu_new\"}");
  runTool("pi-translate --import-gpt2 config.json --batch " +
          std::to_string(batch) + " --seq-len " + std::to_string(positions) +
          " -o gpt2.mlir");
  runTool("pi-opt gpt2.mlir --pi-architecture='name=" + architecture.name +
          "' -o private.mlir");
  return CompiledModel("private.mlir");
}

bool endsWith(const std::string &text, const std::string &ending) {
  return text.size() >= ending.size() &&
         text.compare(text.size() - ending.size(), ending.size(), ending) == 0;
}

/// Numbers that make every parameter matter: gains around 1, the others large
/// enough that a wrong one shows.
Tensor randomParameter(const pi_runtime::ParameterInfo &info, uint64_t seed) {
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

/// Sets the parameters that a checkpoint holds, and the derived ones too if
/// asked for; gives the values.
Parameters setParameters(CompiledModel &model, bool derivedToo) {
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

std::vector<int32_t> someTokens(int64_t count, int64_t vocabSize) {
  std::vector<int32_t> tokens(count);
  for (int64_t i = 0; i < count; ++i)
    tokens[i] = static_cast<int32_t>((i * i * 31 + 17 * i + 5) % vocabSize);
  return tokens;
}

Tensor asTensor(const std::vector<int32_t> &tokens,
                std::vector<int64_t> shape) {
  return {std::move(shape), {tokens.begin(), tokens.end()}};
}

class Models : public testing::TestWithParam<Architecture> {};

TEST_P(Models, LogitsAgree) {
  const Decoder &decoder = GetParam().reference;
  CompiledModel model = compileArchitecture(GetParam());
  Parameters parameters = setParameters(model, /*derivedToo=*/true);
  std::vector<int32_t> tokens =
      someTokens(batch * positions, decoder.vocabSize);
  Tensor actual =
      model
          .run("forward", {{"input_ids", asTensor(tokens, {batch, positions})}})
          .at("logits");
  EXPECT_LT(
      maxDifference(actual, decoderLogits(decoder, parameters, tokens, batch)),
      tolerance);
}

/// A stock checkpoint has none of the derived parameters. It loads, and fused
/// and scaled layers and temperatures then change nothing.
TEST_P(Models, StockCheckpointLoads) {
  CompiledModel model = compileArchitecture(GetParam());
  Parameters parameters = setParameters(model, /*derivedToo=*/false);
  Decoder decoder = GetParam().reference;
  decoder.fusedFfn = decoder.scaledFfn = decoder.temperature = false;
  std::vector<int32_t> tokens =
      someTokens(batch * positions, decoder.vocabSize);
  Tensor actual =
      model
          .run("forward", {{"input_ids", asTensor(tokens, {batch, positions})}})
          .at("logits");
  EXPECT_LT(
      maxDifference(actual, decoderLogits(decoder, parameters, tokens, batch)),
      tolerance);
}

/// The index of the largest logit of a position.
int32_t greedyToken(const Tensor &logits, int64_t sequence, int64_t position) {
  int64_t length = logits.shape[1], vocabSize = logits.shape[2];
  auto row = logits.data.begin() + (sequence * length + position) * vocabSize;
  return static_cast<int32_t>(std::max_element(row, row + vocabSize) - row);
}

TEST_P(Models, PrefillAndDecodeAgree) {
  const Decoder &decoder = GetParam().reference;
  CompiledModel model = compileArchitecture(GetParam());
  Parameters parameters = setParameters(model, /*derivedToo=*/true);
  constexpr int64_t promptLength = 5;

  // One sequence after the other in LibTorch, without a cache.
  std::vector<std::vector<int32_t>> expected;
  std::vector<int32_t> prompts =
      someTokens(batch * positions, decoder.vocabSize);
  for (int64_t sequence = 0; sequence < batch; ++sequence) {
    auto begin = prompts.begin() + sequence * positions;
    std::vector<int32_t> tokens(begin, begin + promptLength);
    while (static_cast<int64_t>(tokens.size()) < positions) {
      Tensor logits = decoderLogits(decoder, parameters, tokens, 1);
      tokens.push_back(greedyToken(logits, 0, tokens.size() - 1));
    }
    expected.push_back(tokens);
  }

  // What stands after a prompt is padding, which must not matter.
  Tensor next =
      model
          .run("prefill", {{"input_ids", asTensor(prompts, {batch, positions})},
                           {"last_position", {{}, {promptLength - 1}}}})
          .at("next_token");
  for (int64_t position = promptLength;; ++position) {
    for (int64_t sequence = 0; sequence < batch; ++sequence)
      ASSERT_EQ(next.data[sequence], expected[sequence][position])
          << "sequence " << sequence << ", position " << position;
    if (position + 1 == positions)
      break;
    next =
        model
            .run("decode", {{"input_ids", {{batch, 1}, next.data}},
                            {"position", {{}, {static_cast<float>(position)}}}})
            .at("next_token");
  }
}

INSTANTIATE_TEST_SUITE_P(
    Architectures, Models,
    testing::Values(architecture("SM+LN+G", true, "gelu_tanh"),
                    architecture("SM+LN+R", true, "relu"),
                    architecture("SM+LN", true, "identity"),
                    architecture("SM+G", false, "gelu_tanh"),
                    architecture("SM+ScFFN", false, "identity", true),
                    architecture("SM+ScFuFFN", false, "identity", true, true),
                    architecture("EReg(SM(t)+ScFuFFN)", false, "identity", true,
                                 true, true)),
    [](const auto &info) {
      std::string name = info.param.name;
      std::replace_if(
          name.begin(), name.end(), [](char c) { return !isalnum(c); }, '_');
      return name;
    });

} // namespace
