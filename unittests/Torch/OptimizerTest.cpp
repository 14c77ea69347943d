//===- OptimizerTest.cpp - Each operation of an optimiser -----------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Whole steps are compared with LibTorch's optimiser in TrainStepTest.cpp; here
// are the edges of the operations they are made of, against the formula in f64.
//
//===----------------------------------------------------------------------===//

#include "OperationModel.h"

#include "gtest/gtest.h"

#include <cmath>
#include <limits>

using namespace pi_torch;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

Tensor scalar(float value) { return {{}, {value}}; }

Tensor squared(Tensor tensor) {
  for (float &value : tensor.data)
    value *= value;
  return tensor;
}

TEST(Optimizer, GlobalNorm) {
  std::vector<Argument> arguments = {{"a", randomNormal({3, 5, 70}, 1.0, 1)},
                                     {"b", randomNormal({33}, 2.0, 2)},
                                     {"c", scalar(-3.0f)},
                                     {"d", randomNormal({257, 300}, 0.1, 3)}};
  double sum = 0;
  for (const Argument &argument : arguments)
    for (double value : argument.value.data)
      sum += value * value;
  Tensor actual =
      evaluateOne(arguments,
                  "%r0 = pi.global_norm %a, %b, %c, %d : tensor<3x5x70xf32>, "
                  "tensor<33xf32>, tensor<f32>, tensor<257x300xf32>",
                  {});
  EXPECT_NEAR(actual.data[0], std::sqrt(sum), 1e-5 * std::sqrt(sum));
}

TEST(Optimizer, ClipCoefficient) {
  auto clip = [](float norm, float maxNorm) {
    return evaluateOne({{"norm", scalar(norm)}, {"max", scalar(maxNorm)}},
                       "%r0 = pi.clip_coefficient %norm, %max", {})
        .data[0];
  };
  EXPECT_NEAR(clip(4.0f, 1.0f), 0.25, 1e-6);
  EXPECT_EQ(clip(0.5f, 1.0f), 1.0f);
  EXPECT_EQ(clip(0.0f, 1.0f), 1.0f);
  EXPECT_EQ(clip(4.0f, 0.0f), 0.0f);
  // Without clipping.
  EXPECT_EQ(clip(4.0f, infinity), 1.0f);
  EXPECT_TRUE(std::isnan(clip(infinity, 1.0f)));
  EXPECT_TRUE(std::isnan(clip(infinity, infinity)));
  EXPECT_TRUE(std::isnan(clip(nan, 1.0f)));
}

struct AdamWState {
  Tensor weight, expAvg, expAvgSq;
};

constexpr double learningRate = 0.01, weightDecay = 0.3;
constexpr double beta1 = 0.9, beta2 = 0.95, epsilon = 1e-3;

AdamWState runAdamW(const AdamWState &state, const Tensor &gradient, int step,
                    float coefficient, bool decay) {
  std::vector<Tensor> results = evaluate(
      {{"w", state.weight},
       {"g", gradient},
       {"m", state.expAvg},
       {"v", state.expAvgSq},
       {"lr", scalar(learningRate)},
       {"wd", scalar(weightDecay)},
       {"t", scalar(step), "i32"},
       {"c", scalar(coefficient)}},
      std::string("%r0, %r1, %r2 = pi.adamw %w gradient %g moments %m, %v "
                  "learning_rate %lr weight_decay %wd step %t coefficient %c "
                  "beta1 0.9 beta2 0.95 epsilon 1.0e-3 ") +
          (decay ? "decay " : "") + ": tensor<19x7xf32>",
      {{19, 7}, {19, 7}, {19, 7}});
  return {results[0], results[1], results[2]};
}

AdamWState expectAdamW(AdamWState state, const Tensor &gradient, int step,
                       double coefficient, bool decay) {
  for (size_t i = 0; i < gradient.data.size(); ++i) {
    double g = coefficient * gradient.data[i];
    double m = beta1 * state.expAvg.data[i] + (1 - beta1) * g;
    double v = beta2 * state.expAvgSq.data[i] + (1 - beta2) * g * g;
    double w = state.weight.data[i];
    if (decay)
      w -= learningRate * weightDecay * w;
    double denominator = std::sqrt(v / (1 - std::pow(beta2, step))) + epsilon;
    w -= learningRate * m / (1 - std::pow(beta1, step)) / denominator;
    state.weight.data[i] = w;
    state.expAvg.data[i] = m;
    state.expAvgSq.data[i] = v;
  }
  return state;
}

TEST(Optimizer, AdamW) {
  AdamWState state = {randomNormal({19, 7}, 1.0, 1),
                      randomNormal({19, 7}, 0.3, 2),
                      squared(randomNormal({19, 7}, 0.3, 3))};
  Tensor gradient = randomNormal({19, 7}, 1.0, 4);
  // The corrections are nearly all of a first step, and nothing of a late one.
  for (int step : {1, 7, 100000})
    for (bool decay : {true, false}) {
      AdamWState actual = runAdamW(state, gradient, step, 0.5f, decay);
      AdamWState expected = expectAdamW(state, gradient, step, 0.5, decay);
      EXPECT_LT(maxDifference(actual.weight, expected.weight), 1e-6);
      EXPECT_LT(maxDifference(actual.expAvg, expected.expAvg), 1e-6);
      EXPECT_LT(maxDifference(actual.expAvgSq, expected.expAvgSq), 1e-6);
    }
}

TEST(Optimizer, AdamWChangesNothingWithoutACoefficient) {
  AdamWState state = {randomNormal({19, 7}, 1.0, 1),
                      randomNormal({19, 7}, 0.3, 2),
                      squared(randomNormal({19, 7}, 0.3, 3))};
  Tensor gradient = randomNormal({19, 7}, 1.0, 4);
  gradient.data[5] = infinity;
  gradient.data[6] = nan;
  AdamWState actual = runAdamW(state, gradient, 3, nan, /*decay=*/true);
  EXPECT_EQ(actual.weight.data, state.weight.data);
  EXPECT_EQ(actual.expAvg.data, state.expAvg.data);
  EXPECT_EQ(actual.expAvgSq.data, state.expAvgSq.data);
}

TEST(Optimizer, IsFinite) {
  auto isFinite = [](float value) {
    Tensor large = randomNormal({2, 3, 5}, 1.0, 1);
    large.data[17] = value;
    return evaluate({{"x", large}, {"y", scalar(1.0f)}},
                    "%r0 = pi.is_finite %y, %x : tensor<f32>, "
                    "tensor<2x3x5xf32>",
                    {{}}, "i32")
        .front()
        .data[0];
  };
  EXPECT_EQ(isFinite(0.0f), 1);
  // Of squares or of sums, not all would be finite.
  EXPECT_EQ(isFinite(std::numeric_limits<float>::max()), 1);
  EXPECT_EQ(isFinite(std::numeric_limits<float>::denorm_min()), 1);
  EXPECT_EQ(isFinite(infinity), 0);
  EXPECT_EQ(isFinite(-infinity), 0);
  EXPECT_EQ(isFinite(nan), 0);
}

TEST(Optimizer, MeanEntropy) {
  Tensor entropy = randomNormal({3, 4, 5}, 1.0, 1);
  Tensor expected{{4}, std::vector<float>(4)};
  for (size_t i = 0; i < entropy.data.size(); ++i)
    expected.data[i / 5 % 4] += entropy.data[i] / 15;
  Tensor actual =
      evaluateOne({{"e", entropy}},
                  "%r0 = pi.mean_entropy %e : (tensor<3x4x5xf32>) -> "
                  "tensor<4xf32>",
                  {4});
  EXPECT_LT(maxDifference(actual, expected), 1e-6);
}

} // namespace
