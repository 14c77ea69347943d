//===- Sampler.h - Chooses the next token -----------------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_RUNTIME_SAMPLER_H
#define PI_RUNTIME_SAMPLER_H

#include "pi/Runtime/Status.h"

#include <cstdint>
#include <random>
#include <vector>

namespace pi_runtime {

/// The settings of `generate` in Hugging Face transformers, applied in its
/// order: temperature, top-k, top-p.
struct SamplingOptions {
  /// Logits are divided by it; 0 takes the most probable token.
  float temperature = 0;
  /// Keeps the k largest logits and those equal to the k-th; 0 keeps all.
  int32_t topK = 0;
  /// Drops the least probable tokens while their sum is at most 1 - topP.
  float topP = 1;
  /// The seed of the std::mt19937_64 that draws.
  uint64_t seed = 0;
};

/// Checks that each setting is in its range.
Status verifySamplingOptions(const SamplingOptions &options);

/// Draws tokens. The same options and logits give the same tokens.
class Sampler {
public:
  explicit Sampler(const SamplingOptions &options)
      : options(options), generator(options.seed) {}

  bool isGreedy() const { return options.temperature == 0; }

  /// A token for `vocabSize` logits; an error if one is not a number or the
  /// largest is infinite. Greedy: the first of the largest. Otherwise takes
  /// one 64-bit number x of the generator, and the token at which the
  /// cumulative probability passes (x >> 11) / 2^53; tokens are in order of
  /// their numbers, or of falling probability with top-p.
  Result<int32_t> sample(const float *logits, int64_t vocabSize);

private:
  struct Candidate {
    int32_t token;
    float logit;
    double weight; // exp(logit - largest), not normalised
  };

  void keepTopK();
  void keepTopP();
  int32_t draw();

  SamplingOptions options;
  std::mt19937_64 generator;
  std::vector<Candidate> candidates;
};

} // namespace pi_runtime

#endif // PI_RUNTIME_SAMPLER_H
