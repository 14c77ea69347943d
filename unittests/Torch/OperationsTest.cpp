//===- OperationsTest.cpp - Each operation against LibTorch --------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Every operation is compiled as a function of its own, run, and compared with
// the same mathematics in LibTorch.
//
//===----------------------------------------------------------------------===//

#include "OperationModel.h"

#include "gtest/gtest.h"

#include <cmath>

using namespace pi_torch;

namespace {

Tensor scalar(float value) { return {{}, {value}}; }

/// Positive numbers around 1, as temperatures and gains are.
Tensor positive(const Shape &shape, uint64_t seed) {
  Tensor tensor = randomNormal(shape, 0.5, seed);
  for (float &value : tensor.data)
    value = std::exp(value);
  return tensor;
}

/// The rows of a table at these indices.
Tensor rows(const Tensor &table, const std::vector<int64_t> &indices) {
  int64_t width = table.shape[1];
  Tensor result{{static_cast<int64_t>(indices.size()), width}, {}};
  for (int64_t index : indices)
    result.data.insert(result.data.end(), table.data.begin() + index * width,
                       table.data.begin() + (index + 1) * width);
  return result;
}

constexpr double tolerance = 1e-5;

TEST(Operations, Embedding) {
  Tensor table = randomNormal({40, 24}, 1.0, 1);
  std::vector<int64_t> tokens = {7, 0, 39, 7, 12, 1};
  Tensor indices{{2, 3}, {tokens.begin(), tokens.end()}};
  Tensor actual = evaluateOne(
      {{"ids", indices, "i32"}, {"table", table}},
      "%r0 = pi.embedding %ids, %table : (tensor<2x3xi32>, tensor<40x24xf32>) "
      "-> tensor<2x3x24xf32>",
      {2, 3, 24});
  EXPECT_EQ(actual.data, rows(table, tokens).data);
}

TEST(Operations, PositionEmbedding) {
  Tensor table = randomNormal({10, 24}, 1.0, 2);
  std::vector<Tensor> actual = evaluate(
      {{"table", table}, {"position", scalar(7), "i32"}},
      "%r0 = pi.position_embedding %table : (tensor<10x24xf32>) -> "
      "tensor<2x24xf32>\n"
      "%r1 = pi.position_embedding %table at %position : (tensor<10x24xf32>, "
      "tensor<i32>) -> tensor<2x24xf32>",
      {{2, 24}, {2, 24}});
  EXPECT_EQ(actual[0].data, rows(table, {0, 1}).data);
  EXPECT_EQ(actual[1].data, rows(table, {7, 8}).data);
}

TEST(Operations, Linear) {
  Tensor x = randomNormal({2, 9, 40}, 1.0, 3);
  Tensor w = randomNormal({40, 24}, 0.2, 4), b = randomNormal({24}, 1.0, 5);
  std::string types = "(tensor<2x9x40xf32>, tensor<40x24xf32>";
  Tensor plain = evaluateOne({{"x", x}, {"w", w}},
                             "%r0 = pi.linear %x, %w : " + types +
                                 ") -> tensor<2x9x24xf32>",
                             {2, 9, 24});
  EXPECT_LT(maxDifference(plain, linear(x, w, nullptr, false)), tolerance);
  Tensor biased = evaluateOne({{"x", x}, {"w", w}, {"b", b}},
                              "%r0 = pi.linear %x, %w bias %b : " + types +
                                  ", tensor<24xf32>) -> tensor<2x9x24xf32>",
                              {2, 9, 24});
  EXPECT_LT(maxDifference(biased, linear(x, w, &b, false)), tolerance);
}

TEST(Operations, LinearTransposed) {
  Tensor x = randomNormal({1, 9, 40}, 1.0, 6);
  Tensor w = randomNormal({50, 40}, 0.2, 7);
  Tensor actual = evaluateOne({{"x", x}, {"w", w}},
                              "%r0 = pi.linear %x, %w transposed : "
                              "(tensor<1x9x40xf32>, tensor<50x40xf32>) -> "
                              "tensor<1x9x50xf32>",
                              {1, 9, 50});
  EXPECT_LT(maxDifference(actual, linear(x, w, nullptr, true)), tolerance);
}

TEST(Operations, LinearOfOneRow) {
  Tensor x = randomNormal({1, 1, 40}, 1.0, 8);
  Tensor w = randomNormal({40, 24}, 0.2, 9), b = randomNormal({24}, 1.0, 10);
  Tensor actual = evaluateOne({{"x", x}, {"w", w}, {"b", b}},
                              "%r0 = pi.linear %x, %w bias %b : "
                              "(tensor<1x1x40xf32>, tensor<40x24xf32>, "
                              "tensor<24xf32>) -> tensor<1x1x24xf32>",
                              {1, 1, 24});
  EXPECT_LT(maxDifference(actual, linear(x, w, &b, false)), tolerance);
}

TEST(Operations, Matmul) {
  Tensor a = randomNormal({3, 12, 20}, 1.0, 11);
  Tensor b = randomNormal({3, 20, 8}, 0.2, 12);
  Tensor actual = evaluateOne({{"a", a}, {"b", b}},
                              "%r0 = pi.matmul %a, %b : (tensor<3x12x20xf32>, "
                              "tensor<3x20x8xf32>) -> tensor<3x12x8xf32>",
                              {3, 12, 8});
  EXPECT_LT(maxDifference(actual, matmul(a, b)), tolerance);
}

TEST(Operations, AddBroadcasts) {
  Tensor a = randomNormal({2, 5, 24}, 1.0, 13);
  Tensor b = randomNormal({5, 24}, 1.0, 14);
  Tensor actual = evaluateOne({{"a", a}, {"b", b}},
                              "%r0 = pi.add %a, %b : (tensor<2x5x24xf32>, "
                              "tensor<5x24xf32>) -> tensor<2x5x24xf32>",
                              {2, 5, 24});
  EXPECT_LT(maxDifference(actual, add(a, b)), tolerance);
}

TEST(Operations, ScaledResidual) {
  Tensor x = randomNormal({2, 5, 24}, 1.0, 15);
  Tensor u = randomNormal({2, 5, 24}, 1.0, 16);
  Tensor actual = evaluateOne(
      {{"x", x}, {"u", u}, {"alpha", scalar(1.7f)}, {"beta", scalar(0.6f)}},
      "%r0 = pi.scaled_residual %x, %u alpha %alpha beta %beta : "
      "(tensor<2x5x24xf32>, tensor<2x5x24xf32>, tensor<f32>, tensor<f32>) -> "
      "tensor<2x5x24xf32>",
      {2, 5, 24});
  EXPECT_LT(maxDifference(actual, scaledResidual(x, u, 1.7f, 0.6f)), tolerance);
}

TEST(Operations, SelectPosition) {
  Tensor x = randomNormal({1, 6, 24}, 1.0, 17);
  Tensor actual =
      evaluateOne({{"x", x}, {"position", scalar(4), "i32"}},
                  "%r0 = pi.select_position %x at %position : "
                  "(tensor<1x6x24xf32>, tensor<i32>) -> tensor<1x1x24xf32>",
                  {1, 1, 24});
  Tensor matrix{{6, 24}, x.data};
  EXPECT_EQ(actual.data, rows(matrix, {4}).data);
}

TEST(Operations, LayerNorm) {
  // A mean far from 0 shows a variance computed by subtraction.
  Tensor x = randomNormal({2, 5, 200}, 1.0, 18);
  for (float &value : x.data)
    value += 30.0f;
  Tensor w = randomNormal({200}, 1.0, 19), b = randomNormal({200}, 1.0, 20);
  Tensor actual = evaluateOne({{"x", x}, {"w", w}, {"b", b}},
                              "%r0 = pi.layer_norm %x, %w, %b epsilon 1.0e-5 : "
                              "(tensor<2x5x200xf32>, tensor<200xf32>, "
                              "tensor<200xf32>) -> tensor<2x5x200xf32>",
                              {2, 5, 200});
  EXPECT_LT(maxDifference(actual, layerNorm(x, w, b, 1e-5)), 5e-5);
}

class Gelu : public testing::TestWithParam<std::string> {};

TEST_P(Gelu, MatchesLibTorch) {
  Tensor x = randomNormal({1, 7, 33}, 4.0, 21);
  x.data[0] = 60.0f;
  x.data[1] = -60.0f;
  x.data[2] = 0.0f;
  Tensor actual = evaluateOne({{"x", x}},
                              "%r0 = pi.gelu %x approximate " + GetParam() +
                                  " : tensor<1x7x33xf32>",
                              {1, 7, 33});
  EXPECT_LT(maxDifference(actual, gelu(x, GetParam())), tolerance);
}

INSTANTIATE_TEST_SUITE_P(Forms, Gelu, testing::Values("none", "tanh"),
                         [](auto &info) { return info.param; });

TEST(Operations, Relu) {
  Tensor x = randomNormal({1, 7, 33}, 4.0, 22);
  Tensor actual = evaluateOne(
      {{"x", x}}, "%r0 = pi.relu %x : tensor<1x7x33xf32>", {1, 7, 33});
  EXPECT_EQ(actual.data, relu(x).data);
}

TEST(Operations, Polynomial) {
  Tensor x = randomNormal({1, 7, 33}, 1.0, 23);
  Tensor actual =
      evaluateOne({{"x", x}},
                  "%r0 = pi.polynomial %x coefficients [0.125, 0.5, 0.25] : "
                  "tensor<1x7x33xf32>",
                  {1, 7, 33});
  EXPECT_LT(maxDifference(actual, polynomial(x, {0.125, 0.5, 0.25})),
            tolerance);
}

TEST(Operations, Softmax) {
  Tensor x = randomNormal({2, 3, 10, 10}, 20.0, 24);
  Tensor t = positive({3, 10}, 25);
  std::string type = "tensor<2x3x10x10xf32>";
  Tensor full = evaluateOne(
      {{"x", x}}, "%r0 = pi.softmax %x : (" + type + ") -> " + type, x.shape);
  EXPECT_LT(maxDifference(full, softmax(x, nullptr, false)), tolerance);
  Tensor causal = evaluateOne({{"x", x}, {"t", t}},
                              "%r0 = pi.softmax %x temperature %t causal : (" +
                                  type + ", tensor<3x10xf32>) -> " + type,
                              x.shape);
  EXPECT_LT(maxDifference(causal, softmax(x, &t, true)), tolerance);
}

TEST(Operations, ArgmaxTakesTheFirstOfEqual) {
  Tensor x = randomNormal({4, 100}, 1.0, 26);
  x.data[17] = x.data[60] = 9.0f;
  x.data[100 + 99] = 9.0f;
  x.data[200] = 9.0f;
  std::vector<Tensor> actual = evaluate(
      {{"x", x}}, "%r0 = pi.argmax %x : (tensor<4x100xf32>) -> tensor<4xi32>",
      {{4}}, "i32");
  float last = 0;
  for (int64_t j = 0; j < 100; ++j)
    if (x.data[300 + j] > x.data[300 + static_cast<int64_t>(last)])
      last = j;
  EXPECT_EQ(actual[0].data, (std::vector<float>{17, 99, 0, last}));
}

/// Where LibTorch would divide 0 by 0.
TEST(Operations, CrossEntropyOfNothingIsZero) {
  Tensor logits = randomNormal({2, 9}, 1.0, 40);
  std::vector<Tensor> actual = evaluate(
      {{"x", logits}, {"t", {{2}, {-100, -100}}, "i32"}, {"g", scalar(1)}},
      "%r0 = pi.cross_entropy %x, %t ignore_index -100 : (tensor<2x9xf32>, "
      "tensor<2xi32>) -> tensor<f32>\n"
      "%r1 = pi.cross_entropy_grad %g, %x, %t ignore_index -100 : "
      "(tensor<f32>, tensor<2x9xf32>, tensor<2xi32>) -> tensor<2x9xf32>",
      {{}, {2, 9}});
  EXPECT_EQ(actual[0].data, std::vector<float>(1));
  EXPECT_EQ(actual[1].data, std::vector<float>(18));
}

TEST(Operations, LinearCrossEntropyOfNothingIsZero) {
  std::vector<Tensor> actual = evaluate(
      {{"x", randomNormal({3, 4}, 1.0, 41)},
       {"w", randomNormal({9, 4}, 1.0, 42)},
       {"t", {{3}, {-1, -1, -1}}, "i32"}},
      "%r0, %r1, %r2 = pi.linear_cross_entropy %x, %w transposed, %t "
      "ignore_index -1 chunk 2 : (tensor<3x4xf32>, tensor<9x4xf32>, "
      "tensor<3xi32>) -> (tensor<f32>, tensor<3x4xf32>, tensor<9x4xf32>)",
      {{}, {3, 4}, {9, 4}});
  EXPECT_EQ(actual[0].data, std::vector<float>(1));
  EXPECT_EQ(actual[1].data, std::vector<float>(12));
  EXPECT_EQ(actual[2].data, std::vector<float>(36));
}

/// Logits far apart, where exp alone would overflow.
TEST(Operations, CrossEntropyOfLargeLogits) {
  Tensor logits{{2, 3}, {500, -500, 0, 0, 1000, 999}};
  Tensor actual = evaluateOne(
      {{"x", logits}, {"t", {{2}, {1, 2}}, "i32"}},
      "%r0 = pi.cross_entropy %x, %t ignore_index -100 : (tensor<2x3xf32>, "
      "tensor<2xi32>) -> tensor<f32>",
      {});
  // 1000 and 1 + log(1 + 1 / e), halved.
  EXPECT_NEAR(actual.data[0], (1000 + 1 + std::log1p(std::exp(-1.0))) / 2,
              1e-3);
}

TEST(Operations, WeightNorm) {
  Tensor w = randomNormal({24, 30}, 1.0, 27), g = positive({20}, 28);
  ColumnRanges columns = {{0, 8}, {15, 27}};
  Tensor actual = evaluateOne({{"w", w}, {"g", g}},
                              "%r0 = pi.weight_norm %w gain %g columns [0, 8, "
                              "15, 27] : (tensor<24x30xf32>, tensor<20xf32>) "
                              "-> tensor<24x30xf32>",
                              {24, 30});
  EXPECT_LT(maxDifference(actual, weightNorm(w, g, columns)), tolerance);
}

TEST(Operations, ColumnNorm) {
  Tensor w = randomNormal({24, 30}, 1.0, 29);
  Tensor actual = evaluateOne({{"w", w}},
                              "%r0 = pi.column_norm %w columns [0, 8, 15, 27] "
                              ": (tensor<24x30xf32>) -> tensor<20xf32>",
                              {20});
  EXPECT_LT(maxDifference(actual, columnNorm(w, {{0, 8}, {15, 27}})),
            tolerance);
}

TEST(Operations, SpectralNorm) {
  Tensor w = randomNormal({24, 30}, 1.0, 30);
  // The power method closes in on the largest singular value by the ratio of
  // the two largest with each step: a rank-one part keeps them apart.
  for (int64_t i = 0; i < 24; ++i)
    for (int64_t j = 0; j < 30; ++j)
      w.data[i * 30 + j] += 2.0f;
  Tensor actual = evaluateOne(
      {{"w", w}},
      "%r0 = pi.spectral_norm %w columns [0, 10, 10, 20] iterations "
      "32 : (tensor<24x30xf32>) -> tensor<24x30xf32>",
      {24, 30});
  EXPECT_LT(maxDifference(actual, spectralNorm(w, {{0, 10}, {10, 20}})),
            tolerance);
}

TEST(Operations, Attention) {
  Tensor qkv = randomNormal({2, 19, 96}, 1.0, 31);
  std::vector<Tensor> actual =
      evaluate({{"qkv", qkv}},
               "%r0, %r1 = pi.attention %qkv heads 2 scale 0.25 causal : "
               "(tensor<2x19x96xf32>) -> (tensor<2x19x32xf32>, "
               "tensor<2x2x19xf32>)",
               {{2, 19, 32}, {2, 2, 19}});
  Tensor entropy;
  Tensor context = attention(qkv, 2, nullptr, &entropy);
  EXPECT_LT(maxDifference(actual[0], context), tolerance);
  EXPECT_LT(maxDifference(actual[1], entropy), tolerance);
}

TEST(Operations, AttentionWithTemperature) {
  Tensor qkv = randomNormal({2, 19, 96}, 1.0, 32), t = positive({2, 19}, 33);
  Tensor actual = evaluateOne(
      {{"qkv", qkv}, {"t", t}},
      "%r0 = pi.attention %qkv temperature %t heads 2 scale 0.25 causal : "
      "(tensor<2x19x96xf32>, tensor<2x19xf32>) -> tensor<2x19x32xf32>",
      {2, 19, 32});
  EXPECT_LT(maxDifference(actual, attention(qkv, 2, &t)), tolerance);
}

/// The last rows of attention over a whole sequence are what attention over a
/// cache gives for them.
TEST(Operations, CachedAttention) {
  constexpr int64_t length = 12, position = 11, width = 32, capacity = 16;
  Tensor qkv = randomNormal({1, length, 3 * width}, 1.0, 34);
  Tensor t = positive({2, capacity}, 35);
  Tensor cache{{2, 1, capacity, width},
               std::vector<float>(2 * capacity * width)};
  for (int64_t part = 0; part < 2; ++part)
    for (int64_t row = 0; row < position; ++row)
      std::copy_n(qkv.data.begin() + (3 * row + 1 + part) * width, width,
                  cache.data.begin() + (part * capacity + row) * width);
  Tensor last{{1, 1, 3 * width}, {qkv.data.end() - 3 * width, qkv.data.end()}};
  Tensor actual = evaluateOne(
      {{"qkv", last},
       {"cache", cache},
       {"position", scalar(position), "i32"},
       {"t", t}},
      "%0 = pi.update_cache %cache, %qkv at %position : (tensor<2x1x16x32xf32>,"
      " tensor<1x1x96xf32>, tensor<i32>) -> tensor<2x1x16x32xf32>\n"
      "%r0 = pi.cached_attention %qkv, %0 at %position temperature %t heads 2 "
      "scale 0.25 : (tensor<1x1x96xf32>, tensor<2x1x16x32xf32>, tensor<i32>, "
      "tensor<2x16xf32>) -> tensor<1x1x32xf32>",
      {1, 1, width});

  Tensor used{{2, length}, {}};
  for (int64_t head = 0; head < 2; ++head)
    used.data.insert(used.data.end(), t.data.begin() + head * capacity,
                     t.data.begin() + head * capacity + length);
  Tensor whole = attention(qkv, 2, &used);
  Tensor expected{{1, 1, width}, {whole.data.end() - width, whole.data.end()}};
  EXPECT_LT(maxDifference(actual, expected), tolerance);
}

} // namespace
