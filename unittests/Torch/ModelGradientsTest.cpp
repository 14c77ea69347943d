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

using namespace pi_torch;

namespace {

constexpr int64_t batch = 2;

class ModelGradients
    : public testing::TestWithParam<std::tuple<TrainingCase, int64_t>> {};

TEST_P(ModelGradients, AgreeWithAutograd) {
  auto [test, positions] = GetParam();
  const Decoder &decoder = test.architecture.reference;
  importArchitecture(test.architecture, batch, positions);
  runTool("pi-opt private.mlir --pi-build-loss --pi-differentiate "
          "-o gradients.mlir");
  CompiledModel model("gradients.mlir", "--entry-points=forward");
  Parameters parameters = setParameters(model, /*derivedToo=*/true);
  TokenBatch tokens = someBatch(batch * positions, decoder.vocabSize);
  auto actual = model.run("gradients", asInputs(tokens, batch));
  LossAndGradients expected =
      decoderGradients(decoder, parameters, tokens, batch, test.getReading());
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

// Of other lengths, whole train steps are compared (TrainStepTest.cpp).
INSTANTIATE_TEST_SUITE_P(Architectures, ModelGradients,
                         testing::Combine(testing::ValuesIn(trainingCases()),
                                          testing::Values(7)),
                         [](const auto &info) {
                           return testName(std::get<0>(info.param).name) +
                                  "_T" +
                                  std::to_string(std::get<1>(info.param));
                         });

} // namespace
