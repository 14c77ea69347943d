//===- TinyTraining.cpp - A model to test training with -------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TinyTraining.h"

using namespace pi_runtime;

namespace pi_training {

using Inputs = std::vector<InputInfo>;
using Tensors = std::vector<TensorInfo>;

static InputInfo scalar(const char *name, DataType type = DataType::F32) {
  return {{name, type, {}}, std::nullopt};
}

/// Inputs, the table, states, outputs: the order of the host code.
static EntryPoint makeEntry(const char *name, Inputs inputs,
                            const std::vector<const char *> &states,
                            Tensors outputs) {
  using Kind = EntryArgument::Kind;
  EntryPoint entry;
  entry.name = name;
  entry.symbol = std::string("tiny_") + name;
  for (size_t i = 0; i < inputs.size(); ++i)
    entry.arguments.push_back({Kind::Input, i, ""});
  bool updates = !states.empty() && outputs.back().name == "grad_norm";
  entry.arguments.push_back({Kind::Parameter, 0, "wte.weight", updates});
  for (const char *state : states)
    entry.arguments.push_back({Kind::State, 0, state});
  for (size_t i = 0; i < outputs.size(); ++i)
    entry.arguments.push_back({Kind::Output, i, ""});
  entry.inputs = std::move(inputs);
  entry.outputs = std::move(outputs);
  return entry;
}

Manifest TinyTraining::manifest(bool accumulates) {
  Manifest manifest;
  manifest.compiler = "by hand";
  manifest.target = "cpu";
  manifest.targetArch = "generic";
  manifest.modelName = "bigram";
  manifest.batch = batch;
  manifest.sequenceLength = length;
  manifest.vocabSize = vocab;
  ParameterInfo table;
  table.name = "wte.weight";
  table.shape = {vocab, vocab};
  table.init = {ParameterInit::Kind::Normal, 0.02};
  table.decay = true;
  manifest.parameters = {table};
  const char *average = "wte.weight.exp_avg";
  const char *square = "wte.weight.exp_avg_sq";
  const char *gradient = "wte.weight.grad";
  for (const char *name : {average, square})
    manifest.states.push_back({name, DataType::F32, {vocab, vocab}});

  InputInfo tokens{{"input_ids", DataType::I32, {batch, length}},
                   IndexRange{vocab, std::nullopt}};
  InputInfo targets{{"targets", DataType::I32, {batch, length}},
                    IndexRange{vocab, -100}};
  Inputs hyper = {scalar("learning_rate"), scalar("weight_decay"),
                  scalar("max_grad_norm"), scalar("step", DataType::I32)};
  if (accumulates) {
    manifest.states.push_back({gradient, DataType::F32, {vocab, vocab}});
    hyper.push_back(scalar("micro_batches", DataType::I32));
    manifest.entryPoints = {makeEntry("accumulate_gradients", {tokens, targets},
                                      {gradient}, {scalar("loss")}),
                            makeEntry("apply_gradients", hyper,
                                      {average, square, gradient},
                                      {scalar("grad_norm")})};
  } else {
    Inputs inputs = {tokens, targets};
    inputs.insert(inputs.end(), hyper.begin(), hyper.end());
    manifest.entryPoints = {makeEntry("train_step", inputs, {average, square},
                                      {scalar("loss"), scalar("grad_norm")})};
  }
  manifest.entryPoints.push_back(
      makeEntry("evaluate", {tokens, targets}, {},
                {scalar("cross_entropy"),
                 {"entropy.h.0.attn", DataType::F32, {heads}},
                 {"entropy.h.1.attn", DataType::F32, {heads}}}));
  manifest.entryPoints.push_back(
      makeEntry("check_finite", {tokens, targets}, {},
                {scalar("0.wte.embedding", DataType::I32),
                 scalar("1.loss.cross_entropy", DataType::I32)}));
  return manifest;
}

Status TinyTraining::write(const std::string &path, const Manifest &manifest) {
  Result<MappedFile> code = MappedFile::open(PI_TINY_TRAINING_CODE);
  if (!code)
    return code.status();
  return writeArtifact(path, manifest, {{hostCodeSection, code->text()}});
}

} // namespace pi_training
