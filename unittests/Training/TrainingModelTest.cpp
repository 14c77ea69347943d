//===- TrainingModelTest.cpp - Tests of the entry points of training ------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestFiles.h"
#include "TinyTraining.h"

#include "pi/Training/Flops.h"
#include "pi/Training/TrainingModel.h"

#include <cmath>
#include <limits>

using namespace pi_training;
using pi_runtime::DataType;
using pi_runtime::ErrorKind;
using pi_runtime::failsWith;
using pi_runtime::Manifest;
using pi_runtime::succeeds;
using pi_runtime::TemporaryDirectory;

static Result<std::unique_ptr<TrainingModel>> open(const Manifest &manifest) {
  TemporaryDirectory directory;
  std::string path = directory.path("train.pi");
  EXPECT_TRUE(succeeds(TinyTraining::write(path, manifest)));
  return TrainingModel::open(path, 0);
}

namespace {
/// Each token is followed by the next number.
struct Tokens {
  std::vector<int32_t> inputs, targets;
  Tokens() {
    for (int32_t i = 0; i < TinyTraining::batch * TinyTraining::length; ++i) {
      inputs.push_back(i % TinyTraining::vocab);
      targets.push_back((i + 1) % TinyTraining::vocab);
    }
  }
  TokenBatch batch() const { return {inputs.data(), targets.data()}; }
};
} // namespace

static void setTable(TrainingModel &model, float value) {
  std::vector<float> table(TinyTraining::vocab * TinyTraining::vocab, value);
  EXPECT_TRUE(succeeds(model.model().setParameter(0, table.data())));
}

TEST(TrainingModel, StepsLearn) {
  auto model = open(TinyTraining::manifest());
  ASSERT_TRUE(succeeds(model.status()));
  EXPECT_FALSE((*model)->accumulates());
  EXPECT_EQ((*model)->attentions(),
            (std::vector<std::string>{"h.0.attn", "h.1.attn"}));
  setTable(**model, 0);
  Tokens tokens;
  float loss = 0, norm = 0;
  UpdateSettings settings = {0.1f, 0, 1, 1};
  ASSERT_TRUE(
      succeeds((*model)->trainStep(tokens.batch(), settings, loss, norm)));
  EXPECT_FLOAT_EQ(loss, std::log(32.0f));
  EXPECT_GT(norm, 0);
  for (settings.step = 2; settings.step < 100; ++settings.step)
    ASSERT_TRUE(
        succeeds((*model)->trainStep(tokens.batch(), settings, loss, norm)));
  EXPECT_LT(loss, 0.1f);
  const Evaluation *evaluation = nullptr;
  ASSERT_TRUE(succeeds((*model)->evaluate(tokens.batch(), evaluation)));
  EXPECT_NEAR(evaluation->crossEntropy, loss, 0.05);
  ASSERT_EQ(evaluation->entropies.size(), 2u);
  EXPECT_EQ(evaluation->entropies[0].size(), 2u);
  EXPECT_GT(evaluation->entropies[0][0], evaluation->entropies[1][1]);
}

TEST(TrainingModel, AccumulationIsTheMean) {
  auto model = open(TinyTraining::manifest());
  auto parts = open(TinyTraining::manifest(/*accumulates=*/true));
  ASSERT_TRUE(succeeds(parts.status()));
  EXPECT_TRUE((*parts)->accumulates());
  setTable(**model, 0);
  setTable(**parts, 0);
  Tokens tokens;
  UpdateSettings settings = {0.1f, 0.1f, 1, 1};
  for (; settings.step < 5; ++settings.step) {
    float loss = 0, norm = 0, partLoss = 0, partNorm = 0;
    ASSERT_TRUE(
        succeeds((*model)->trainStep(tokens.batch(), settings, loss, norm)));
    for (int part = 0; part < 4; ++part) {
      ASSERT_TRUE(succeeds((*parts)->accumulate(tokens.batch(), partLoss)));
      EXPECT_FLOAT_EQ(partLoss, loss);
    }
    ASSERT_TRUE(succeeds((*parts)->apply(settings, 4, partNorm)));
    EXPECT_FLOAT_EQ(partNorm, norm);
  }
}

TEST(TrainingModel, NamesWhatIsNotFinite) {
  auto model = open(TinyTraining::manifest());
  ASSERT_TRUE((*model)->canCheckFinite());
  Tokens tokens;
  setTable(**model, 0);
  auto found = (*model)->findNonFinite(tokens.batch());
  ASSERT_TRUE(succeeds(found.status()));
  EXPECT_EQ(*found, "");
  setTable(**model, std::numeric_limits<float>::infinity());
  found = (*model)->findNonFinite(tokens.batch());
  ASSERT_TRUE(succeeds(found.status()));
  EXPECT_EQ(*found, "embedding at wte");
}

TEST(TrainingModel, RefusesOtherEntryPoints) {
  using Kind = pi_runtime::EntryArgument::Kind;
  auto fails = [](Manifest manifest, const std::string &message) {
    return failsWith(open(manifest).status(), ErrorKind::InvalidFile, message);
  };
  Manifest manifest = TinyTraining::manifest();
  manifest.entryPoints.erase(manifest.entryPoints.begin());
  EXPECT_TRUE(
      fails(manifest, "train.pi': no entry point 'train_step'; pi-opt"));
  manifest = TinyTraining::manifest();
  manifest.entryPoints[0].inputs[2].name = "lr";
  EXPECT_TRUE(fails(manifest, "entry point 'train_step': no input "
                              "'learning_rate' of type f32 and shape scalar"));
  manifest = TinyTraining::manifest();
  manifest.entryPoints[0].inputs[0].shape = {2, 16};
  EXPECT_TRUE(fails(manifest, "no input 'input_ids' of type i32 and shape 4 x "
                              "8"));
  manifest = TinyTraining::manifest();
  manifest.entryPoints[0].inputs.push_back(
      {{"noise", DataType::F32, {}}, std::nullopt});
  manifest.entryPoints[0].arguments.push_back({Kind::Input, 6, ""});
  EXPECT_TRUE(fails(manifest, "unknown input 'noise'"));
  manifest = TinyTraining::manifest();
  manifest.entryPoints[0].outputs.push_back({"norms", DataType::F32, {2}});
  manifest.entryPoints[0].arguments.push_back({Kind::Output, 2, ""});
  EXPECT_TRUE(fails(manifest, "unknown output 'norms' of type f32 and shape "
                              "2"));
  manifest = TinyTraining::manifest();
  manifest.entryPoints[1].outputs[1].shape = {2, 2};
  EXPECT_TRUE(fails(manifest, "entry point 'evaluate': no output "
                              "'entropy.h.0.attn'"));
  manifest = TinyTraining::manifest();
  manifest.entryPoints[2].outputs[1].dtype = DataType::F32;
  EXPECT_TRUE(fails(manifest, "entry point 'check_finite': no output"));
}

TEST(Flops, CountsMatrices) {
  Manifest manifest;
  manifest.sequenceLength = 128;
  manifest.entryPoints.resize(1);
  auto add = [&](const char *name, pi_runtime::Shape shape,
                 bool isUsed = true) {
    pi_runtime::ParameterInfo parameter;
    parameter.name = name;
    parameter.shape = std::move(shape);
    manifest.parameters.push_back(parameter);
    if (isUsed)
      manifest.entryPoints[0].arguments.push_back(
          {pi_runtime::EntryArgument::Kind::Parameter, 0, name});
  };
  add("wte.weight", {1000, 64});
  add("wpe.weight", {128, 64});
  add("h.0.attn.c_attn.weight", {64, 192});
  add("h.0.attn.c_attn.bias", {192});
  add("h.1.attn.c_attn.weight", {64, 192});
  double tied = 6 * (1000 * 64 + 2 * 64 * 192) + 12 * 2 * 64 * 128;
  EXPECT_EQ(trainingFlopsPerToken(manifest), tied);
  add("lm_head.weight", {1000, 64});
  EXPECT_EQ(trainingFlopsPerToken(manifest), tied);
  // The fused matrix of a feed-forward block stands for the two it came from.
  add("h.0.mlp.c_fc.weight", {64, 256}, /*isUsed=*/false);
  add("h.0.mlp.c_proj.weight", {256, 64}, /*isUsed=*/false);
  EXPECT_EQ(trainingFlopsPerToken(manifest), tied);
  add("h.0.mlp.fused.weight", {64, 64});
  EXPECT_EQ(trainingFlopsPerToken(manifest), tied + 6 * 64 * 64);
}

TEST(Flops, PeaksAreOfABoardAndAType) {
  EXPECT_EQ(knownPeakFlops("NVIDIA H100 80GB HBM3", DataType::BF16), 989.4e12);
  EXPECT_EQ(knownPeakFlops("NVIDIA H200", DataType::BF16), 989.4e12);
  EXPECT_EQ(knownPeakFlops("NVIDIA H100 80GB HBM3", DataType::F32), 66.9e12);
  for (const char *name : {"NVIDIA H100 PCIe", "NVIDIA H100 NVL",
                           "NVIDIA H200 NVL", "NVIDIA GH200 480GB", "AMD EPYC"})
    EXPECT_EQ(knownPeakFlops(name, DataType::BF16), 0) << name;
}

TEST(Flops, TheTypeIsThatOfMostProducts) {
  Manifest manifest;
  EXPECT_EQ(productType(manifest), DataType::F32);
  manifest.entryPoints.resize(1);
  manifest.entryPoints[0].name = "train_step";
  auto typeOf = [&](const std::string &steps) {
    manifest.entryPoints[0].plan = R"({"steps":[)" + steps + "]}";
    return productType(manifest);
  };
  std::string small = R"({"op":"gemm","m":8,"n":8,"k":8,"batch":1,)";
  std::string large = R"({"op":"gemm","m":8,"n":8,"k":8,"batch":2,)";
  std::string f32 = R"("dtype":"f32"})", bf16 = R"("dtype":"bf16"})";
  EXPECT_EQ(typeOf(R"({"op":"launch"})"), DataType::F32);
  EXPECT_EQ(typeOf(small + bf16), DataType::BF16);
  EXPECT_EQ(typeOf(small + f32 + "," + large + bf16), DataType::BF16);
  EXPECT_EQ(typeOf(large + f32 + "," + small + bf16), DataType::F32);
}
