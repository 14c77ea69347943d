//===- GradientRulesTest.cpp - Each reverse rule --------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// The operands of an operation are parameters, the loss is a fixed random
// combination of its results. `pi-differentiate` makes the gradients, which
// are compared, in f32, with those of LibTorch, and in f64, with central
// differences of the loss.
//
//===----------------------------------------------------------------------===//

#include "CompiledModel.h"
#include "TorchFunctions.h"

#include "gtest/gtest.h"

#include <cmath>
#include <functional>

using namespace pi_torch;

namespace {

using Shape = std::vector<int64_t>;
using Tensors = std::vector<at::Tensor>;

/// An operand, as `%NAME` in the body.
struct Operand {
  std::string name;
  Tensor value;
};

/// One rule under test.
struct Rule {
  std::string name;
  std::vector<Operand> parameters;
  /// Operands that are integers.
  std::vector<Operand> indices;
  /// Defines %r0, %r1, ... of these shapes, with f32 for the element type.
  std::string body;
  std::vector<Shape> results;
  /// The results from parameters and indices, in order.
  std::function<Tensors(const Tensors &, const Tensors &)> reference;
};

std::ostream &operator<<(std::ostream &stream, const Rule &rule) {
  return stream << rule.name;
}

std::string typeText(const Shape &shape, const std::string &element = "f32") {
  std::string text = "tensor<";
  for (int64_t size : shape)
    text += std::to_string(size) + "x";
  return text + element + ">";
}

/// The fixed factors that make one number of result `index`.
Tensor weightsOf(const Rule &rule, size_t index) {
  return randomNormal(rule.results[index], 1.0, 1000 + index);
}

/// The module: parameters, an idle @forward as an artefact wants, and @loss.
std::string moduleText(const Rule &rule) {
  std::string text, loads, arguments, sum;
  for (const Operand &parameter : rule.parameters) {
    std::string type = typeText(parameter.value.shape);
    text += "pi.parameter @" + parameter.name + " : " + type + "\n";
    loads += "%" + parameter.name + " = pi.load @" + parameter.name + " : " +
             type + "\n";
  }
  for (const Operand &index : rule.indices)
    arguments += "%" + index.name + ": " + typeText(index.value.shape, "i32") +
                 " {pi.name = \"" + index.name + "\"}, ";
  for (size_t i = 0; i < rule.results.size(); ++i) {
    std::string n = std::to_string(i), type = typeText(rule.results[i]);
    arguments += "%g" + n + ": " + type + " {pi.name = \"g" + n + "\"}" +
                 (i + 1 < rule.results.size() ? ", " : "");
    sum += "%p" + n + " = pi.mul %r" + n + ", %g" + n + " : (" + type + ", " +
           type + ") -> " + type + "\n%s" + n + " = pi.reduce_leading %p" + n +
           " : (" + type + ") -> tensor<f32>\n";
    std::string before = i == 0 ? "" : "%t" + std::to_string(i - 1);
    sum += "%t" + n + " = pi.add %s" + n + ", " + (i == 0 ? "%zero" : before) +
           " : (tensor<f32>, tensor<f32>) -> tensor<f32>\n";
  }
  std::string last = "%t" + std::to_string(rule.results.size() - 1);
  return text +
         "func.func @forward(%ids: tensor<1x1xi32> {pi.name = \"input_ids\"}) "
         "-> (tensor<1x1x1xf32> {pi.name = \"logits\"}) {\n"
         "%0 = arith.constant dense<0.0> : tensor<1x1x1xf32>\n"
         "return %0 : tensor<1x1x1xf32>\n}\n"
         "func.func @loss(" +
         arguments +
         ") -> (tensor<f32> {pi.name = \"loss\"}) attributes {pi.training} {\n"
         "%zero = arith.constant dense<0.0> : tensor<f32>\n" +
         loads + rule.body + "\n" + sum + "return " + last +
         " : tensor<f32>\n}\n";
}

class Rules : public testing::TestWithParam<Rule> {
protected:
  /// Compiles @loss and @gradients in this element type and sets parameters.
  static CompiledModel compile(const Rule &rule, const std::string &element) {
    std::string text = moduleText(rule);
    for (size_t at = 0; (at = text.find("f32", at)) != std::string::npos;
         at += 3)
      text.replace(at, 3, element);
    writeScratchFile("rule.mlir", text);
    runTool("pi-opt rule.mlir --pi-differentiate -o gradients.mlir");
    CompiledModel model("gradients.mlir", "--entry-points=forward");
    for (const Operand &parameter : rule.parameters)
      model.setParameter(parameter.name, parameter.value);
    return model;
  }

  static std::map<std::string, Tensor> inputsOf(const Rule &rule) {
    std::map<std::string, Tensor> inputs;
    for (const Operand &index : rule.indices)
      inputs[index.name] = index.value;
    for (size_t i = 0; i < rule.results.size(); ++i)
      inputs["g" + std::to_string(i)] = weightsOf(rule, i);
    return inputs;
  }
};

/// LibTorch differentiates in f64, so that the difference is ours.
TEST_P(Rules, AgreesWithLibTorch) {
  const Rule &rule = GetParam();
  auto actual = compile(rule, "f32").run("gradients", inputsOf(rule));

  Tensors leaves, indices;
  for (const Operand &parameter : rule.parameters)
    leaves.push_back(
        toTorch(parameter.value).to(at::kDouble).set_requires_grad(true));
  for (const Operand &index : rule.indices)
    indices.push_back(toTorch(index.value).to(at::kLong));
  Tensors results = rule.reference(leaves, indices);
  ASSERT_EQ(results.size(), rule.results.size());
  at::Tensor loss;
  for (size_t i = 0; i < results.size(); ++i) {
    at::Tensor term = (results[i] * toTorch(weightsOf(rule, i))).sum();
    loss = i == 0 ? term : loss + term;
  }
  loss.backward();
  EXPECT_NEAR(actual.at("loss").data[0], loss.item<double>(),
              1e-5 * std::max(1.0, std::abs(loss.item<double>())));
  for (size_t i = 0; i < leaves.size(); ++i) {
    const std::string &name = rule.parameters[i].name;
    Tensor expected = fromTorch(leaves[i].grad());
    double size = leaves[i].grad().abs().max().item<double>();
    ASSERT_GT(size, 0.0) << name;
    EXPECT_LT(maxDifference(actual.at("gradient." + name), expected),
              2e-5 * size)
        << name;
  }
}

TEST_P(Rules, AgreesWithCentralDifferences) {
  const Rule &rule = GetParam();
  CompiledModel model = compile(rule, "f64");
  std::map<std::string, Tensor> inputs = inputsOf(rule);
  auto gradients = model.runInF64("gradients", inputs);
  // The error of a central difference is of the order of step^2 and of the
  // rounding error over step: both are about 1e-10 here.
  constexpr double step = 1e-5;
  auto lossAt = [&](const std::string &name, size_t element, double offset) {
    model.nudgeParameter(name, element, offset);
    double loss = model.runInF64("loss", inputs).at("loss").front();
    model.nudgeParameter(name, element, -offset);
    return loss;
  };
  for (const Operand &parameter : rule.parameters) {
    const std::vector<double> &actual =
        gradients.at("gradient." + parameter.name);
    double size = 0, difference = 0;
    for (size_t i = 0; i < actual.size(); ++i) {
      double expected =
          (lossAt(parameter.name, i, step) - lossAt(parameter.name, i, -step)) /
          (2 * step);
      size = std::max(size, std::abs(expected));
      difference = std::max(difference, std::abs(actual[i] - expected));
    }
    EXPECT_LT(difference, 1e-7 * size) << parameter.name;
  }
}

//===----------------------------------------------------------------------===//
// The rules
//===----------------------------------------------------------------------===//

Tensor indexTensor(Shape shape, const std::vector<float> &values) {
  return {std::move(shape), values};
}

Rule embedding() {
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

Rule reduceLeading() {
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

Rule reshapes() {
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
Rule unary(const std::string &name, const std::string &operation,
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

Rule crossEntropy() {
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

std::vector<Rule> allRules() {
  return {embedding(),
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
          reduceLeading(),
          reshapes(),
          unary("GeluErf", "pi.gelu", "approximate none",
                [](const at::Tensor &x) { return at::gelu(x, "none"); }),
          unary("GeluTanh", "pi.gelu", "approximate tanh",
                [](const at::Tensor &x) { return at::gelu(x, "tanh"); }),
          unary("Relu", "pi.relu", "",
                [](const at::Tensor &x) { return at::relu(x); }),
          unary("Polynomial", "pi.polynomial", "coefficients [0.5, 2.0, -0.25]",
                [](const at::Tensor &x) { return 0.5 + 2 * x - 0.25 * x * x; }),
          crossEntropy()};
}

INSTANTIATE_TEST_SUITE_P(All, Rules, testing::ValuesIn(allRules()),
                         [](const auto &info) { return info.param.name; });

} // namespace
