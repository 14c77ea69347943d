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

using namespace pi_runtime;

/// The present value of a parameter.
template <typename T>
static std::vector<T> readValues(const Manifest &manifest, Executor &executor,
                                 const char *name) {
  size_t index = *manifest.findParameter(name);
  std::vector<T> values(manifest.parameters[index].elementCount());
  EXPECT_EQ(values.size() * sizeof(T),
            manifest.parameters[index].storageByteSize());
  EXPECT_TRUE(succeeds(executor.readParameter(index, values.data())));
  return values;
}

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
  Result<std::unique_ptr<Executor>> executor = createHostExecutor(*artifact);
  ASSERT_TRUE(succeeds(executor.status()));
  ASSERT_TRUE(succeeds(loadWeights(*artifact, *checkpoint, **executor)));
  std::vector<float> bias = tiny.derivedBias();
  EXPECT_EQ(readValues<double>(manifest, **executor, "mix.weight"),
            std::vector<double>(tiny.mix.begin(), tiny.mix.end()));
  EXPECT_EQ(readValues<double>(manifest, **executor, "bias"),
            std::vector<double>(bias.begin(), bias.end()));
}
