//===- WeightsTest.cpp - Tests of loading weights -------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestFiles.h"
#include "TinyModel.h"

#include "pi/Runtime/Weights.h"

#include <cstring>
#include <map>

using namespace pi_runtime;

namespace {
/// Keeps the bytes of the parameters it is given.
class RecordingExecutor : public Executor {
public:
  explicit RecordingExecutor(const Manifest &manifest) : manifest(manifest) {}

  std::string deviceName() const override { return "none"; }
  uint64_t memoryBytes() const override { return 0; }
  Status setParameter(size_t index, const void *data) override {
    const ParameterInfo &parameter = manifest.parameters[index];
    bytes[parameter.name].assign(static_cast<const char *>(data),
                                 parameter.storageByteSize());
    return Status::success();
  }
  Status resetStates() override { return Status::success(); }
  Status run(size_t, const std::vector<const void *> &,
             const std::vector<void *> &) override {
    return Status::success();
  }

  template <typename T>
  std::vector<T> values(const std::string &name) const {
    const std::string &text = bytes.at(name);
    std::vector<T> result(text.size() / sizeof(T));
    std::memcpy(result.data(), text.data(), text.size());
    return result;
  }

private:
  const Manifest &manifest;
  std::map<std::string, std::string> bytes;
};
} // namespace

TEST(WeightsTest, ParametersAreStoredInF64WhereAsked) {
  TemporaryDirectory directory;
  TinyModel tiny;
  Manifest manifest = tiny.manifest();
  // One that the checkpoint has, and one that is derived.
  for (size_t index : {2, 3})
    manifest.parameters[index].storageDtype = DataType::F64;
  std::string model = directory.path("model.pi");
  std::string weights = directory.path("model.safetensors");
  ASSERT_TRUE(succeeds(TinyModel::writeModel(model, manifest)));
  ASSERT_TRUE(succeeds(tiny.writeCheckpoint(weights)));

  Result<Artifact> artifact = Artifact::open(model);
  ASSERT_TRUE(succeeds(artifact.status()));
  Result<Checkpoint> checkpoint = Checkpoint::open(weights);
  ASSERT_TRUE(succeeds(checkpoint.status()));
  RecordingExecutor executor(artifact->manifest());
  ASSERT_TRUE(succeeds(loadWeights(*artifact, *checkpoint, executor)));
  std::vector<float> bias = tiny.derivedBias();
  EXPECT_EQ(executor.values<double>("mix.weight"),
            std::vector<double>(tiny.mix.begin(), tiny.mix.end()));
  EXPECT_EQ(executor.values<double>("bias"),
            std::vector<double>(bias.begin(), bias.end()));
}
