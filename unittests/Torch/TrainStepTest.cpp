//===- TrainStepTest.cpp - Updates of whole models ------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Makes the train step of a small GPT-2, compiles it, and compares what several
// steps make of the parameters with LibTorch's AdamW and clipping.
//
//===----------------------------------------------------------------------===//

#include "Architectures.h"

#include "gtest/gtest.h"

#include <cmath>
#include <limits>
#include <stdexcept>

using namespace pi_torch;

namespace {

/// Where a gradient is 0 but for rounding, as that of a key's bias, AdamW makes
/// an update of the size of the learning rate of what is left, and no two
/// programs agree. An epsilon above rounding and below all else leaves nothing
/// of these, and the learning rate is large enough that every update shows.
AdamWOptions testOptions() {
  AdamWOptions options;
  options.learningRate = 1e-2;
  options.epsilon = 1e-5;
  return options;
}

std::map<std::string, Tensor> updateInputs(const AdamWOptions &options,
                                           int64_t step) {
  auto scalar = [](double value) {
    return Tensor{{}, {static_cast<float>(value)}};
  };
  return {{"learning_rate", scalar(options.learningRate)},
          {"weight_decay", scalar(options.weightDecay)},
          {"max_grad_norm", scalar(options.maxGradNorm)},
          {"step", scalar(step)}};
}

bool endsWith(const std::string &text, const std::string &ending) {
  return text.size() >= ending.size() &&
         text.compare(text.size() - ending.size(), ending.size(), ending) == 0;
}

/// Matrices decay; temperatures are no weights.
std::set<std::string> decayedParameters(const Parameters &parameters) {
  std::set<std::string> names;
  for (const auto &[name, value] : parameters)
    if (value.shape.size() == 2 && endsWith(name, ".weight"))
      names.insert(name);
  return names;
}

CompiledModel compileTrainStep(const Architecture &architecture, int64_t batch,
                               int64_t positions,
                               const std::string &options = "") {
  importArchitecture(architecture, batch, positions);
  runTool("pi-opt private.mlir --pi-build-train-step='epsilon=1e-5 " + options +
          "' -o train.mlir");
  return CompiledModel("train.mlir");
}

std::map<std::string, Tensor>
trainStep(CompiledModel &model, const TokenBatch &batch, int64_t batchSize,
          const AdamWOptions &options, int64_t step) {
  auto inputs = asInputs(batch, batchSize);
  inputs.merge(updateInputs(options, step));
  return model.run("train_step", inputs);
}

/// A batch that is another one in each step.
TokenBatch batchOfStep(int64_t step, int64_t count, int64_t vocabSize) {
  TokenBatch batch = someBatch(count, vocabSize);
  for (int32_t &token : batch.tokens)
    token = static_cast<int32_t>((token + step) % vocabSize);
  return batch;
}

/// Compares the cross-entropy of @evaluate, and checks the entropies' range.
void compareEvaluation(CompiledModel &model, const TrainingCase &test,
                       const Parameters &parameters, const TokenBatch &batch,
                       int64_t batchSize, int64_t positions) {
  const Decoder &decoder = test.architecture.reference;
  auto outputs = model.run("evaluate", asInputs(batch, batchSize));
  // Without the penalty.
  double expected =
      decoderGradients(decoder, parameters, batch, batchSize, nullptr).loss;
  EXPECT_NEAR(outputs.at("cross_entropy").data[0], expected, 1e-5 * expected);
  EXPECT_EQ(outputs.size(), 1 + decoder.layers);
  for (int64_t layer = 0; layer < decoder.layers; ++layer) {
    const Tensor &entropy =
        outputs.at("entropy.h." + std::to_string(layer) + ".attn");
    EXPECT_EQ(entropy.shape, std::vector<int64_t>{decoder.heads});
    // The first row has one column, and so no entropy.
    double limit = std::log(static_cast<double>(positions));
    for (float value : entropy.data) {
      EXPECT_GE(value, 0.0f);
      EXPECT_LE(value, limit);
      EXPECT_EQ(value > 0.1 * limit, positions > 1);
    }
  }
}

/// Compares the gradients of the first step and what `steps` make of
/// everything.
void compareSteps(const TrainingCase &test, int64_t batchSize,
                  int64_t positions, int64_t steps) {
  const Decoder &decoder = test.architecture.reference;
  CompiledModel model =
      compileTrainStep(test.architecture, batchSize, positions);
  Parameters parameters = setParameters(model, /*derivedToo=*/true);
  AdamWOptions options = testOptions();
  options.decayed = decayedParameters(parameters);
  std::vector<TokenBatch> batches;
  for (int64_t step = 0; step < steps; ++step)
    batches.push_back(
        batchOfStep(step, batchSize * positions, decoder.vocabSize));
  compareEvaluation(model, test, parameters, batches[0], batchSize, positions);
  LossAndGradients first = decoderGradients(decoder, parameters, batches[0],
                                            batchSize, test.getReading());
  TrainingRun expected = trainDecoder(decoder, parameters, batches, batchSize,
                                      test.getReading(), options);

  double largestGradient = 0;
  for (const auto &[name, gradient] : first.gradients)
    largestGradient = std::max(largestGradient, largest(gradient));
  for (int64_t step = 0; step < steps; ++step) {
    auto outputs =
        trainStep(model, batches[step], batchSize, options, step + 1);
    double loss = expected.losses[step], norm = expected.gradNorms[step];
    EXPECT_NEAR(outputs.at("loss").data[0], loss, 1e-4 * loss);
    EXPECT_NEAR(outputs.at("grad_norm").data[0], norm, 1e-4 * norm);
    if (step > 0)
      continue;
    // The first mean is (1 - beta1) * coefficient * gradient.
    double share = (1 - options.beta1) *
                   std::min(1.0, options.maxGradNorm / (norm + 1e-6));
    for (const auto &[name, gradient] : first.gradients) {
      Tensor scaled = gradient;
      for (float &value : scaled.data)
        value = static_cast<float>(share * value);
      double size = std::max(largest(gradient), 1e-3 * largestGradient) * share;
      EXPECT_LT(maxDifference(model.state(name + ".exp_avg"), scaled),
                1e-4 * size)
          << name;
    }
  }
  for (const auto &[name, gradient] : first.gradients) {
    const Tensor &value = expected.parameters.at(name);
    Tensor actual = model.parameter(name);
    double difference = maxDifference(actual, value);
    EXPECT_LT(difference, 1e-4 * std::max(1.0, largest(value))) << name;
    // It is small beside what the steps changed, too.
    if (largest(gradient) > 1e-3 * largestGradient) {
      EXPECT_LT(10 * difference, maxDifference(actual, parameters.at(name)))
          << name;
    }
  }
}

class TrainStep
    : public testing::TestWithParam<std::tuple<TrainingCase, int64_t>> {};

TEST_P(TrainStep, AgreesWithAdamW) {
  auto [test, positions] = GetParam();
  compareSteps(test, /*batchSize=*/2, positions, /*steps=*/5);
}

INSTANTIATE_TEST_SUITE_P(Architectures, TrainStep,
                         testing::Combine(testing::ValuesIn(trainingCases()),
                                          testing::Values(1, 7, 100, 128)),
                         [](const auto &info) {
                           return testName(std::get<0>(info.param).name) +
                                  "_T" +
                                  std::to_string(std::get<1>(info.param));
                         });

/// The same of a tiny model on long sequences.
class LongTrainStep : public testing::TestWithParam<TrainingCase> {};

TEST_P(LongTrainStep, AgreesWithAdamW) {
  TrainingCase test = GetParam();
  test.architecture.reference.layers = 1;
  test.architecture.reference.heads = 2;
  test.architecture.reference.width = 8;
  test.architecture.reference.vocabSize = 11;
  compareSteps(test, /*batchSize=*/1, /*positions=*/1000, /*steps=*/5);
}

INSTANTIATE_TEST_SUITE_P(Architectures, LongTrainStep,
                         testing::ValuesIn(trainingCases()),
                         [](const auto &info) {
                           return testName(info.param.name);
                         });

/// As small as a model can be that has everything.
Architecture tiny() {
  Architecture model = architecture("SM+LN+G", true, "gelu_tanh");
  model.reference.layers = 1;
  model.reference.heads = 2;
  model.reference.width = 8;
  model.reference.vocabSize = 11;
  return model;
}

TEST(TrainStepTest, TwoHalvesAreOneBatch) {
  constexpr int64_t positions = 6, steps = 2;
  CompiledModel whole = compileTrainStep(tiny(), 2, positions);
  Parameters parameters = setParameters(whole, /*derivedToo=*/true);
  CompiledModel halves =
      compileTrainStep(tiny(), 1, positions, "accumulate=true");
  setParameters(halves, /*derivedToo=*/true);
  AdamWOptions options = testOptions();
  for (int64_t step = 1; step <= steps; ++step) {
    TokenBatch batch = batchOfStep(step, 2 * positions, 11);
    for (size_t i = 0; i < batch.targets.size(); ++i)
      batch.targets[i] = static_cast<int32_t>((3 * i + step) % 11);
    auto expected = trainStep(whole, batch, 2, options, step);
    double loss = 0;
    for (int64_t half = 0; half < 2; ++half) {
      auto part = [&](const std::vector<int32_t> &all) {
        return std::vector<int32_t>(all.begin() + half * positions,
                                    all.begin() + (half + 1) * positions);
      };
      auto outputs =
          halves.run("accumulate_gradients",
                     asInputs({part(batch.tokens), part(batch.targets)}, 1));
      loss += outputs.at("loss").data[0] / 2;
    }
    auto inputs = updateInputs(options, step);
    inputs["micro_batches"] = {{}, {2}};
    auto outputs = halves.run("apply_gradients", inputs);
    float norm = expected.at("grad_norm").data[0];
    EXPECT_NEAR(loss, expected.at("loss").data[0], 1e-5);
    EXPECT_NEAR(outputs.at("grad_norm").data[0], norm, 1e-5 * norm);
    for (const auto &[name, before] : parameters) {
      EXPECT_LT(maxDifference(halves.parameter(name), whole.parameter(name)),
                1e-5)
          << name << ", step " << step;
      EXPECT_EQ(largest(halves.state(name + ".gradient")), 0.0) << name;
    }
  }
}

/// What pi-plan-recomputation says of a function: a part of a remark.
int64_t numberBefore(const std::string &remarks, const std::string &text) {
  size_t end = remarks.find(text, remarks.find("@train_step takes "));
  if (end == std::string::npos)
    throw std::runtime_error("no '" + text + "' in " + remarks);
  size_t begin = remarks.find_last_of(' ', end - 1) + 1;
  return std::stoll(remarks.substr(begin, end - begin));
}

TEST(TrainStepTest, RecomputationChangesNoBit) {
  // Large enough for activations to need more memory than gradients.
  constexpr int64_t positions = 32, batchSize = 32;
  // With everything, and with everything new.
  for (const TrainingCase &test :
       {trainingCases().front(), trainingCases().back()}) {
    SCOPED_TRACE(test.name);
    CompiledModel kept =
        compileTrainStep(test.architecture, batchSize, positions);
    // As little memory as there can be.
    std::string remarks = runTool(
        "pi-opt train.mlir --pi-plan-recomputation=budget=1 -o again.mlir");
    CompiledModel again("again.mlir");
    EXPECT_GT(numberBefore(remarks, " operations run again"), 5);
    EXPECT_LT(numberBefore(remarks, " bytes, without"),
              numberBefore(remarks, "; "));

    Parameters parameters = setParameters(kept, /*derivedToo=*/true);
    setParameters(again, /*derivedToo=*/true);
    for (int64_t step = 1; step <= 2; ++step) {
      TokenBatch batch = batchOfStep(step, batchSize * positions,
                                     test.architecture.reference.vocabSize);
      auto expected = trainStep(kept, batch, batchSize, testOptions(), step);
      auto actual = trainStep(again, batch, batchSize, testOptions(), step);
      for (const auto &[name, value] : expected)
        EXPECT_EQ(actual.at(name).data, value.data) << name;
    }
    for (const auto &[name, value] : parameters)
      EXPECT_EQ(again.parameter(name).data, kept.parameter(name).data) << name;
    for (const pi_runtime::TensorInfo &state : kept.manifest().states)
      EXPECT_EQ(again.state(state.name).data, kept.state(state.name).data)
          << state.name;
  }
}

TEST(TrainStepTest, NoUpdateWithoutAFiniteNorm) {
  constexpr int64_t positions = 6;
  CompiledModel model = compileTrainStep(tiny(), 1, positions);
  Parameters parameters = setParameters(model, /*derivedToo=*/true);
  TokenBatch batch = someBatch(positions, 11);
  AdamWOptions options = testOptions();
  trainStep(model, batch, 1, options, 1);
  std::map<std::string, Tensor> before;
  for (const auto &[name, value] : parameters)
    for (const char *moment : {".exp_avg", ".exp_avg_sq"})
      before[name + moment] = model.state(name + moment);

  // One weight overflows, and nearly every gradient with it.
  for (const auto &[name, value] : parameters)
    model.setParameter(name, value);
  Tensor broken = parameters.at("ln_f.weight");
  broken.data[3] = std::numeric_limits<float>::infinity();
  model.setParameter("ln_f.weight", broken);
  auto outputs = trainStep(model, batch, 1, options, 2);
  EXPECT_FALSE(std::isfinite(outputs.at("grad_norm").data[0]));
  for (const auto &[name, value] : parameters) {
    EXPECT_EQ(model.parameter(name).data,
              name == "ln_f.weight" ? broken.data : value.data)
        << name;
    for (const char *moment : {".exp_avg", ".exp_avg_sq"})
      EXPECT_EQ(model.state(name + moment).data, before[name + moment].data)
          << name << moment;
  }

  // The first operation that is not finite is the one after the weight.
  const pi_runtime::EntryPoint *check =
      model.manifest().findEntryPoint("check_finite");
  ASSERT_TRUE(check);
  auto finite = model.run("check_finite", asInputs(batch, 1));
  std::string first;
  for (const pi_runtime::TensorInfo &output : check->outputs)
    if (first.empty() && finite.at(output.name).data[0] == 0)
      first = output.name;
  EXPECT_NE(first.find(".ln_f.layer_norm"), std::string::npos) << first;
}

} // namespace
