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

#include "GradientRules.h"
#include "CompiledModel.h"

#include "gtest/gtest.h"

#include <cmath>

using namespace pi_torch;

namespace {

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

INSTANTIATE_TEST_SUITE_P(All, Rules, testing::ValuesIn(allRules()),
                         [](const auto &info) { return info.param.name; });

} // namespace
