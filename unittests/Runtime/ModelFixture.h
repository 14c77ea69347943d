//===- ModelFixture.h - The tiny model through the C interface --*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_UNITTESTS_RUNTIME_MODELFIXTURE_H
#define PI_UNITTESTS_RUNTIME_MODELFIXTURE_H

#include "TestFiles.h"
#include "TinyModel.h"

#include "pi/Runtime/pi_runtime.h"

namespace pi_runtime {

/// The tiny model and its checkpoint as files, opened and loaded on demand.
class ModelFixture : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_TRUE(succeeds(tiny.writeModel(modelPath)));
    ASSERT_TRUE(succeeds(tiny.writeCheckpoint(checkpointPath)));
  }
  void TearDown() override { pi_model_free(model); }

  void open() {
    ASSERT_EQ(pi_model_open(modelPath.c_str(), 0, &model), PI_OK)
        << pi_last_error();
  }
  void load() {
    open();
    ASSERT_EQ(pi_model_load_weights(model, checkpointPath.c_str()), PI_OK)
        << pi_last_error();
  }
  static void expectError(pi_status status, pi_status kind,
                          const std::string &text) {
    EXPECT_EQ(status, kind);
    EXPECT_NE(std::string(pi_last_error()).find(text), std::string::npos)
        << pi_last_error();
  }

  TemporaryDirectory directory;
  std::string modelPath = directory.path("model.pi");
  std::string checkpointPath = directory.path("model.safetensors");
  TinyModel tiny;
  pi_model *model = nullptr;
};

} // namespace pi_runtime

#endif // PI_UNITTESTS_RUNTIME_MODELFIXTURE_H
