//===- GradientRules.cpp - The reverse rules under test -------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GradientRules.h"

#include <cmath>

using namespace pi_torch;

std::string pi_torch::typeText(const Shape &shape, const std::string &element) {
  std::string text = "tensor<";
  for (int64_t size : shape)
    text += std::to_string(size) + "x";
  return text + element + ">";
}

std::ostream &pi_torch::operator<<(std::ostream &stream, const Rule &rule) {
  return stream << rule.name;
}

namespace {

Tensor indexTensor(Shape shape, const std::vector<float> &values) {
  return {std::move(shape), values};
}

Rule embeddingRule() {
  // Token 3 twice, and tokens that do not occur.
  return {"Embedding",
          {{"table", randomNormal({7, 4}, 1.0, 1)}},
          {{"ids", indexTensor({2, 3}, {3, 0, 6, 3, 1, 2})}},
          "%r0 = pi.embedding %ids, %table : (tensor<2x3xi32>, "
          "tensor<7x4xf32>) -> tensor<2x3x4xf32>",
          {{2, 3, 4}},
          [](const Tensors &p, const Tensors &i) {
            return Tensors{at::embedding(p[0], i[0])};
          }};
}

Rule linearRule(const std::string &name, Shape input, bool transposed,
                bool bias) {
  constexpr int64_t in = 6, out = 5;
  Shape weight = transposed ? Shape{out, in} : Shape{in, out};
  Shape result = input;
  result.back() = out;
  Rule rule{
      name,
      {{"x", randomNormal(input, 1.0, 2)}, {"w", randomNormal(weight, 1.0, 3)}},
      {},
      "",
      {result},
      [=](const Tensors &p, const Tensors &) {
        at::Tensor y = at::matmul(p[0], transposed ? p[1].t() : p[1]);
        return Tensors{bias ? y + p[2] : y};
      }};
  if (bias)
    rule.parameters.push_back({"b", randomNormal({out}, 1.0, 4)});
  rule.body = std::string("%r0 = pi.linear %x, %w") + (bias ? " bias %b" : "") +
              (transposed ? " transposed" : "") + " : (" + typeText(input) +
              ", " + typeText(weight) + (bias ? ", tensor<5xf32>" : "") +
              ") -> " + typeText(result);
  return rule;
}

Rule matmulRule(bool lhsTransposed, bool rhsTransposed) {
  Shape lhs = lhsTransposed ? Shape{2, 4, 3} : Shape{2, 3, 4};
  Shape rhs = rhsTransposed ? Shape{2, 5, 4} : Shape{2, 4, 5};
  std::string name = std::string("Matmul") + (lhsTransposed ? "T" : "N") +
                     (rhsTransposed ? "T" : "N");
  return {
      name,
      {{"a", randomNormal(lhs, 1.0, 5)}, {"b", randomNormal(rhs, 1.0, 6)}},
      {},
      std::string("%r0 = pi.matmul %a") + (lhsTransposed ? " transposed" : "") +
          ", %b" + (rhsTransposed ? " transposed" : "") + " : (" +
          typeText(lhs) + ", " + typeText(rhs) + ") -> tensor<2x3x5xf32>",
      {{2, 3, 5}},
      [=](const Tensors &p, const Tensors &) {
        return Tensors{at::matmul(lhsTransposed ? p[0].transpose(1, 2) : p[0],
                                  rhsTransposed ? p[1].transpose(1, 2) : p[1])};
      }};
}

/// pi.add or pi.mul, rhs being broadcast from these dimensions.
Rule broadcastRule(const std::string &name, const std::string &operation,
                   Shape rhs, bool isSum) {
  return {name,
          {{"x", randomNormal({2, 3, 4}, 1.0, 7)},
           {"y", randomNormal(rhs, 1.0, 8)}},
          {},
          "%r0 = " + operation + " %x, %y : (tensor<2x3x4xf32>, " +
              typeText(rhs) + ") -> tensor<2x3x4xf32>",
          {{2, 3, 4}},
          [=](const Tensors &p, const Tensors &) {
            return Tensors{isSum ? p[0] + p[1] : p[0] * p[1]};
          }};
}

Rule reduceLeadingRule() {
  return {"ReduceLeading",
          {{"x", randomNormal({2, 3, 4}, 1.0, 9)}},
          {},
          "%r0 = pi.reduce_leading %x : (tensor<2x3x4xf32>) -> tensor<4xf32>\n"
          "%r1 = pi.reduce_leading %x : (tensor<2x3x4xf32>) -> tensor<f32>",
          {{4}, {}},
          [](const Tensors &p, const Tensors &) {
            return Tensors{p[0].flatten(0, 1).sum(0), p[0].sum()};
          }};
}

Rule reshapesRule() {
  return {"Reshapes",
          {{"x", randomNormal({2, 3, 4}, 1.0, 10)}},
          {},
          "%r0 = tensor.collapse_shape %x [[0, 1], [2]] : tensor<2x3x4xf32> "
          "into tensor<6x4xf32>\n"
          "%r1 = tensor.expand_shape %r0 [[0], [1, 2]] output_shape [6, 2, 2] "
          ": tensor<6x4xf32> into tensor<6x2x2xf32>",
          {{6, 4}, {6, 2, 2}},
          [](const Tensors &p, const Tensors &) {
            return Tensors{p[0].reshape({6, 4}), p[0].reshape({6, 2, 2})};
          }};
}

/// An elementwise operation; `text` follows the operand.
Rule unaryRule(const std::string &name, const std::string &operation,
               const std::string &text,
               std::function<at::Tensor(const at::Tensor &)> reference) {
  return {name,
          {{"x", randomNormal({3, 7}, 1.5, 11)}},
          {},
          "%r0 = " + operation + " %x " + text + " : tensor<3x7xf32>",
          {{3, 7}},
          [=](const Tensors &p, const Tensors &) {
            return Tensors{reference(p[0])};
          }};
}

Rule crossEntropyRule() {
  // Two places of six do not count.
  return {"CrossEntropy",
          {{"logits", randomNormal({2, 3, 9}, 3.0, 12)}},
          {{"targets", indexTensor({2, 3}, {8, -100, 0, 3, 3, -100})}},
          "%r0 = pi.cross_entropy %logits, %targets ignore_index -100 : "
          "(tensor<2x3x9xf32>, tensor<2x3xi32>) -> tensor<f32>",
          {{}},
          [](const Tensors &p, const Tensors &i) {
            return Tensors{at::cross_entropy_loss(p[0].reshape({6, 9}),
                                                  i[0].reshape({6}))};
          }};
}

/// A chunk that divides the rows, one that leaves some, or all rows at once.
Rule linearCrossEntropyRule(const std::string &name, bool transposed,
                            const std::string &chunk, bool scaled = false) {
  Shape weight = transposed ? Shape{9, 4} : Shape{4, 9};
  std::string loss = scaled ? "%ce" : "%r0";
  Rule rule{
      name,
      {{"x", randomNormal({2, 3, 4}, 2.0, 29)},
       {"w", randomNormal(weight, 2.0, 30)}},
      {{"targets", indexTensor({2, 3}, {8, -100, 0, 3, 3, -100})}},
      loss + " = pi.linear_cross_entropy %x, %w" +
          (transposed ? " transposed" : "") + ", %targets ignore_index -100 " +
          chunk + " : (tensor<2x3x4xf32>, " + typeText(weight) +
          ", tensor<2x3xi32>) -> tensor<f32>",
      {{}},
      [=](const Tensors &p, const Tensors &i) {
        at::Tensor logits = at::matmul(p[0], transposed ? p[1].t() : p[1]);
        at::Tensor loss =
            at::cross_entropy_loss(logits.reshape({6, 9}), i[0].reshape({6}));
        return Tensors{scaled ? loss * 3.0 : loss};
      }};
  if (scaled)
    rule.body += "\n%three = arith.constant dense<3.0> : tensor<f32>\n"
                 "%r0 = pi.mul %ce, %three : (tensor<f32>, tensor<f32>) -> "
                 "tensor<f32>";
  return rule;
}

/// Numbers around 1, as temperatures are.
Tensor positive(const Shape &shape, uint64_t seed) {
  Tensor tensor = randomNormal(shape, 0.4, seed);
  for (float &value : tensor.data)
    value = std::exp(value);
  return tensor;
}

Rule positionEmbeddingRule() {
  return {"PositionEmbedding",
          {{"table", randomNormal({7, 4}, 1.0, 13)}},
          {{"i", indexTensor({}, {3})}},
          "%r0 = pi.position_embedding %table : (tensor<7x4xf32>) -> "
          "tensor<2x4xf32>\n"
          "%r1 = pi.position_embedding %table at %i : (tensor<7x4xf32>, "
          "tensor<i32>) -> tensor<4x4xf32>",
          {{2, 4}, {4, 4}},
          [](const Tensors &p, const Tensors &) {
            return Tensors{p[0].slice(0, 0, 2), p[0].slice(0, 3, 7)};
          }};
}

Rule selectPositionRule() {
  return {"SelectPosition",
          {{"x", randomNormal({2, 5, 4}, 1.0, 14)}},
          {{"i", indexTensor({}, {3})}},
          "%r0 = pi.select_position %x at %i : (tensor<2x5x4xf32>, tensor<i32>)"
          " -> tensor<2x1x4xf32>",
          {{2, 1, 4}},
          [](const Tensors &p, const Tensors &) {
            return Tensors{p[0].slice(1, 3, 4)};
          }};
}

Rule scaledResidualRule() {
  return {"ScaledResidual",
          {{"x", randomNormal({2, 3, 4}, 1.0, 15)},
           {"u", randomNormal({2, 3, 4}, 1.0, 16)},
           {"alpha", {{}, {1.7f}}},
           {"beta", {{}, {0.6f}}}},
          {},
          "%r0 = pi.scaled_residual %x, %u alpha %alpha beta %beta : "
          "(tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<f32>, tensor<f32>) -> "
          "tensor<2x3x4xf32>",
          {{2, 3, 4}},
          [](const Tensors &p, const Tensors &) {
            return Tensors{p[3] * p[0] + p[1] / p[2]};
          }};
}

Rule layerNormRule() {
  return {"LayerNorm",
          {{"x", randomNormal({2, 3, 11}, 2.0, 17)},
           {"w", randomNormal({11}, 1.0, 18)},
           {"b", randomNormal({11}, 1.0, 19)}},
          {},
          "%r0 = pi.layer_norm %x, %w, %b epsilon 1.0e-5 : (tensor<2x3x11xf32>,"
          " tensor<11xf32>, tensor<11xf32>) -> tensor<2x3x11xf32>",
          {{2, 3, 11}},
          [](const Tensors &p, const Tensors &) {
            return Tensors{at::layer_norm(p[0], {11}, p[1], p[2], 1e-5)};
          }};
}

Rule softmaxRule(const std::string &name, bool temperature, bool causal) {
  Rule rule{name,
            {{"x", randomNormal({2, 3, 5, 5}, 2.0, 20)}},
            {},
            std::string("%r0 = pi.softmax %x") +
                (temperature ? " temperature %t" : "") +
                (causal ? " causal" : "") + " : (tensor<2x3x5x5xf32>" +
                (temperature ? ", tensor<3x5xf32>" : "") +
                ") -> tensor<2x3x5x5xf32>",
            {{2, 3, 5, 5}},
            [=](const Tensors &p, const Tensors &) {
              return Tensors{
                  softmaxRows(p[0], temperature ? &p[1] : nullptr, causal)};
            }};
  if (temperature)
    rule.parameters.push_back({"t", positive({3, 5}, 21)});
  return rule;
}

/// What of attention the loss reads.
enum class Reads { Context, Entropy, Both };

Rule attentionRule(const std::string &name, bool temperature, bool causal,
                   Reads reads, int64_t positions = 7) {
  constexpr int64_t batch = 2, heads = 2, width = 6;
  Shape qkv = {batch, positions, 3 * width},
        context = {batch, positions, width};
  Shape entropy = {batch, heads, positions}, factors = {heads, positions};
  bool hasContext = reads != Reads::Entropy,
       hasEntropy = reads != Reads::Context;
  std::string results = typeText(context);
  if (hasEntropy)
    results = "(" + results + ", " + typeText(entropy) + ")";
  std::string names = hasContext ? "%r0" : "%context";
  if (hasEntropy)
    names += hasContext ? ", %r1" : ", %r0";
  Rule rule{
      name,
      {{"qkv", randomNormal(qkv, 1.0, 22)}},
      {},
      names + " = pi.attention %qkv" + (temperature ? " temperature %t" : "") +
          // 1 / sqrt(3), as the reference scales heads of width 3.
          " heads 2 scale 0.57735026918962576 " + (causal ? "causal" : "") +
          " : (" + typeText(qkv) +
          (temperature ? ", " + typeText(factors) : "") + ") -> " + results,
      {},
      [=](const Tensors &p, const Tensors &) {
        AttentionResult result =
            attend(p[0], heads, temperature ? &p[1] : nullptr, causal);
        Tensors values;
        if (hasContext)
          values.push_back(result.context);
        if (hasEntropy)
          values.push_back(result.entropy);
        return values;
      }};
  if (hasContext)
    rule.results.push_back(context);
  if (hasEntropy)
    rule.results.push_back(entropy);
  if (temperature)
    rule.parameters.push_back({"t", positive(factors, 23)});
  return rule;
}

/// Entropies from 0 to log T: on both sides of the margin.
Rule penaltyRule(const std::string &name, bool perRow) {
  Tensor entropy = randomNormal({2, 3, 5}, 1.0, 24);
  for (size_t i = 0; i < entropy.data.size(); ++i)
    entropy.data[i] = static_cast<float>(
        std::log(5.0) * (0.5 + 0.5 * std::tanh(entropy.data[i])));
  return {name,
          {{"e", entropy}, {"theta", {{3}, {0.9f, 0.45f, 0.1f}}}},
          {},
          std::string("%r0 = pi.entropy_penalty %e, %theta reading ") +
              (perRow ? "per_row" : "per_head") +
              " gamma 0.2 lambda 0.5 : (tensor<2x3x5xf32>, tensor<3xf32>) -> "
              "tensor<f32>",
          {{}},
          [=](const Tensors &p, const Tensors &) {
            return Tensors{entropyPenalty(p[0], p[1], {perRow, 0.2, 0.5})};
          }};
}

Rule weightNormRule() {
  // Column 2 is not normalised.
  return {"WeightNorm",
          {{"w", randomNormal({4, 5}, 1.0, 25)}, {"g", positive({4}, 26)}},
          {},
          "%r0 = pi.weight_norm %w gain %g columns [0, 2, 3, 5] : "
          "(tensor<4x5xf32>, tensor<4xf32>) -> tensor<4x5xf32>",
          {{4, 5}},
          [](const Tensors &p, const Tensors &) {
            at::Tensor left = p[0].slice(1, 0, 2), right = p[0].slice(1, 3, 5);
            return Tensors{
                at::cat({left / left.norm(2, {0}) * p[1].slice(0, 0, 2),
                         p[0].slice(1, 2, 3),
                         right / right.norm(2, {0}) * p[1].slice(0, 2, 4)},
                        1)};
          }};
}

Rule columnNormRule() {
  return {
      "ColumnNorm",
      {{"w", randomNormal({4, 5}, 1.0, 27)}},
      {},
      "%r0 = pi.column_norm %w columns [0, 2, 3, 5] : (tensor<4x5xf32>) -> "
      "tensor<4xf32>",
      {{4}},
      [](const Tensors &p, const Tensors &) {
        at::Tensor norms = p[0].norm(2, {0});
        return Tensors{at::cat({norms.slice(0, 0, 2), norms.slice(0, 3, 5)})};
      }};
}

/// A part of rank 1 keeps the two largest singular values apart, so that the
/// power method reaches the largest; the reference differentiates that one.
Rule spectralNormRule() {
  Tensor w = randomNormal({6, 9}, 0.5, 28);
  for (size_t i = 0; i < w.data.size(); ++i)
    w.data[i] += 1.0f + 0.1f * static_cast<float>(i % 4);
  return {"SpectralNorm",
          {{"w", w}},
          {},
          "%r0 = pi.spectral_norm %w columns [0, 4, 5, 9] iterations 40 : "
          "(tensor<6x9xf32>) -> tensor<6x9xf32>",
          {{6, 9}},
          [](const Tensors &p, const Tensors &) {
            at::Tensor left = p[0].slice(1, 0, 4), right = p[0].slice(1, 5, 9);
            return Tensors{at::cat({left / at::linalg_matrix_norm(left, 2),
                                    p[0].slice(1, 4, 5),
                                    right / at::linalg_matrix_norm(right, 2)},
                                   1)};
          }};
}

} // namespace

std::vector<Rule> pi_torch::allRules() {
  return {
      weightNormRule(),
      columnNormRule(),
      spectralNormRule(),

      embeddingRule(),
      positionEmbeddingRule(),
      selectPositionRule(),
      scaledResidualRule(),
      layerNormRule(),
      softmaxRule("Softmax", false, false),
      softmaxRule("SoftmaxCausalWithTemperature", true, true),
      attentionRule("Attention", false, true, Reads::Context),
      attentionRule("AttentionOfAllPositions", true, false, Reads::Both),
      attentionRule("AttentionWithTemperature", true, true, Reads::Context),
      attentionRule("AttentionWithEntropy", true, true, Reads::Both),
      attentionRule("EntropyAlone", false, true, Reads::Entropy),
      penaltyRule("PenaltyPerRow", true),
      penaltyRule("PenaltyPerHead", false),
      linearRule("Linear", {2, 3, 6}, false, true),
      linearRule("LinearTransposed", {2, 3, 6}, true, true),
      linearRule("LinearOfOneRow", {1, 1, 6}, false, false),
      linearRule("LinearOfAVector", {6}, true, false),
      matmulRule(false, false),
      matmulRule(false, true),
      matmulRule(true, false),
      matmulRule(true, true),
      broadcastRule("Add", "pi.add", {2, 3, 4}, true),
      broadcastRule("AddBroadcast", "pi.add", {3, 4}, true),
      broadcastRule("Mul", "pi.mul", {2, 3, 4}, false),
      broadcastRule("MulByAScalar", "pi.mul", {}, false),
      reduceLeadingRule(),
      reshapesRule(),
      unaryRule("GeluErf", "pi.gelu", "approximate none",
                [](const at::Tensor &x) { return at::gelu(x, "none"); }),
      unaryRule("GeluTanh", "pi.gelu", "approximate tanh",
                [](const at::Tensor &x) { return at::gelu(x, "tanh"); }),
      unaryRule("Relu", "pi.relu", "",
                [](const at::Tensor &x) { return at::relu(x); }),
      unaryRule("Polynomial", "pi.polynomial", "coefficients [0.5, 2.0, -0.25]",
                [](const at::Tensor &x) { return 0.5 + 2 * x - 0.25 * x * x; }),
      crossEntropyRule(),
      linearCrossEntropyRule("LinearCrossEntropy", true, ""),
      linearCrossEntropyRule("LinearCrossEntropyOfChunks", true, "chunk 2"),
      linearCrossEntropyRule("LinearCrossEntropyOfARest", true, "chunk 4"),
      linearCrossEntropyRule("LinearCrossEntropyOfRows", false, "chunk 1"),
      linearCrossEntropyRule("LinearCrossEntropyScaled", false, "chunk 5",
                             true)};
}
