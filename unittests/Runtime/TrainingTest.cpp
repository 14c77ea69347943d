//===- TrainingTest.cpp - Tests of models whose weights change ------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestFiles.h"
#include "TinyModel.h"

#include "pi/Runtime/Model.h"

#include <cmath>

using namespace pi_runtime;

namespace {
class TrainingTest : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_TRUE(
        succeeds(TinyModel::writeModel(modelPath, tiny.trainingManifest())));
    ASSERT_TRUE(succeeds(tiny.writeCheckpoint(checkpointPath)));
    Result<std::unique_ptr<Model>> opened = Model::open(modelPath, 0);
    ASSERT_TRUE(succeeds(opened.status()));
    model = std::move(*opened);
  }

  void load() { ASSERT_TRUE(succeeds(model->loadWeights(checkpointPath))); }

  /// A step; gives the loss.
  float step(float rate) {
    float loss = NAN;
    EXPECT_TRUE(succeeds(model->run("train_step", {&rate}, {&loss})));
    return loss;
  }

  std::vector<float> parameter(const char *name) {
    size_t index = *model->manifest().findParameter(name);
    std::vector<float> values(
        model->manifest().parameters[index].elementCount());
    EXPECT_TRUE(succeeds(model->readParameter(index, values.data())));
    return values;
  }

  std::vector<float> state(const char *name) {
    size_t index = *model->manifest().findState(name);
    std::vector<float> values(model->manifest().states[index].elementCount());
    EXPECT_TRUE(succeeds(model->readState(index, values.data())));
    return values;
  }

  TemporaryDirectory directory;
  std::string modelPath = directory.path("model.pi");
  std::string checkpointPath = directory.path("model.safetensors");
  TinyModel tiny;
  std::unique_ptr<Model> model;
};
} // namespace

TEST_F(TrainingTest, EntryPointUpdatesParametersAndStates) {
  load();
  EXPECT_EQ(parameter("wte.weight"), tiny.table);
  EXPECT_EQ(state("wte.weight.exp_avg"), std::vector<float>(256, 0.0f));
  EXPECT_EQ(step(0.5f), tiny.table[0]);
  EXPECT_EQ(step(0.5f), tiny.table[0] - 0.5f);
  std::vector<float> expected = tiny.table;
  for (float &value : expected)
    value -= 1.5f;
  EXPECT_EQ(parameter("wte.weight"), expected);
  EXPECT_EQ(state("wte.weight.exp_avg"), std::vector<float>(256, 2.0f));
  EXPECT_EQ(parameter("mix.weight"), tiny.mix);
}

TEST_F(TrainingTest, ParametersAreReadInTheirStorageType) {
  load();
  size_t index = *model->manifest().findParameter("wpe.weight");
  std::vector<uint16_t> stored(8 * 16);
  ASSERT_TRUE(succeeds(model->readParameter(index, stored.data())));
  for (size_t i = 0; i < stored.size(); ++i)
    EXPECT_EQ(bfloat16ToFloat(stored[i]), tiny.positions[i]);
}

TEST_F(TrainingTest, WhatIsSetIsRead) {
  std::vector<float> values(256), average(256);
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(i);
    average[i] = -values[i];
  }
  size_t weight = *model->manifest().findParameter("wte.weight");
  size_t moment = *model->manifest().findState("wte.weight.exp_avg");
  ASSERT_TRUE(succeeds(model->setParameter(weight, values.data())));
  ASSERT_TRUE(succeeds(model->setState(moment, average.data())));
  EXPECT_EQ(parameter("wte.weight"), values);
  EXPECT_EQ(state("wte.weight.exp_avg"), average);
  // All that train_step needs, but not all that forward needs.
  EXPECT_EQ(step(0.0f), 0.0f);
  std::vector<int32_t> tokens(16);
  EXPECT_TRUE(failsWith(model->run("forward", {tokens.data()}, {nullptr}),
                        ErrorKind::InvalidArgument, "no weights are loaded"));
}

TEST_F(TrainingTest, MissingValuesAndIndicesAreErrors) {
  float value = 0;
  EXPECT_TRUE(failsWith(model->readParameter(2, &value),
                        ErrorKind::InvalidArgument,
                        "parameter 'mix.weight' has no value"));
  EXPECT_TRUE(failsWith(model->run("train_step", {&value}, {&value}),
                        ErrorKind::InvalidArgument, "no weights are loaded"));
  for (const Status &status :
       {model->readParameter(4, &value), model->setParameter(4, &value)})
    EXPECT_TRUE(failsWith(status, ErrorKind::InvalidArgument,
                          "no parameter 4; the model has 4"));
  for (const Status &status :
       {model->readState(2, &value), model->setState(2, &value)})
    EXPECT_TRUE(failsWith(status, ErrorKind::InvalidArgument,
                          "no state 2; the model has 2"));
  EXPECT_TRUE(failsWith(model->run("train_step", {}, {&value}),
                        ErrorKind::InvalidArgument,
                        "entry point 'train_step': 0 inputs; expected 1"));
  EXPECT_TRUE(failsWith(model->run("train_step", {&value}, {}),
                        ErrorKind::InvalidArgument, "0 outputs; expected 1"));
}

TEST_F(TrainingTest, FailedLoadLeavesNoUsableWeights) {
  load();
  EXPECT_FALSE(model->loadWeights(directory.path("absent")));
  float value = 0;
  EXPECT_TRUE(failsWith(model->readParameter(0, &value),
                        ErrorKind::InvalidArgument, "has no value"));
}

/// Samples may be drawn between steps.
TEST_F(TrainingTest, GenerationLeavesOtherStates) {
  load();
  step(0.0f);
  std::vector<int32_t> prompt = {3, 1, 4}, token(1);
  ASSERT_TRUE(succeeds(model->startGeneration(prompt.data(), 1, 3, {})));
  ASSERT_TRUE(succeeds(model->nextTokens(token.data())));
  EXPECT_EQ(state("wte.weight.exp_avg"), std::vector<float>(256, 1.0f));
}
