//===- TensorsTest.cpp - Tests of a model's tensors by their names --------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModelFixture.h"

using namespace pi_runtime;

namespace {
class TensorsTest : public ModelFixture {
protected:
  static void expectError(pi_status status, const std::string &text) {
    ModelFixture::expectError(status, PI_INVALID_ARGUMENT, text);
  }
};
} // namespace

TEST_F(TensorsTest, InfoListsTensorsAsTheyAreStored) {
  load();
  const char *json = nullptr;
  ASSERT_EQ(pi_model_info(model, &json), PI_OK);
  std::string text = json;
  EXPECT_NE(
      text.find(
          R"("tensors":[{"dtype":"f32","name":"wte.weight","shape":[16,16]},)"
          R"({"dtype":"bf16","name":"wpe.weight","shape":[8,16]},)"
          R"({"dtype":"f32","name":"mix.weight","shape":[16,16]},)"
          R"({"dtype":"f32","name":"bias","shape":[16]},)"
          R"({"dtype":"f32","name":"h.0.attn.cache","shape":[2,16]}])"),
      std::string::npos)
      << text;
}

/// One that only an initializer reads is not on the device.
TEST_F(TensorsTest, InfoListsNoTensorThatIsNotKept) {
  Manifest manifest = tiny.manifest();
  for (EntryPoint &entry : manifest.entryPoints)
    for (EntryArgument &argument : entry.arguments)
      if (argument.name == "wte.weight")
        argument.name = "mix.weight";
  ASSERT_TRUE(succeeds(TinyModel::writeModel(modelPath, manifest)));
  load();
  const char *json = nullptr;
  ASSERT_EQ(pi_model_info(model, &json), PI_OK);
  std::string text = json;
  EXPECT_EQ(text.find("\"wte.weight\""), std::string::npos) << text;
  EXPECT_NE(text.find("\"wpe.weight\""), std::string::npos) << text;
  std::vector<float> table(256);
  expectError(pi_model_read_tensor(model, "wte.weight", table.data(), 1024),
              "parameter 'wte.weight' has no value");
}

TEST_F(TensorsTest, TensorsAreReadByName) {
  load();
  std::vector<float> mix(256), bias(16), cache(32, 1.0f);
  std::vector<uint16_t> positions(8 * 16);
  EXPECT_EQ(pi_model_read_tensor(model, "mix.weight", mix.data(), 1024), PI_OK);
  EXPECT_EQ(mix, tiny.mix);
  EXPECT_EQ(pi_model_read_tensor(model, "bias", bias.data(), 64), PI_OK);
  EXPECT_EQ(bias, tiny.derivedBias());
  EXPECT_EQ(pi_model_read_tensor(model, "h.0.attn.cache", cache.data(), 128),
            PI_OK);
  EXPECT_EQ(cache, std::vector<float>(32, 0.0f));
  EXPECT_EQ(pi_model_read_tensor(model, "wpe.weight", positions.data(), 256),
            PI_OK);
  for (size_t i = 0; i < positions.size(); ++i)
    EXPECT_EQ(bfloat16ToFloat(positions[i]), tiny.positions[i]);
}

TEST_F(TensorsTest, BadReadsAreErrors) {
  open();
  std::vector<float> data(256);
  expectError(pi_model_read_tensor(model, "mix.weight", data.data(), 1024),
              "parameter 'mix.weight' has no value");
  expectError(pi_model_read_tensor(model, "mix", data.data(), 1024),
              "has no parameter and no state 'mix'");
  for (uint64_t bytes : {0, 1023, 1025})
    expectError(pi_model_read_tensor(model, "mix.weight", data.data(), bytes),
                "'mix.weight' has 1024 bytes, but " + std::to_string(bytes) +
                    " are to be read");
  expectError(pi_model_read_tensor(model, "mix.weight", nullptr, 1024),
              "'data'");
  expectError(pi_model_read_tensor(model, nullptr, data.data(), 1024),
              "'name'");
  expectError(pi_model_read_tensor(nullptr, "mix.weight", data.data(), 1024),
              "'model'");
}

TEST_F(TensorsTest, WeightsStartByTheSeed) {
  open();
  expectError(pi_model_initialize_weights(model, 3),
              "does not say how parameter 'wte.weight' starts");
  expectError(pi_model_initialize_weights(nullptr, 3), "'model'");
  pi_model_free(model);
  Manifest manifest = tiny.manifest();
  for (size_t i = 0; i < 3; ++i)
    manifest.parameters[i].init =
        ParameterInit{ParameterInit::Kind::Normal, 0.02};
  ASSERT_TRUE(succeeds(TinyModel::writeModel(modelPath, manifest)));
  open();
  std::vector<std::vector<float>> tables;
  for (uint64_t seed : {3, 3, 4}) {
    ASSERT_EQ(pi_model_initialize_weights(model, seed), PI_OK);
    std::vector<float> &table = tables.emplace_back(256);
    ASSERT_EQ(pi_model_read_tensor(model, "wte.weight", table.data(), 1024),
              PI_OK);
  }
  EXPECT_EQ(tables[0], tables[1]);
  EXPECT_NE(tables[0], tables[2]);
  std::vector<int32_t> tokens(8);
  EXPECT_EQ(pi_model_forward(model, tokens.data(), 1, 8, nullptr), PI_OK);
}
