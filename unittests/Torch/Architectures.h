//===- Architectures.h - Small models of the paper's forms -----*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_UNITTESTS_TORCH_ARCHITECTURES_H
#define PI_UNITTESTS_TORCH_ARCHITECTURES_H

#include "CompiledModel.h"

#include <optional>
#include <ostream>

namespace pi_torch {

/// An architecture: its name, what else pi-architecture is told, and what the
/// reference does for it.
struct Architecture {
  std::string name;
  Decoder reference;
  std::string options;
};

std::ostream &operator<<(std::ostream &stream, const Architecture &value);

Architecture architecture(const std::string &name, bool layerNorm,
                          const std::string &activation, bool scaledFfn = false,
                          bool fusedFfn = false, bool temperature = false);

/// The name with nothing in it but letters, digits and _.
std::string testName(std::string name);

/// Imports a GPT-2 of the reference's sizes and rewrites it, to private.mlir in
/// the scratch directory.
void importArchitecture(const Architecture &architecture, int64_t batch,
                        int64_t positions);

/// Sets the parameters that a checkpoint holds to random numbers, and the
/// derived ones too if asked for; gives the values.
Parameters setParameters(CompiledModel &model, bool derivedToo);

/// A form of the paper that is trained.
struct TrainingCase {
  std::string name;
  Architecture architecture;
  /// With the entropy regulariser.
  std::optional<EntropyReading> reading;

  const EntropyReading *getReading() const {
    return reading ? &*reading : nullptr;
  }
};

std::ostream &operator<<(std::ostream &stream, const TrainingCase &value);

/// Every form, the entropy regulariser in both readings.
std::vector<TrainingCase> trainingCases();

/// Tokens that repeat and skip, the same in every run.
std::vector<int32_t> someTokens(int64_t count, int64_t vocabSize);

/// Each token and the one that follows. Some targets do not count, in the first
/// half more than in the second.
TokenBatch someBatch(int64_t count, int64_t vocabSize);

/// A batch as inputs of a function for training.
std::map<std::string, Tensor> asInputs(const TokenBatch &batch,
                                       int64_t batchSize);

/// The largest absolute value.
double largest(const Tensor &tensor);

Tensor asTensor(const std::vector<int32_t> &tokens, std::vector<int64_t> shape);

} // namespace pi_torch

#endif // PI_UNITTESTS_TORCH_ARCHITECTURES_H
