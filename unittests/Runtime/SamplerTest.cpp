//===- SamplerTest.cpp - Tests of choosing tokens -------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestFiles.h"

#include "pi/Runtime/Sampler.h"

#include <cmath>
#include <limits>
#include <map>
#include <set>

using namespace pi_runtime;

static constexpr int draws = 40000;

/// How often each token is drawn.
static std::map<int32_t, int> histogram(const SamplingOptions &options,
                                        const std::vector<float> &logits) {
  Sampler sampler(options);
  std::map<int32_t, int> counts;
  for (int i = 0; i < draws; ++i) {
    Result<int32_t> token =
        sampler.sample(logits.data(), static_cast<int64_t>(logits.size()));
    EXPECT_TRUE(succeeds(token.status()));
    ++counts[*token];
  }
  return counts;
}

/// That frequencies are softmax(logits / temperature) over `kept`, within five
/// standard deviations, and zero elsewhere.
static void expectDistribution(const SamplingOptions &options,
                               const std::vector<float> &logits,
                               const std::set<int32_t> &kept) {
  double total = 0;
  for (int32_t token : kept)
    total += std::exp(logits[token] / options.temperature);
  std::map<int32_t, int> counts = histogram(options, logits);
  for (int32_t token = 0; token < int32_t(logits.size()); ++token) {
    if (!kept.count(token)) {
      EXPECT_EQ(counts.count(token), 0u) << "token " << token;
      continue;
    }
    double p = std::exp(logits[token] / options.temperature) / total;
    EXPECT_NEAR(counts[token], draws * p,
                5 * std::sqrt(draws * p * (1 - p)) + 1)
        << "token " << token;
  }
}

static const std::vector<float> someLogits = {0.5f, 2.0f, -1.0f, 1.0f, 1.5f};

TEST(SamplerTest, GreedyTakesTheFirstOfTheLargest) {
  Sampler sampler({});
  std::vector<float> logits = {1, 3, 2, 3};
  EXPECT_EQ(*sampler.sample(logits.data(), 4), 1);
  logits = {-5, -INFINITY, -4};
  EXPECT_EQ(*sampler.sample(logits.data(), 3), 2);
}

TEST(SamplerTest, TemperatureScalesTheDistribution) {
  for (float temperature : {0.5f, 1.0f, 3.0f})
    expectDistribution({temperature, 0, 1.0f, 1}, someLogits, {0, 1, 2, 3, 4});
}

TEST(SamplerTest, TopKKeepsTheLargest) {
  expectDistribution({1.0f, 1, 1.0f, 2}, someLogits, {1});
  expectDistribution({1.0f, 3, 1.0f, 3}, someLogits, {1, 3, 4});
  expectDistribution({1.0f, 5, 1.0f, 4}, someLogits, {0, 1, 2, 3, 4});
  expectDistribution({1.0f, 100, 1.0f, 5}, someLogits, {0, 1, 2, 3, 4});
}

TEST(SamplerTest, TopKKeepsThoseEqualToTheKth) {
  expectDistribution({1.0f, 2, 1.0f, 6}, {1, 2, 1, 0, 1}, {0, 1, 2, 4});
}

TEST(SamplerTest, TopPKeepsTheSmallestSufficientSet) {
  // Probabilities 0.5, 0.3, 0.15, 0.05.
  std::vector<float> logits = {std::log(0.15f), std::log(0.5f), std::log(0.05f),
                               std::log(0.3f)};
  expectDistribution({1.0f, 0, 0.4f, 7}, logits, {1});
  expectDistribution({1.0f, 0, 0.6f, 8}, logits, {1, 3});
  expectDistribution({1.0f, 0, 0.9f, 9}, logits, {0, 1, 3});
  expectDistribution({1.0f, 0, 0.97f, 10}, logits, {0, 1, 2, 3});
  expectDistribution({1.0f, 0, 1e-9f, 11}, logits, {1});
}

TEST(SamplerTest, TopPFollowsTemperatureAndTopK) {
  // With temperature 10 the four are nearly equal, so 0.6 needs three; the
  // probabilities of the three that top-k keeps need two.
  std::vector<float> logits = {std::log(0.15f), std::log(0.5f), std::log(0.05f),
                               std::log(0.3f)};
  expectDistribution({10.0f, 0, 0.6f, 12}, logits, {0, 1, 3});
  expectDistribution({10.0f, 3, 0.6f, 13}, logits, {1, 3});
}

TEST(SamplerTest, SeedDecidesTheTokens) {
  auto sequence = [](uint64_t seed) {
    Sampler sampler({1.0f, 0, 0.95f, seed});
    std::vector<int32_t> tokens;
    for (int i = 0; i < 50; ++i)
      tokens.push_back(*sampler.sample(someLogits.data(), 5));
    return tokens;
  };
  EXPECT_EQ(sequence(1), sequence(1));
  EXPECT_NE(sequence(1), sequence(2));
}

TEST(SamplerTest, DrawsAsDocumented) {
  // x of std::mt19937_64 with its default seed, whose 10000th number the C++
  // standard gives; tokens of equal probability divide [0, 1).
  constexpr uint64_t seed = std::mt19937_64::default_seed;
  constexpr uint64_t number = 9981545732273789042u;
  std::vector<float> logits(1000, 0.0f);
  Sampler sampler({1.0f, 0, 1.0f, seed});
  int32_t token = -1;
  for (int i = 0; i < 10000; ++i)
    token = *sampler.sample(logits.data(), 1000);
  EXPECT_EQ(token, static_cast<int32_t>(double(number >> 11) * 0x1p-53 * 1000));
}

TEST(SamplerTest, LogitsThatAreNoNumbersAreErrors) {
  for (float temperature : {0.0f, 1.0f}) {
    Sampler sampler({temperature, 0, 1.0f, 0});
    std::vector<float> logits = {1, NAN, 2};
    EXPECT_TRUE(failsWith(sampler.sample(logits.data(), 3).status(),
                          ErrorKind::ExecutionFailed,
                          "the logit of token 1 is not a number"));
    logits = {1, 2, INFINITY};
    EXPECT_TRUE(failsWith(sampler.sample(logits.data(), 3).status(),
                          ErrorKind::ExecutionFailed,
                          "the logit of token 2 is infinite"));
    logits = {-INFINITY, -INFINITY};
    EXPECT_TRUE(failsWith(sampler.sample(logits.data(), 2).status(),
                          ErrorKind::ExecutionFailed, "is infinite"));
  }
}

TEST(SamplerTest, ExtremeLogitsDoNotOverflow) {
  Sampler sampler({1e-30f, 0, 0.9f, 0});
  std::vector<float> logits = {-3e38f, 3e38f, 0};
  EXPECT_EQ(*sampler.sample(logits.data(), 3), 1);
}

TEST(SamplerTest, OptionsAreChecked) {
  auto verify = [](float temperature, int32_t topK, float topP) {
    return verifySamplingOptions({temperature, topK, topP, 0});
  };
  EXPECT_TRUE(succeeds(verify(0, 0, 1)));
  EXPECT_TRUE(succeeds(verify(1.5f, 40, 0.1f)));
  for (float bad : {-0.1f, INFINITY, NAN})
    EXPECT_TRUE(failsWith(verify(bad, 0, 1), ErrorKind::InvalidArgument,
                          "temperature"));
  EXPECT_TRUE(
      failsWith(verify(1, -1, 1), ErrorKind::InvalidArgument, "top_k -1"));
  for (float bad : {0.0f, -0.1f, 1.1f, NAN})
    EXPECT_TRUE(
        failsWith(verify(1, 0, bad), ErrorKind::InvalidArgument, "top_p"));
}
