//===- TinyModel.h - A model to test the runtime with -----------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_UNITTESTS_RUNTIME_TINYMODEL_H
#define PI_UNITTESTS_RUNTIME_TINYMODEL_H

#include "pi/Runtime/Artifact.h"
#include "pi/Runtime/Safetensors.h"

namespace pi_runtime {

/// The model of TinyModelCode.c, with its parameters' values.
struct TinyModel {
  static constexpr int64_t batch = 2, length = 8, vocab = 16;

  TinyModel();

  /// wte.weight, wpe.weight and mix.weight; wpe.weight is exact in bfloat16.
  std::vector<float> table, positions, mix;

  Manifest manifest() const;
  /// With an entry point train_step, which updates wte.weight and its state
  /// wte.weight.exp_avg.
  Manifest trainingManifest() const;
  /// The same model for a GPU, with plans that do nothing.
  Manifest gpuManifest() const;
  /// The checkpoint's tensors, without the derived one.
  std::vector<TensorView> tensors() const;

  /// Writes `path` with the manifest, or another one.
  Status writeModel(const std::string &path) const;
  static Status writeModel(const std::string &path, const Manifest &manifest);
  Status writeCheckpoint(const std::string &path) const;

  /// What the model computes for one row of tokens: length x vocab.
  std::vector<float> logits(const std::vector<int32_t> &tokens,
                            const std::vector<float> &bias) const;
  /// The value of the derived parameter.
  std::vector<float> derivedBias() const;
};

} // namespace pi_runtime

#endif // PI_UNITTESTS_RUNTIME_TINYMODEL_H
