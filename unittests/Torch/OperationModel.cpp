//===- OperationModel.cpp - Compiles and runs some operations -------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OperationModel.h"

using namespace pi_torch;

std::string pi_torch::tensorType(const Shape &shape,
                                 const std::string &elementType) {
  std::string text = "tensor<";
  for (int64_t size : shape)
    text += std::to_string(size) + "x";
  return text + elementType + ">";
}

/// The text of a function of `arguments` with this body and these results. It
/// has the input and output of a language model too, as an artefact wants.
static std::string functionText(const std::vector<Argument> &arguments,
                                const std::string &body,
                                const std::vector<std::string> &resultTypes) {
  std::string parameters = "%input_ids: tensor<1x1xi32> "
                           "{pi.name = \"input_ids\"}";
  for (const Argument &argument : arguments)
    parameters += ", %" + argument.name + ": " +
                  tensorType(argument.value.shape, argument.elementType) +
                  " {pi.name = \"" + argument.name + "\"}";
  std::string names = "%logits", types = "tensor<1x1x1xf32>";
  std::string results = types + " {pi.name = \"logits\"}";
  for (size_t i = 0; i < resultTypes.size(); ++i) {
    std::string name = "r" + std::to_string(i);
    names += ", %" + name;
    types += ", " + resultTypes[i];
    results += ", " + resultTypes[i] + " {pi.name = \"" + name + "\"}";
  }
  return "func.func @forward(" + parameters + ") -> (" + results +
         // Operations of training stay in it.
         ") attributes {pi.training} {\n" +
         "%logits = arith.constant dense<0.0> : tensor<1x1x1xf32>\n" + body +
         "\nreturn " + names + " : " + types + "\n}\n";
}

std::vector<Tensor> pi_torch::evaluate(const std::vector<Argument> &arguments,
                                       const std::string &body,
                                       const std::vector<Shape> &resultShapes,
                                       const std::string &resultElementType) {
  std::vector<std::string> resultTypes;
  for (const Shape &shape : resultShapes)
    resultTypes.push_back(tensorType(shape, resultElementType));
  CompiledModel model(
      writeScratchFile("operation.mlir",
                       functionText(arguments, body, resultTypes)),
      "--entry-points=forward");

  std::map<std::string, Tensor> inputs = {{"input_ids", {{1, 1}, {0}}}};
  for (const Argument &argument : arguments)
    inputs[argument.name] = argument.value;
  std::map<std::string, Tensor> outputs = model.run("forward", inputs);
  std::vector<Tensor> values;
  for (size_t i = 0; i < resultShapes.size(); ++i)
    values.push_back(outputs.at("r" + std::to_string(i)));
  return values;
}

Tensor pi_torch::evaluateOne(const std::vector<Argument> &arguments,
                             const std::string &body,
                             const Shape &resultShape) {
  return evaluate(arguments, body, {resultShape}).front();
}
