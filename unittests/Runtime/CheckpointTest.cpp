//===- CheckpointTest.cpp - Tests of checkpoints of a training run --------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FailingCalls.h"
#include "TestFiles.h"
#include "TinyModel.h"

#include "pi/Runtime/CheckpointDirectory.h"

#include <cmath>
#include <functional>
#include <sys/wait.h>
#include <unistd.h>

using namespace pi_runtime;

namespace {
class CheckpointTest : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_TRUE(succeeds(tiny.writeCheckpoint(weightsPath)));
    model = open(tiny.trainingManifest());
    ASSERT_TRUE(succeeds(model->loadWeights(weightsPath)));
  }

  std::unique_ptr<Model> open(const Manifest &manifest) {
    std::string path = directory.path("model.pi");
    EXPECT_TRUE(succeeds(TinyModel::writeModel(path, manifest)));
    Result<std::unique_ptr<Model>> opened = Model::open(path, 0);
    EXPECT_TRUE(succeeds(opened.status()));
    return std::move(*opened);
  }

  static float train(Model &model) {
    float rate = 0.5f, loss = NAN;
    EXPECT_TRUE(succeeds(model.run("train_step", {&rate}, {&loss})));
    return loss;
  }

  /// Opens the run's directory, writes one checkpoint and closes it.
  Status write(int64_t step, int keepLast = 0,
               const std::vector<CheckpointFile> &files = {}) {
    Result<CheckpointDirectory> checkpoints = CheckpointDirectory::open(run);
    if (!checkpoints)
      return checkpoints.status();
    return checkpoints->write(*model, step, stateOf(step), keepLast, files);
  }

  static std::string stateOf(int64_t step) {
    return "{\"step\": " + std::to_string(step) + "}";
  }

  static std::vector<float> weights(const Model &model) {
    std::vector<float> values(256);
    EXPECT_TRUE(succeeds(model.readParameter(0, values.data())));
    return values;
  }

  static std::vector<float> average(const Model &model) {
    std::vector<float> values(256);
    EXPECT_TRUE(succeeds(model.readState(
        *model.manifest().findState("wte.weight.exp_avg"), values.data())));
    return values;
  }

  /// The steps that are listed.
  std::vector<int64_t> steps() const {
    Result<std::vector<StoredCheckpoint>> list = CheckpointDirectory::list(run);
    EXPECT_TRUE(succeeds(list.status()));
    std::vector<int64_t> result;
    for (const StoredCheckpoint &checkpoint : *list)
      result.push_back(checkpoint.step);
    return result;
  }

  std::string pathOf(int64_t step, const char *file = nullptr) const {
    std::string path = run + "/step-0000000" + std::to_string(step);
    return file ? path + "/" + file : path;
  }

  std::vector<std::string> namesInRun() const {
    std::vector<std::string> names;
    for (auto &entry : std::filesystem::directory_iterator(run))
      names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }

  TemporaryDirectory directory;
  std::string weightsPath = directory.path("model.safetensors");
  std::string run = directory.path("run");
  TinyModel tiny;
  std::unique_ptr<Model> model;
};
} // namespace

TEST_F(CheckpointTest, TrainingContinuesWhereItStopped) {
  train(*model);
  train(*model);
  ASSERT_TRUE(succeeds(write(2)));
  std::unique_ptr<Model> resumed = open(tiny.trainingManifest());
  Result<std::string> state = CheckpointDirectory::load(pathOf(2), *resumed);
  ASSERT_TRUE(succeeds(state.status()));
  EXPECT_EQ(*state, stateOf(2));
  EXPECT_EQ(weights(*resumed), weights(*model));
  EXPECT_EQ(average(*resumed), average(*model));
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(train(*resumed), train(*model));
  EXPECT_EQ(weights(*resumed), weights(*model));
}

TEST_F(CheckpointTest, FilesAreThoseThatOthersRead) {
  train(*model);
  ASSERT_TRUE(succeeds(write(1, 0, {{"config.json", "{}"}})));
  Result<SafetensorsFile> file =
      SafetensorsFile::open(pathOf(1, "model.safetensors"));
  ASSERT_TRUE(succeeds(file.status()));
  std::vector<std::string> names;
  for (const auto &[name, tensor] : file->tensors())
    names.push_back(name);
  // Without the derived bias, which no entry point updates.
  EXPECT_EQ(names, (std::vector<std::string>{"mix.weight", "wpe.weight",
                                             "wte.weight"}));
  EXPECT_EQ(file->tensors().at("wpe.weight").info.dtype, DataType::BF16);
  EXPECT_NE(readFile(file->path()).find("{\"format\":\"pt\"}"),
            std::string::npos);
  Result<SafetensorsFile> optimizer =
      SafetensorsFile::open(pathOf(1, "optimizer.safetensors"));
  ASSERT_TRUE(succeeds(optimizer.status()));
  // Without the keys and values of a generation.
  EXPECT_EQ(optimizer->tensors().size(), 1u);
  EXPECT_TRUE(optimizer->tensors().count("wte.weight.exp_avg"));
  EXPECT_EQ(readFile(pathOf(1, "config.json")), "{}");
  EXPECT_EQ(readFile(run + "/latest/state.json"), stateOf(1));

  std::unique_ptr<Model> other = open(tiny.manifest());
  ASSERT_TRUE(succeeds(other->loadWeights(run + "/latest")));
  EXPECT_EQ(weights(*other), weights(*model));
}

TEST_F(CheckpointTest, DerivedParametersAreDerivedAgain) {
  train(*model);
  ASSERT_TRUE(succeeds(write(1)));
  std::unique_ptr<Model> resumed = open(tiny.trainingManifest());
  ASSERT_TRUE(
      succeeds(CheckpointDirectory::load(pathOf(1), *resumed).status()));
  std::vector<float> bias(16), expected(16), table = weights(*model);
  for (size_t i = 0; i < table.size(); ++i)
    expected[i % 16] += 2 * table[i];
  ASSERT_TRUE(succeeds(resumed->readParameter(3, bias.data())));
  EXPECT_EQ(bias, expected);
}

TEST_F(CheckpointTest, TheLastAreKept) {
  for (int64_t step : {1, 2, 5, 8})
    ASSERT_TRUE(succeeds(write(step)));
  EXPECT_EQ(steps(), (std::vector<int64_t>{1, 2, 5, 8}));
  ASSERT_TRUE(succeeds(write(9, 2)));
  EXPECT_EQ(steps(), (std::vector<int64_t>{8, 9}));
  EXPECT_EQ(namesInRun(), (std::vector<std::string>{"latest", "step-00000008",
                                                    "step-00000009"}));
  Result<std::optional<StoredCheckpoint>> latest =
      CheckpointDirectory::latest(run);
  ASSERT_TRUE(succeeds(latest.status()));
  EXPECT_EQ((*latest)->path, pathOf(9));
}

TEST_F(CheckpointTest, NothingIsListedWhereNothingIs) {
  Result<std::optional<StoredCheckpoint>> latest =
      CheckpointDirectory::latest(run);
  ASSERT_TRUE(succeeds(latest.status()));
  EXPECT_FALSE(*latest);
  EXPECT_TRUE(failsWith(CheckpointDirectory::list(weightsPath).status(),
                        ErrorKind::ExecutionFailed, weightsPath));
}

TEST_F(CheckpointTest, WrongArgumentsAreErrors) {
  ASSERT_TRUE(succeeds(write(3)));
  auto expect = [&](const Status &status, const char *text) {
    EXPECT_TRUE(failsWith(status, ErrorKind::InvalidArgument, text));
  };
  expect(write(3), "step 3 is not after that of");
  expect(write(2), "step 2 is not after that of");
  expect(write(-1), "0 or more");
  expect(write(4, -1), "0 or more");
  for (const char *name : {"", ".", "..", ".config", "a/b", "/a"})
    expect(write(4, 0, {{name, ""}}), "no plain name");
  for (const char *name : {"model.safetensors", "optimizer.safetensors",
                           "state.json", "checkpoint.json"})
    expect(write(4, 0, {{name, ""}}), "has a file");
  expect(write(4, 0, {{"a", ""}, {"a", ""}}), "has a file 'a' already");
  EXPECT_EQ(steps(), std::vector<int64_t>{3});
  EXPECT_EQ(namesInRun(),
            (std::vector<std::string>{"latest", "step-00000003"}));
}

TEST_F(CheckpointTest, ModelWithoutWeightsIsNotWritten) {
  model = open(tiny.trainingManifest());
  EXPECT_TRUE(failsWith(write(1), ErrorKind::InvalidArgument,
                        "parameter 'wte.weight' has no value"));
  EXPECT_TRUE(namesInRun().empty());
}

TEST_F(CheckpointTest, OnlyOneProcessWrites) {
  Result<CheckpointDirectory> first = CheckpointDirectory::open(run);
  ASSERT_TRUE(succeeds(first.status()));
  EXPECT_TRUE(failsWith(write(1), ErrorKind::Unavailable,
                        "another process writes checkpoints to '" + run));
  ASSERT_TRUE(succeeds(first->write(*model, 1, "", 0)));
  { CheckpointDirectory moved = std::move(*first); }
  EXPECT_TRUE(succeeds(write(2)));
}

TEST_F(CheckpointTest, PlacesThatCannotBeWrittenAreErrors) {
  EXPECT_TRUE(
      failsWith(CheckpointDirectory::open(directory.path("a/b")).status(),
                ErrorKind::ExecutionFailed, "cannot make"));
  EXPECT_TRUE(failsWith(CheckpointDirectory::open(weightsPath).status(),
                        ErrorKind::ExecutionFailed, "Not a directory"));
  if (::geteuid() == 0)
    return; // Who may write everywhere.
  std::filesystem::create_directory(run);
  std::filesystem::permissions(run, std::filesystem::perms::owner_read |
                                        std::filesystem::perms::owner_exec);
  EXPECT_TRUE(failsWith(CheckpointDirectory::open(run).status(),
                        ErrorKind::ExecutionFailed, "Permission denied"));
}

//===----------------------------------------------------------------------===//
// Damaged and foreign checkpoints
//===----------------------------------------------------------------------===//

TEST_F(CheckpointTest, TornFilesAreNoticed) {
  ASSERT_TRUE(succeeds(write(1)));
  for (const char *name : {"model.safetensors", "optimizer.safetensors",
                           "state.json", "config.json"}) {
    train(*model);
    ASSERT_TRUE(succeeds(write(2, 0, {{"config.json", "{}"}})));
    std::string path = pathOf(2, name);
    std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
    EXPECT_EQ(steps(), std::vector<int64_t>{1}) << name;
    std::vector<float> before = weights(*model);
    EXPECT_TRUE(failsWith(CheckpointDirectory::load(pathOf(2), *model).status(),
                          ErrorKind::InvalidFile, "'" + path + "' has"));
    std::filesystem::remove(path);
    EXPECT_TRUE(failsWith(CheckpointDirectory::load(pathOf(2), *model).status(),
                          ErrorKind::InvalidFile, "'" + path + "' is missing"));
    EXPECT_EQ(weights(*model), before);
    // The step that is taken by what is left of it can be written again.
  }
}

TEST_F(CheckpointTest, DamagedCheckpointsAreNoBeginning) {
  for (int64_t step : {1, 2, 3})
    ASSERT_TRUE(succeeds(write(step)));
  auto damage = [&](int64_t step) {
    std::string path = pathOf(step, "state.json");
    std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  };
  std::vector<std::string> skipped;
  damage(1); // Older than the newest complete one: of no interest.
  damage(3);
  auto latest = CheckpointDirectory::latest(run, &skipped);
  ASSERT_TRUE(succeeds(latest.status()));
  EXPECT_EQ((*latest)->step, 2);
  ASSERT_EQ(skipped.size(), 1u);
  EXPECT_NE(skipped[0].find("'" + pathOf(3, "state.json") + "' has 10 bytes"),
            std::string::npos)
      << skipped[0];
  damage(2);
  EXPECT_TRUE(failsWith(CheckpointDirectory::latest(run).status(),
                        ErrorKind::InvalidFile,
                        "'" + run + "' has no checkpoint that is complete: '" +
                            pathOf(3, "state.json")));
}

TEST_F(CheckpointTest, ChangedBytesAreNoticed) {
  ASSERT_TRUE(succeeds(write(1)));
  for (const char *name :
       {"model.safetensors", "optimizer.safetensors", "state.json"}) {
    std::string path = pathOf(1, name), bytes = readFile(path);
    std::string changed = bytes;
    changed.back() = static_cast<char>(changed.back() ^ 1);
    writeFile(path, changed);
    EXPECT_TRUE(failsWith(CheckpointDirectory::load(pathOf(1), *model).status(),
                          ErrorKind::InvalidFile, "'" + path + "' is damaged"));
    writeFile(path, bytes);
  }
  EXPECT_TRUE(succeeds(CheckpointDirectory::load(pathOf(1), *model).status()));
}

TEST_F(CheckpointTest, CheckpointOfAnotherModelIsAnError) {
  ASSERT_TRUE(succeeds(write(1)));
  auto errorWith = [&](const std::function<void(Manifest &)> &change) {
    Manifest manifest = tiny.trainingManifest();
    change(manifest);
    std::unique_ptr<Model> other = open(manifest);
    return CheckpointDirectory::load(pathOf(1), *other).status();
  };
  auto expect = [&](const Status &status, const std::string &text) {
    EXPECT_TRUE(failsWith(status, ErrorKind::InvalidFile, text));
  };
  std::string model = "'" + pathOf(1, "model.safetensors") + "': ";
  std::string optimizer = "'" + pathOf(1, "optimizer.safetensors") + "': ";
  expect(errorWith([](Manifest &m) {
           m.parameters[2].shape = {8, 32};
         }),
         model + "parameter 'mix.weight' is f32 of shape 16 x 16; the model "
                 "has f32 of shape 8 x 32");
  expect(errorWith([](Manifest &m) {
           m.parameters[2].storageDtype = DataType::BF16;
         }),
         model + "parameter 'mix.weight' is f32");
  expect(errorWith([](Manifest &m) {
           m.parameters[3].derived = false;
           m.initializers.clear();
         }),
         model + "has no parameter 'bias'");
  expect(errorWith([](Manifest &m) {
           for (EntryPoint &entry : m.entryPoints)
             for (size_t i = entry.arguments.size(); i-- > 0;)
               if (entry.arguments[i].name == "mix.weight")
                 entry.arguments.erase(entry.arguments.begin() + i);
         }),
         model + "tensor 'mix.weight' is no parameter of the model");
  expect(errorWith([](Manifest &m) { m.states[1].shape = {256}; }),
         optimizer + "state 'wte.weight.exp_avg' is f32");
  expect(errorWith([](Manifest &m) {
           m.states[1].name = "wte.weight.exp_avg_sq";
           m.entryPoints.back().arguments[2].name = "wte.weight.exp_avg_sq";
         }),
         optimizer + "has no state 'wte.weight.exp_avg_sq'");
  expect(errorWith([](Manifest &m) { m.entryPoints.pop_back(); }),
         optimizer + "tensor 'wte.weight.exp_avg' is no state of the model");
}

TEST_F(CheckpointTest, MalformedRecordsAreErrors) {
  ASSERT_TRUE(succeeds(write(1)));
  std::string path = pathOf(1, "checkpoint.json"), valid = readFile(path);
  auto expect = [&](const std::string &text, const std::string &error) {
    writeFile(path, text);
    EXPECT_TRUE(failsWith(CheckpointDirectory::load(pathOf(1), *model).status(),
                          ErrorKind::InvalidFile, "'" + path + "': " + error))
        << text;
    EXPECT_TRUE(steps().empty());
  };
  auto replace = [&](const std::string &from, const std::string &to) {
    std::string text = valid;
    size_t position = text.find(from);
    EXPECT_NE(position, std::string::npos) << from;
    return text.replace(position, from.size(), to);
  };
  expect("", "");
  expect("[]", "JSON is not an object");
  expect(valid.substr(0, valid.size() / 2), "");
  expect("{}", "format_version: missing");
  expect(replace("\"format_version\": 1", "\"format_version\": 2"),
         "format_version: expected");
  expect(replace("\"step\": 1", "\"step\": -1"), "step: expected");
  expect(replace("\"step\": 1", "\"step\": 1e99"), "step: expected");
  expect(replace("\"state.json\"", "\"../state.json\""),
         "files.../state.json: no plain name");
  expect(replace("\"state.json\"", "\"other\""), "files: no 'state.json'");
  expect(replace("\"size\": ", "\"size\": -"), "files.");
  expect(replace("\"crc32\": ", "\"crc32\": 4294967296"), "files.");
  // A record of another step does not count as that of this one.
  writeFile(path, replace("\"step\": 1", "\"step\": 7"));
  EXPECT_TRUE(steps().empty());
  std::filesystem::remove(path);
  EXPECT_TRUE(failsWith(CheckpointDirectory::load(pathOf(1), *model).status(),
                        ErrorKind::InvalidFile, "cannot read '" + path));
}

TEST_F(CheckpointTest, OtherNamesAreNoCheckpoints) {
  ASSERT_TRUE(succeeds(write(1)));
  for (const char *name : {"step-1", "step-0000000a", "step-", "step",
                           "step--0000001", "step-99999999999999999999"})
    std::filesystem::copy(pathOf(1), run + "/" + name);
  EXPECT_EQ(steps(), std::vector<int64_t>{1});
}

//===----------------------------------------------------------------------===//
// Interruptions
//===----------------------------------------------------------------------===//

namespace {
/// Step 1 is stored, and step 2 with other weights is being stored in its
/// place when something happens at one call after the other.
class InterruptionTest : public CheckpointTest {
protected:
  void SetUp() override {
    CheckpointTest::SetUp();
    run = memory.path("run");
    train(*model);
    expected[1] = weights(*model);
    train(*model);
    expected[2] = weights(*model);
  }

  /// A run that has step 1.
  void restart() {
    std::filesystem::remove_all(run);
    model = open(tiny.trainingManifest());
    ASSERT_TRUE(succeeds(model->loadWeights(weightsPath)));
    train(*model);
    ASSERT_TRUE(succeeds(write(1)));
    train(*model);
  }

  /// The newest checkpoint has what belongs to its step, and so has `latest`;
  /// the next checkpoint can be written and nothing else is left. Gives the
  /// newest step.
  int64_t checkRun() {
    Result<std::optional<StoredCheckpoint>> latest =
        CheckpointDirectory::latest(run);
    EXPECT_TRUE(succeeds(latest.status()));
    if (!latest || !*latest) {
      ADD_FAILURE() << "no checkpoint is left";
      return 0;
    }
    std::unique_ptr<Model> resumed = open(tiny.trainingManifest());
    for (const std::string &path : {(*latest)->path, run + "/latest"}) {
      Result<std::string> state = CheckpointDirectory::load(path, *resumed);
      EXPECT_TRUE(succeeds(state.status()));
      int64_t step = *state == stateOf(1) ? 1 : 2;
      EXPECT_EQ(*state, stateOf(step));
      EXPECT_EQ(weights(*resumed), expected[step]);
      EXPECT_EQ(average(*resumed), std::vector<float>(256, float(step)));
    }
    EXPECT_TRUE(succeeds(write(3, 1)));
    EXPECT_EQ(namesInRun(),
              (std::vector<std::string>{"latest", "step-00000003"}));
    return (*latest)->step;
  }

  /// In memory where there is such a directory: these tests flush often.
  TemporaryDirectory memory{std::filesystem::exists("/dev/shm")
                                ? "/dev/shm"
                                : std::filesystem::temp_directory_path()};
  std::vector<float> expected[3];
};
} // namespace

TEST_F(InterruptionTest, ProcessMayBeKilledAtAnyCall) {
  bool seen[3] = {};
  for (int number = 1;; ++number) {
    SCOPED_TRACE("killed at call " + std::to_string(number));
    restart();
    pid_t child = ::fork();
    if (child == 0) {
      armFault(CallFault::Kill, number);
      ::_exit(write(2, 1) ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    seen[checkRun()] = true;
    if (WEXITSTATUS(status) != killedStatus) {
      EXPECT_EQ(WEXITSTATUS(status), 0);
      EXPECT_GT(number, 20);
      break;
    }
  }
  EXPECT_TRUE(seen[1] && seen[2]);
}

TEST_F(InterruptionTest, AnyCallMayFail) {
  for (CallFault fault : {CallFault::Fail, CallFault::DiskFull})
    for (int number = 1;; ++number) {
      SCOPED_TRACE("failed at call " + std::to_string(number));
      restart();
      armFault(fault, number);
      Status status = write(2, 1);
      if (!disarmFault()) {
        EXPECT_TRUE(succeeds(status));
        EXPECT_GT(number, 20);
        break;
      }
      if (!status) {
        EXPECT_TRUE(failsWith(status, ErrorKind::ExecutionFailed,
                              "No space left on device"));
        EXPECT_NE(status.message().find(run), std::string::npos)
            << status.message();
      }
      checkRun();
    }
}
