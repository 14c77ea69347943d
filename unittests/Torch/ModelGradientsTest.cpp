//===- ModelGradientsTest.cpp - Gradients of whole models -----------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Imports a small GPT-2, rewrites it to an architecture, differentiates its
// loss, compiles that, and compares every gradient with autograd's.
//
//===----------------------------------------------------------------------===//

#include "Architectures.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <cmath>

using namespace pi_torch;

namespace {

constexpr int64_t batch = 2;

struct Case {
  std::string name;
  Architecture architecture;
  /// With the entropy regulariser.
  std::optional<EntropyReading> reading;
};

/// Penalties large enough to matter beside a cross-entropy of about 5.
constexpr EntropyReading perRow{true, 0.2, 0.01}, perHead{false, 0.2, 1.0};

Case plain(const Architecture &architecture) {
  return {architecture.name, architecture, std::nullopt};
}

Case regularized(const std::string &name, const EntropyReading &reading) {
  Architecture model =
      architecture("EReg(SM(t)+ScFuFFN)", false, "identity", true, true, true);
  model.options = std::string("reading=") +
                  (reading.perRow ? "per-row" : "per-head") +
                  " gamma=" + std::to_string(reading.gamma) +
                  " lambda=" + std::to_string(reading.lambda);
  return {name, model, reading};
}

std::ostream &operator<<(std::ostream &stream, const Case &value) {
  return stream << value.name;
}

double largest(const Tensor &tensor) {
  double size = 0;
  for (float value : tensor.data)
    size = std::max(size, std::abs(static_cast<double>(value)));
  return size;
}

class ModelGradients
    : public testing::TestWithParam<std::tuple<Case, int64_t>> {};

TEST_P(ModelGradients, AgreeWithAutograd) {
  auto [test, positions] = GetParam();
  const Decoder &decoder = test.architecture.reference;
  importArchitecture(test.architecture, batch, positions);
  runTool("pi-opt private.mlir --pi-build-loss --pi-differentiate "
          "-o gradients.mlir");
  CompiledModel model("gradients.mlir", "--entry-points=forward");
  Parameters parameters = setParameters(model, /*derivedToo=*/true);
  std::vector<int32_t> tokens =
      someTokens(batch * positions + 1, decoder.vocabSize);
  std::vector<int32_t> targets(tokens.begin() + 1, tokens.end());
  tokens.pop_back();
  // Some do not count, in one sequence more than in the other.
  for (size_t i = 3; i < targets.size(); i += i < targets.size() / 2 ? 5 : 9)
    targets[i] = -100;

  auto actual = model.run("gradients",
                          {{"input_ids", asTensor(tokens, {batch, positions})},
                           {"targets", asTensor(targets, {batch, positions})}});
  LossAndGradients expected =
      decoderGradients(decoder, parameters, tokens, targets, batch,
                       test.reading ? &*test.reading : nullptr);
  EXPECT_NEAR(actual.at("loss").data[0], expected.loss, 1e-5 * expected.loss);

  double largestOfAll = 0;
  for (const auto &[name, gradient] : expected.gradients)
    largestOfAll = std::max(largestOfAll, largest(gradient));
  size_t compared = 0;
  for (const auto &[output, value] : actual) {
    if (output == "loss")
      continue;
    std::string name = output.substr(std::string("gradient.").size());
    ASSERT_TRUE(expected.gradients.count(name)) << name;
    const Tensor &reference = expected.gradients.at(name);
    // Relative to the largest element. Some gradients are 0 but for rounding,
    // as that of a temperature at one position: what they cancel from is of the
    // size of the others.
    double size = std::max(largest(reference), 1e-3 * largestOfAll);
    EXPECT_LT(maxDifference(value, reference), 1e-4 * size) << name;
    ++compared;
  }
  // Everything that autograd finds a gradient for has one.
  EXPECT_EQ(compared, expected.gradients.size());
}

INSTANTIATE_TEST_SUITE_P(
    Architectures, ModelGradients,
    testing::Combine(
        testing::Values(plain(architecture("SM+LN+G", true, "gelu_tanh")),
                        plain(architecture("SM+LN+R", true, "relu")),
                        plain(architecture("SM+ScFuFFN", false, "identity",
                                           true, true)),
                        regularized("ERegPerRow", perRow),
                        regularized("ERegPerHead", perHead)),
        testing::Values(1, 7, 100, 128)),
    [](const auto &info) {
      return testName(std::get<0>(info.param).name) + "_T" +
             std::to_string(std::get<1>(info.param));
    });

} // namespace
