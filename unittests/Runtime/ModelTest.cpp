//===- ModelTest.cpp - Tests of the C interface on the CPU ----------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModelFixture.h"

#include <dlfcn.h>
#include <sys/wait.h>

using namespace pi_runtime;

namespace {
class ModelTest : public ModelFixture {
protected:
  /// Writes a changed model and gives the error of loading it.
  void expectLoadError(const Manifest &manifest, pi_status kind,
                       const std::string &text) {
    ASSERT_TRUE(succeeds(TinyModel::writeModel(modelPath, manifest)));
    pi_status status = pi_model_open(modelPath.c_str(), 0, &model);
    if (status == PI_OK)
      status = pi_model_load_weights(model, checkpointPath.c_str());
    expectError(status, kind, text);
  }
};

const std::vector<int32_t> fullRow = {3, 1, 4, 1, 5, 9, 2, 6};
} // namespace

TEST_F(ModelTest, ForwardComputesTheWholeBatch) {
  load();
  std::vector<int32_t> second = {15, 0, 15, 0, 7, 7, 7, 7};
  std::vector<int32_t> tokens = fullRow;
  tokens.insert(tokens.end(), second.begin(), second.end());
  std::vector<float> logits(2 * 8 * 16),
      expected = tiny.logits(fullRow, tiny.derivedBias());
  ASSERT_EQ(pi_model_forward(model, tokens.data(), 2, 8, logits.data()), PI_OK)
      << pi_last_error();
  std::vector<float> rest = tiny.logits(second, tiny.derivedBias());
  expected.insert(expected.end(), rest.begin(), rest.end());
  EXPECT_EQ(logits, expected);
}

TEST_F(ModelTest, ForwardPadsShortPromptsAndMissingRows) {
  load();
  std::vector<int32_t> prompt(fullRow.begin(), fullRow.begin() + 3);
  std::vector<float> logits(3 * 16);
  ASSERT_EQ(pi_model_forward(model, prompt.data(), 1, 3, logits.data()), PI_OK)
      << pi_last_error();
  EXPECT_EQ(logits, tiny.logits(prompt, tiny.derivedBias()));
  EXPECT_EQ(pi_model_forward(model, prompt.data(), 1, 3, nullptr), PI_OK);
}

TEST_F(ModelTest, GreedyGenerationFollowsForward) {
  load();
  std::vector<int32_t> sequence = {3, 1, 4};
  ASSERT_EQ(pi_generate_start(model, sequence.data(), 1, 3, nullptr), PI_OK)
      << pi_last_error();
  for (int i = 0; i < 6; ++i) { // Positions 3 to 7, and the one after.
    std::vector<float> logits = tiny.logits(sequence, tiny.derivedBias());
    auto last = logits.end() - 16;
    auto expected = std::max_element(last, logits.end()) - last;
    int32_t token = -1;
    ASSERT_EQ(pi_generate_next(model, &token), PI_OK) << pi_last_error();
    EXPECT_EQ(token, expected) << "token " << i;
    sequence.push_back(token);
  }
  int32_t token;
  expectError(pi_generate_next(model, &token), PI_INVALID_ARGUMENT,
              "the sequence is full");
}

TEST_F(ModelTest, ForwardDoesNotDisturbAGeneration) {
  load();
  std::vector<int32_t> tokens(4), undisturbed(4);
  for (std::vector<int32_t> *result : {&undisturbed, &tokens}) {
    ASSERT_EQ(pi_generate_start(model, fullRow.data(), 1, 4, nullptr), PI_OK);
    for (int32_t &token : *result) {
      if (result == &tokens) {
        ASSERT_EQ(pi_model_forward(model, fullRow.data(), 1, 8, nullptr),
                  PI_OK);
      }
      ASSERT_EQ(pi_generate_next(model, &token), PI_OK) << pi_last_error();
    }
  }
  EXPECT_EQ(tokens, undisturbed);
}

TEST_F(ModelTest, TwoRowsGenerateAsEachAlone) {
  load();
  std::vector<int32_t> prompts = {3, 1, 4, 9, 0, 2};
  int32_t both[5][2], first[5], second[5];
  ASSERT_EQ(pi_generate_start(model, prompts.data(), 2, 3, nullptr), PI_OK);
  for (auto &tokens : both)
    ASSERT_EQ(pi_generate_next(model, tokens), PI_OK) << pi_last_error();
  for (auto [tokens, prompt] : {std::pair{first, 0}, std::pair{second, 3}}) {
    ASSERT_EQ(pi_generate_start(model, prompts.data() + prompt, 1, 3, nullptr),
              PI_OK);
    for (int i = 0; i < 5; ++i)
      ASSERT_EQ(pi_generate_next(model, tokens + i), PI_OK);
  }
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(both[i][0], first[i]);
    EXPECT_EQ(both[i][1], second[i]);
  }
}

TEST_F(ModelTest, SeedDecidesSampledTokens) {
  load();
  auto generate = [&](uint64_t seed) {
    pi_sampling sampling = {50.0f, 0, 1.0f, seed};
    std::vector<int32_t> tokens(7);
    EXPECT_EQ(pi_generate_start(model, fullRow.data(), 1, 1, &sampling), PI_OK);
    for (int32_t &token : tokens)
      EXPECT_EQ(pi_generate_next(model, &token), PI_OK) << pi_last_error();
    return tokens;
  };
  EXPECT_EQ(generate(1), generate(1));
  EXPECT_NE(generate(1), generate(2));
}

TEST_F(ModelTest, CheckpointsOwnDerivedParameterIsUsed) {
  std::vector<TensorView> tensors = tiny.tensors();
  std::vector<float> bias(16, 0.5f);
  tensors.push_back({{"transformer.bias", DataType::F32, {16}}, bias.data()});
  ASSERT_TRUE(succeeds(writeSafetensors(checkpointPath, tensors)));
  load();
  std::vector<float> logits(8 * 16);
  ASSERT_EQ(pi_model_forward(model, fullRow.data(), 1, 8, logits.data()),
            PI_OK);
  EXPECT_EQ(logits, tiny.logits(fullRow, bias));
}

TEST_F(ModelTest, SourceOfInitializerIsNeededOnlyIfItRuns) {
  Manifest manifest = tiny.manifest();
  ParameterInfo source = manifest.parameters[0];
  source.name = "source.weight";
  manifest.parameters.push_back(source);
  manifest.initializers[0].sources = {"source.weight"};
  expectLoadError(manifest, PI_INVALID_FILE,
                  "model.safetensors' has no parameter 'source.weight'");
  pi_model_free(model);
  model = nullptr;

  std::vector<TensorView> tensors = tiny.tensors();
  std::vector<float> bias(16, 0.5f);
  tensors.push_back({{"bias", DataType::F32, {16}}, bias.data()});
  ASSERT_TRUE(succeeds(writeSafetensors(checkpointPath, tensors)));
  load();
}

TEST_F(ModelTest, InitializersMayReadDerivedParameters) {
  Manifest manifest = tiny.manifest();
  ParameterInfo copy = manifest.parameters[0];
  copy.name = "copy";
  copy.derived = true;
  manifest.parameters.push_back(copy);
  manifest.initializers = {{"copy", "tiny_initialize_copy", {"wte.weight"}},
                           {"bias", "tiny_initialize_bias", {"copy"}}};
  ASSERT_TRUE(succeeds(TinyModel::writeModel(modelPath, manifest)));
  load();
  std::vector<float> logits(8 * 16);
  ASSERT_EQ(pi_model_forward(model, fullRow.data(), 1, 8, logits.data()),
            PI_OK);
  EXPECT_EQ(logits, tiny.logits(fullRow, tiny.derivedBias()));
}

TEST_F(ModelTest, LoadErrorsNameFileParameterAndShape) {
  Manifest manifest = tiny.manifest();
  manifest.parameters[2].shape = {8, 32};
  expectLoadError(manifest, PI_INVALID_FILE,
                  "model.safetensors': parameter 'mix.weight' has shape 16 x "
                  "16, but");
  EXPECT_NE(std::string(pi_last_error()).find("needs shape 8 x 32"),
            std::string::npos)
      << pi_last_error();
  pi_model_free(model);
  model = nullptr;

  std::vector<TensorView> tensors = tiny.tensors();
  tensors.pop_back();
  ASSERT_TRUE(succeeds(writeSafetensors(checkpointPath, tensors)));
  expectLoadError(tiny.manifest(), PI_INVALID_FILE,
                  "has no parameter 'mix.weight'");
  EXPECT_NE(std::string(pi_last_error()).find("shape 16 x 16"),
            std::string::npos)
      << pi_last_error();
  int32_t token = 0;
  expectError(pi_model_forward(model, &token, 1, 1, nullptr),
              PI_INVALID_ARGUMENT, "no weights are loaded");
}

TEST_F(ModelTest, IntegerWeightsAreAnError) {
  std::vector<TensorView> tensors = tiny.tensors();
  tensors[2].info.dtype = DataType::I32;
  ASSERT_TRUE(succeeds(writeSafetensors(checkpointPath, tensors)));
  expectLoadError(tiny.manifest(), PI_INVALID_FILE,
                  "parameter 'mix.weight' has dtype i32");
}

TEST_F(ModelTest, BadCallsAreErrors) {
  int32_t token = 0;
  float logit;
  expectError(pi_model_open(nullptr, 0, &model), PI_INVALID_ARGUMENT, "'path'");
  expectError(pi_model_open(modelPath.c_str(), 1, &model), PI_INVALID_ARGUMENT,
              "no device 1");
  EXPECT_EQ(model, nullptr);
  expectError(pi_model_forward(nullptr, &token, 1, 1, &logit),
              PI_INVALID_ARGUMENT, "'model'");
  open();
  expectError(pi_model_forward(model, &token, 1, 1, &logit),
              PI_INVALID_ARGUMENT, "no weights");
  ASSERT_EQ(pi_model_load_weights(model, checkpointPath.c_str()), PI_OK);
  expectError(pi_generate_next(model, &token), PI_INVALID_ARGUMENT,
              "no generation");
  expectError(pi_model_forward(model, fullRow.data(), 3, 1, &logit),
              PI_INVALID_ARGUMENT, "3 rows of tokens; the model takes 1 to 2");
  expectError(pi_model_forward(model, fullRow.data(), 1, 9, &logit),
              PI_INVALID_ARGUMENT, "9 tokens; the model takes 1 to 8");
  expectError(pi_model_forward(model, fullRow.data(), 1, 0, &logit),
              PI_INVALID_ARGUMENT, "0 tokens");
  for (int32_t bad : {16, -1}) {
    std::vector<int32_t> tokens = {3, bad};
    expectError(pi_generate_start(model, tokens.data(), 1, 2, nullptr),
                PI_INVALID_ARGUMENT,
                "input 'input_ids': " + std::to_string(bad) +
                    " at [0, 1] is not in [0, 16)");
  }
  pi_sampling sampling = {-1.0f, 0, 1.0f, 0};
  expectError(pi_generate_start(model, fullRow.data(), 1, 2, &sampling),
              PI_INVALID_ARGUMENT, "temperature");
}

TEST_F(ModelTest, AnyEntryPointRuns) {
  load();
  std::vector<int32_t> tokens = fullRow;
  tokens.insert(tokens.end(), fullRow.begin(), fullRow.end());
  std::vector<float> logits(2 * 8 * 16), expected(logits.size());
  const void *inputs[] = {tokens.data()};
  void *outputs[] = {logits.data()};
  ASSERT_EQ(pi_model_run(model, "forward", inputs, outputs), PI_OK)
      << pi_last_error();
  ASSERT_EQ(pi_model_forward(model, tokens.data(), 2, 8, expected.data()),
            PI_OK);
  EXPECT_EQ(logits, expected);

  // The order of outputs is that of the manifest; null is not read.
  int32_t position = 2, next[2];
  const void *prefillInputs[] = {tokens.data(), &position};
  void *prefillOutputs[] = {nullptr, next};
  ASSERT_EQ(pi_model_run(model, "prefill", prefillInputs, prefillOutputs),
            PI_OK)
      << pi_last_error();
  auto row = expected.begin() + 2 * 16;
  EXPECT_EQ(next[0], std::max_element(row, row + 16) - row);
}

TEST_F(ModelTest, EntryPointWithStatesEndsAGeneration) {
  load();
  ASSERT_EQ(pi_generate_start(model, fullRow.data(), 1, 4, nullptr), PI_OK);
  int32_t tokens[2] = {0, 1}, position = 4;
  const void *inputs[] = {tokens, &position};
  void *outputs[] = {nullptr, nullptr};
  ASSERT_EQ(pi_model_run(model, "decode", inputs, outputs), PI_OK)
      << pi_last_error();
  expectError(pi_generate_next(model, tokens), PI_INVALID_ARGUMENT,
              "no generation");
}

/// With an entry point that has no parameters and copies its targets.
static Manifest makeManifestWithTargets(const TinyModel &tiny) {
  Manifest manifest = tiny.manifest();
  EntryPoint targets = manifest.entryPoints[0];
  targets.name = "targets";
  targets.inputs[0].name = "labels";
  targets.inputs[0].indices = IndexRange{11, -1};
  targets.symbol = "tiny_copy_tokens";
  targets.outputs = {{"copy", DataType::I32, {2, 8}}};
  using Kind = EntryArgument::Kind;
  targets.arguments = {{Kind::Input, 0, ""}, {Kind::Output, 0, ""}};
  manifest.entryPoints.push_back(targets);
  return manifest;
}

TEST_F(ModelTest, EntryPointWithoutParametersNeedsNoWeights) {
  ASSERT_TRUE(succeeds(
      TinyModel::writeModel(modelPath, makeManifestWithTargets(tiny))));
  open();
  std::vector<int32_t> targets = {-1, 0, 10, 1, 2, 3, 4, 5,
                                  -1, 0, 10, 1, 2, 3, 4, 5};
  std::vector<int32_t> copy(16);
  const void *inputs[] = {targets.data()};
  void *outputs[] = {copy.data()};
  ASSERT_EQ(pi_model_run(model, "targets", inputs, outputs), PI_OK)
      << pi_last_error();
  EXPECT_EQ(copy, targets);
  expectError(pi_model_run(model, "forward", inputs, outputs),
              PI_INVALID_ARGUMENT, "entry point 'forward': no weights");
  for (int32_t bad : {-100, -2, 11, 16}) {
    targets[9] = bad;
    expectError(
        pi_model_run(model, "targets", inputs, outputs), PI_INVALID_ARGUMENT,
        "entry point 'targets': input 'labels': " + std::to_string(bad) +
            " at [1, 1] is not in [0, 11) and not -1");
  }
}

TEST_F(ModelTest, BadRunsAreErrors) {
  load();
  std::vector<int32_t> tokens(16);
  int32_t position = 0;
  const void *inputs[] = {tokens.data(), &position};
  void *outputs[] = {nullptr, nullptr};
  expectError(pi_model_run(nullptr, "forward", inputs, outputs),
              PI_INVALID_ARGUMENT, "'model'");
  expectError(pi_model_run(model, nullptr, inputs, outputs),
              PI_INVALID_ARGUMENT, "'entry_point'");
  expectError(pi_model_run(model, "forward", nullptr, outputs),
              PI_INVALID_ARGUMENT, "'inputs'");
  expectError(pi_model_run(model, "forward", inputs, nullptr),
              PI_INVALID_ARGUMENT, "'outputs'");
  expectError(pi_model_run(model, "train", inputs, outputs),
              PI_INVALID_ARGUMENT,
              "no entry point 'train'; it has forward, prefill, decode");
  for (int32_t bad : {-1, 8}) {
    position = bad;
    expectError(
        pi_model_run(model, "decode", inputs, outputs), PI_INVALID_ARGUMENT,
        "input 'position': " + std::to_string(bad) + " is not in [0, 8)");
    expectError(pi_model_run(model, "prefill", inputs, outputs),
                PI_INVALID_ARGUMENT, "input 'last_position': ");
  }
  tokens[1] = -100;
  expectError(pi_model_run(model, "forward", inputs, outputs),
              PI_INVALID_ARGUMENT,
              "input 'input_ids': -100 at [0, 1] is not in");
  inputs[0] = nullptr;
  expectError(pi_model_run(model, "forward", inputs, outputs),
              PI_INVALID_ARGUMENT, "input 'input_ids': no data");
}

TEST_F(ModelTest, InputsThatHoldNoIndicesMayHaveAnyValue) {
  Manifest manifest = makeManifestWithTargets(tiny);
  manifest.entryPoints.back().inputs[0].indices.reset();
  ASSERT_TRUE(succeeds(TinyModel::writeModel(modelPath, manifest)));
  open();
  std::vector<int32_t> values(16, 1 << 30), copy(16);
  const void *inputs[] = {values.data()};
  void *outputs[] = {copy.data()};
  ASSERT_EQ(pi_model_run(model, "targets", inputs, outputs), PI_OK)
      << pi_last_error();
  EXPECT_EQ(copy, values);
}

TEST_F(ModelTest, GeneratedTokensWithoutEmbeddingsAreErrors) {
  Manifest manifest = tiny.manifest();
  for (size_t entry : {1, 2})
    manifest.entryPoints[entry].inputs[0].indices->bound = 1;
  ASSERT_TRUE(succeeds(TinyModel::writeModel(modelPath, manifest)));
  load();
  std::vector<int32_t> prompt = {0}, next(2);
  ASSERT_EQ(pi_generate_start(model, prompt.data(), 1, 1, nullptr), PI_OK)
      << pi_last_error();
  ASSERT_EQ(pi_generate_next(model, next.data()), PI_OK);
  ASSERT_NE(next[0], 0);
  expectError(pi_generate_next(model, next.data()), PI_INVALID_ARGUMENT,
              "entry point 'decode': input 'input_ids': " +
                  std::to_string(next[0]) + " at [0, 0] is not in [0, 1)");
}

TEST_F(ModelTest, InfoDescribesTheModel) {
  load();
  const char *json = nullptr;
  ASSERT_EQ(pi_model_info(model, &json), PI_OK);
  std::string text = json;
  for (const char *part :
       {"\"target\":\"cpu\"", "\"vocab_size\":16", "\"sequence_length\":8",
        "\"parameters\":656", "\"parameter_bytes\":2368", "\"state_bytes\":128",
        "\"entry_points\":[{\"inputs\":[{\"dtype\":\"i32\",\"index_bound\":16,"
        "\"name\":\"input_ids\",\"shape\":[2,8]}],\"name\":\"forward\","
        "\"outputs\":[{"
        "\"dtype\":\"f32\",\"name\":\"logits\",\"shape\":[2,8,16]}]},"})
    EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
}

TEST_F(ModelTest, FailingHostCodeIsReported) {
  Manifest manifest = tiny.manifest();
  manifest.entryPoints[0].symbol = "tiny_failure";
  ASSERT_TRUE(succeeds(TinyModel::writeModel(modelPath, manifest)));
  load();
  expectError(pi_model_forward(model, fullRow.data(), 1, 8, nullptr),
              PI_EXECUTION_FAILED, "entry point 'forward' failed with code 7");
}

TEST_F(ModelTest, EntryPointOfAnotherShapeIsAnError) {
  Manifest manifest = tiny.manifest();
  manifest.entryPoints[1].outputs[1].shape = {1};
  expectLoadError(manifest, PI_INVALID_FILE,
                  "entry point 'prefill': no output 'next_token' of type i32 "
                  "and shape 2");
  manifest = tiny.manifest();
  manifest.entryPoints[0].inputs[0].dtype = DataType::I64;
  manifest.entryPoints[0].inputs[0].indices.reset();
  expectLoadError(manifest, PI_INVALID_FILE, "no input 'input_ids'");
  manifest.entryPoints[0].inputs[0] = {{"input_ids", DataType::I32, {2, 4}},
                                       std::nullopt};
  expectLoadError(manifest, PI_INVALID_FILE, "no input 'input_ids'");
  manifest = tiny.manifest();
  manifest.entryPoints[2].symbol = "absent";
  expectLoadError(manifest, PI_INVALID_FILE, "has no symbol 'absent'");
}

TEST_F(ModelTest, CodeForAnotherProcessorIsAnError) {
  Manifest manifest = tiny.manifest();
  manifest.hostFeatures = {"avx10000"};
  expectLoadError(manifest, PI_UNAVAILABLE,
                  "uses instructions that this processor lacks (avx10000)");
#if defined(__x86_64__)
  manifest.hostFeatures = {"sse3"}; // Which every processor in use has.
  ASSERT_TRUE(succeeds(TinyModel::writeModel(modelPath, manifest)));
  load();
#endif
}

TEST_F(ModelTest, DamagedHostCodeIsAnError) {
  ASSERT_TRUE(succeeds(writeArtifact(modelPath, tiny.manifest(),
                                     {{hostCodeSection, "not ELF"}})));
  expectError(pi_model_open(modelPath.c_str(), 0, &model), PI_INVALID_FILE,
              "cannot load the host code");
}

TEST_F(ModelTest, FlippedManifestsOpenOrGiveAnError) {
  std::string valid = readFile(modelPath), text = manifestText(valid);
  for (size_t i = 0; i < text.size(); i += 5) {
    std::string changed = text;
    changed[i] = static_cast<char>(changed[i] ^ (i % 2 ? 0x20 : 0x01));
    writeFile(modelPath, withManifest(valid, changed));
    pi_model *opened = nullptr;
    if (pi_model_open(modelPath.c_str(), 0, &opened) == PI_OK) {
      const char *info = nullptr;
      EXPECT_EQ(pi_model_info(opened, &info), PI_OK) << i;
      pi_model_free(opened);
    } else {
      EXPECT_NE(std::string(pi_last_error()).find(modelPath), std::string::npos)
          << i << ": " << pi_last_error();
    }
  }
}

TEST_F(ModelTest, ModelsDoNotShareHostCodeOrState) {
  load();
  TinyModel other;
  for (float &value : other.mix)
    value = -value;
  std::string otherPath = directory.path("other.safetensors");
  ASSERT_TRUE(succeeds(other.writeCheckpoint(otherPath)));
  pi_model *second = nullptr;
  ASSERT_EQ(pi_model_open(modelPath.c_str(), 0, &second), PI_OK);
  ASSERT_EQ(pi_model_load_weights(second, otherPath.c_str()), PI_OK);
  std::vector<float> logits(8 * 16);
  for (auto [handle, reference] :
       {std::pair{model, &tiny}, std::pair{second, &other}}) {
    ASSERT_EQ(pi_model_forward(handle, fullRow.data(), 1, 8, logits.data()),
              PI_OK);
    EXPECT_EQ(logits, reference->logits(fullRow, reference->derivedBias()));
  }
  pi_model_free(second);
}

TEST_F(ModelTest, ThreadCountIsChecked) {
  ::setenv("PI_NUM_THREADS", "many", 1);
  expectError(pi_model_open(modelPath.c_str(), 0, &model), PI_INVALID_ARGUMENT,
              "PI_NUM_THREADS is 'many'");
  ::unsetenv("PI_NUM_THREADS");
}

/// A limit on memory allows some of the threads only; afterwards none is left.
TEST_F(ModelTest, ThreadsThatDoNotStartAreAnError) {
  pid_t child = ::fork();
  if (child == 0) {
    ::alarm(20);
    ::setenv("PI_NUM_THREADS", "1024", 1);
    limitMemory(64 << 20); // A stack takes 8 MiB.
    expectError(pi_model_open(modelPath.c_str(), 0, &model), PI_UNAVAILABLE,
                " of 1024 threads can be started");
    ::setenv("PI_NUM_THREADS", "2", 1);
    load();
    ::_exit(HasFailure());
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

/// As Python's ctypes loads the library: its symbols are visible to nobody
/// else, and host code has to find pi_rt_* all the same.
TEST_F(ModelTest, HostCodeFindsARuntimeLoadedLocally) {
  void *library = dlopen(PI_RUNTIME_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  ASSERT_TRUE(library) << dlerror();
  auto open = reinterpret_cast<decltype(&pi_model_open)>(
      dlsym(library, "pi_model_open"));
  auto free = reinterpret_cast<decltype(&pi_model_free)>(
      dlsym(library, "pi_model_free"));
  ASSERT_TRUE(open && free);
  pi_model *loaded = nullptr;
  EXPECT_EQ(open(modelPath.c_str(), 0, &loaded), PI_OK);
  free(loaded);
}
