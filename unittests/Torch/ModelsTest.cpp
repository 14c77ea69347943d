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

#include "Architectures.h"

#include "gtest/gtest.h"

#include <algorithm>

using namespace pi_torch;

namespace {

constexpr int64_t batch = 2, positions = 16;
constexpr double tolerance = 1e-4;

CompiledModel compileArchitecture(const Architecture &architecture) {
  importArchitecture(architecture, batch, positions);
  return CompiledModel("private.mlir");
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

/// The form for one next token gives the row of all logits, wherever it stands.
TEST_P(Models, NextTokenOnlyAgrees) {
  CompiledModel model = compileArchitecture(GetParam());
  Parameters parameters = setParameters(model, /*derivedToo=*/true);
  runTool("pi-opt private.mlir --pi-next-token-only -o next.mlir");
  CompiledModel narrowed("next.mlir", "--entry-points=forward");
  for (const pi_runtime::ParameterInfo &info : narrowed.manifest().parameters)
    narrowed.setParameter(info.name, parameters.at(info.name));

  int64_t vocabSize = GetParam().reference.vocabSize;
  Tensor tokens =
      asTensor(someTokens(batch * positions, vocabSize), {batch, positions});
  Tensor all = model.run("forward", {{"input_ids", tokens}}).at("logits");
  for (int64_t position : {int64_t(0), int64_t(5), positions - 1}) {
    Tensor expected{{batch, 1, vocabSize}, {}};
    for (int64_t sequence = 0; sequence < batch; ++sequence) {
      auto row =
          all.data.begin() + (sequence * positions + position) * vocabSize;
      expected.data.insert(expected.data.end(), row, row + vocabSize);
    }
    Tensor actual =
        narrowed
            .run("forward",
                 {{"input_ids", tokens},
                  {"position", {{}, {static_cast<float>(position)}}}})
            .at("logits");
    EXPECT_LT(maxDifference(actual, expected), tolerance)
        << "position " << position;
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
    [](const auto &info) { return testName(info.param.name); });

} // namespace
