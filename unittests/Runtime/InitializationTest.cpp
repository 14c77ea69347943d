//===- InitializationTest.cpp - Tests of weights from scratch -------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestFiles.h"
#include "TinyModel.h"

#include "pi/Runtime/Initialization.h"
#include "pi/Runtime/Model.h"

#include <cmath>
#include <set>

using namespace pi_runtime;

/// From an implementation in Python: the header's formulas with integers
/// modulo 2^64, and statistics.NormalDist().inv_cdf.
TEST(InitializationTest, NumbersAreThoseOfTheFormulas) {
  struct {
    uint64_t seed;
    const char *name;
    uint64_t index;
    uint64_t bits;
    double normal;
  } cases[] = {{0u, "wte.weight", 0, 0xd9cb15cf844e7f9b, 1.0396773402237205},
               {0u, "wte.weight", 1, 0xc74ca053eb41ce7f, 0.7671807584026934},
               {1u, "wte.weight", 0, 0x31804d8f0f19da86, -0.8655663861727854},
               {0u, "wpe.weight", 0, 0x45422d71ca9cc9af, -0.6111774995101553},
               {18446744073709551615u, "", 1099511627776, 0x83517970b1edc5be,
                0.0324965097589897},
               {42u, "h.11.mlp.c_proj.weight", 123456, 0x95dc6535452d267a,
                0.2157128709203236}};
  for (auto &[seed, name, index, bits, normal] : cases) {
    CounterRandom random(seed, name);
    EXPECT_EQ(random.bits(index), bits) << name << ", " << index;
    EXPECT_NEAR(random.normal(index), normal, 1e-14) << name << ", " << index;
  }
}

/// Against the error function of the C library, in the centre, the middle and
/// the tails, where the algorithm has different formulas.
TEST(InitializationTest, QuantilesInvertTheDistribution) {
  for (double p : {0x1p-53, 1e-12, 1e-10, 1e-6, 0.01, 0.074, 0.076, 0.3, 0.5}) {
    double x = normalQuantile(p);
    EXPECT_NEAR(0.5 * std::erfc(-x / std::sqrt(2.0)) / p, 1, 1e-13) << p;
    if (p >= 0.01) { // 1 - p has the digits of p.
      EXPECT_NEAR(normalQuantile(1 - p), -x, 1e-14) << p;
    }
  }
  EXPECT_EQ(normalQuantile(0.5), 0);
  EXPECT_LT(normalQuantile(1 - 0x1p-53), 8.21);
}

TEST(InitializationTest, MomentsAreThoseOfTheDistribution) {
  constexpr uint64_t count = 1 << 20;
  std::vector<float> values(count);
  initializeValues({ParameterInit::Kind::Normal, 0.02}, 7, "w", values.data(),
                   count);
  double sum = 0, squares = 0, cubes = 0, fourths = 0;
  uint64_t beyondTwo = 0;
  for (float value : values) {
    double x = value / 0.02;
    sum += x, squares += x * x, cubes += x * x * x, fourths += x * x * x * x;
    beyondTwo += std::fabs(x) > 2;
  }
  // Five standard errors, of 1, 2, 15 and 96 / count and of a share.
  double error = 5 / std::sqrt(double(count));
  EXPECT_NEAR(sum / count, 0, error);
  EXPECT_NEAR(squares / count, 1, error * std::sqrt(2.0));
  EXPECT_NEAR(cubes / count, 0, error * std::sqrt(15.0));
  EXPECT_NEAR(fourths / count, 3, error * std::sqrt(96.0));
  double share = std::erfc(std::sqrt(2.0));
  EXPECT_NEAR(double(beyondTwo) / count, share,
              error * std::sqrt(share * (1 - share)));
}

TEST(InitializationTest, StreamsDiffer) {
  std::set<uint64_t> seen;
  for (const char *name : {"a", "b", "ab", "ba", ""})
    for (uint64_t seed : {0, 1, 2})
      for (uint64_t index : {0, 1, 2})
        seen.insert(CounterRandom(seed, name).bits(index));
  EXPECT_EQ(seen.size(), 45u);
}

namespace {
class InitializeWeightsTest : public testing::Test {
protected:
  /// The tiny model with an init for each parameter but the derived one.
  Manifest makeManifest() {
    Manifest manifest = TinyModel().manifest();
    using Kind = ParameterInit::Kind;
    manifest.parameters[0].init = ParameterInit{Kind::Normal, 0.02};
    manifest.parameters[1].init = ParameterInit{Kind::Normal, 0.01};
    manifest.parameters[2].init = ParameterInit{Kind::Fill, -0.25};
    return manifest;
  }

  std::unique_ptr<Model> open(const Manifest &manifest) {
    std::string path = directory.path("model.pi");
    EXPECT_TRUE(succeeds(TinyModel::writeModel(path, manifest)));
    Result<std::unique_ptr<Model>> model = Model::open(path, 0);
    EXPECT_TRUE(succeeds(model.status()));
    return std::move(*model);
  }

  template <typename T>
  static std::vector<T> parameter(const Model &model, const char *name) {
    size_t index = *model.manifest().findParameter(name);
    std::vector<T> values(model.manifest().parameters[index].elementCount());
    EXPECT_TRUE(succeeds(model.readParameter(index, values.data())));
    return values;
  }

  TemporaryDirectory directory;
};
} // namespace

TEST_F(InitializeWeightsTest, EachParameterHasItsInit) {
  std::unique_ptr<Model> model = open(makeManifest());
  ASSERT_TRUE(succeeds(model->initializeWeights(3)));
  std::vector<float> expected(256);
  CounterRandom random(3, "wte.weight");
  for (size_t i = 0; i < expected.size(); ++i)
    expected[i] = static_cast<float>(0.02 * random.normal(i));
  EXPECT_EQ(parameter<float>(*model, "wte.weight"), expected);
  EXPECT_EQ(parameter<float>(*model, "mix.weight"),
            std::vector<float>(256, -0.25f));
  CounterRandom positions(3, "wpe.weight");
  EXPECT_EQ(parameter<uint16_t>(*model, "wpe.weight")[5],
            floatToBFloat16(static_cast<float>(0.01 * positions.normal(5))));
  // Derived from wte.weight.
  float sum = 0;
  for (int row = 0; row < 16; ++row)
    sum += 2 * expected[row * 16];
  EXPECT_EQ(parameter<float>(*model, "bias")[0], sum);

  std::vector<int32_t> tokens(8);
  EXPECT_TRUE(succeeds(model->forward(tokens.data(), 1, 8, nullptr)));
  ASSERT_TRUE(succeeds(model->initializeWeights(4)));
  EXPECT_NE(parameter<float>(*model, "wte.weight"), expected);
}

TEST_F(InitializeWeightsTest, OrderOfParametersDoesNotMatter) {
  Manifest manifest = makeManifest();
  std::unique_ptr<Model> model = open(manifest);
  ASSERT_TRUE(succeeds(model->initializeWeights(3)));
  std::vector<float> expected = parameter<float>(*model, "wte.weight");
  std::swap(manifest.parameters[0], manifest.parameters[2]);
  model = open(manifest);
  ASSERT_TRUE(succeeds(model->initializeWeights(3)));
  EXPECT_EQ(parameter<float>(*model, "wte.weight"), expected);
}

TEST_F(InitializeWeightsTest, DerivedParameterWithInitIsNotDerived) {
  Manifest manifest = makeManifest();
  manifest.parameters[3].init = ParameterInit{ParameterInit::Kind::Fill, 2};
  std::unique_ptr<Model> model = open(manifest);
  ASSERT_TRUE(succeeds(model->initializeWeights(3)));
  EXPECT_EQ(parameter<float>(*model, "bias"), std::vector<float>(16, 2.0f));
}

TEST_F(InitializeWeightsTest, MissingInitIsAnErrorThatNamesTheParameter) {
  Manifest manifest = makeManifest();
  manifest.parameters[2].init.reset();
  std::unique_ptr<Model> model = open(manifest);
  EXPECT_TRUE(failsWith(model->initializeWeights(3), ErrorKind::InvalidArgument,
                        "does not say how parameter 'mix.weight' starts"));
  std::vector<int32_t> tokens(8);
  EXPECT_TRUE(failsWith(model->forward(tokens.data(), 1, 8, nullptr),
                        ErrorKind::InvalidArgument, "no weights are loaded"));
}
