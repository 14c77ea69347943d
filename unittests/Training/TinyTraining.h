//===- TinyTraining.h - A model to test training with -----------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_UNITTESTS_TRAINING_TINYTRAINING_H
#define PI_UNITTESTS_TRAINING_TINYTRAINING_H

#include "pi/Runtime/Artifact.h"

namespace pi_training {

/// The model of TinyTrainingCode.c: a bigram table over 32 tokens.
struct TinyTraining {
  static constexpr int64_t batch = 4, length = 8, vocab = 32;
  static constexpr int64_t layers = 2, heads = 2;

  /// With @train_step, or with @accumulate_gradients and @apply_gradients;
  /// both with @evaluate and @check_finite.
  static pi_runtime::Manifest manifest(bool accumulates = false);

  static pi_runtime::Status write(const std::string &path,
                                  const pi_runtime::Manifest &manifest);
};

} // namespace pi_training

#endif // PI_UNITTESTS_TRAINING_TINYTRAINING_H
