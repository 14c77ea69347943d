//===- Sampler.cpp - Chooses the next token -------------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Runtime/Sampler.h"

#include <algorithm>
#include <cmath>

namespace pi_runtime {

Status verifySamplingOptions(const SamplingOptions &options) {
  if (!(options.temperature >= 0) || std::isinf(options.temperature))
    return invalidArgument("temperature " +
                           std::to_string(options.temperature) +
                           "; expected a number of at least 0");
  if (options.topK < 0)
    return invalidArgument("top_k " + std::to_string(options.topK) +
                           "; expected an integer of at least 0");
  if (!(options.topP > 0 && options.topP <= 1))
    return invalidArgument("top_p " + std::to_string(options.topP) +
                           "; expected a number above 0 and at most 1");
  return Status::success();
}

void Sampler::keepTopK() {
  auto k = static_cast<size_t>(options.topK);
  if (k == 0 || k >= candidates.size())
    return;
  std::vector<float> logits;
  logits.reserve(candidates.size());
  for (const Candidate &candidate : candidates)
    logits.push_back(candidate.logit);
  std::nth_element(logits.begin(), logits.begin() + (k - 1), logits.end(),
                   std::greater<float>());
  float threshold = logits[k - 1];
  candidates.erase(std::remove_if(candidates.begin(), candidates.end(),
                                  [&](const Candidate &candidate) {
                                    return candidate.logit < threshold;
                                  }),
                   candidates.end());
}

void Sampler::keepTopP() {
  if (options.topP >= 1)
    return;
  // A heap, because few of the many candidates are usually kept. Of equal
  // tokens the one with the smaller number comes first.
  auto isLessProbable = [](const Candidate &left, const Candidate &right) {
    return std::pair(left.logit, -left.token) <
           std::pair(right.logit, -right.token);
  };
  double rest = 0;
  for (const Candidate &candidate : candidates)
    rest += candidate.weight;
  double droppable = (1 - static_cast<double>(options.topP)) * rest;
  std::make_heap(candidates.begin(), candidates.end(), isLessProbable);
  auto kept = candidates.end(); // Popped candidates gather at the end.
  do {
    std::pop_heap(candidates.begin(), kept, isLessProbable);
    rest -= (--kept)->weight;
  } while (kept != candidates.begin() && rest > droppable);
  candidates.erase(candidates.begin(), kept);
  std::reverse(candidates.begin(), candidates.end());
}

int32_t Sampler::draw() {
  double total = 0;
  for (const Candidate &candidate : candidates)
    total += candidate.weight;
  double threshold = static_cast<double>(generator() >> 11) * 0x1p-53 * total;
  double cumulative = 0;
  for (const Candidate &candidate : candidates) {
    cumulative += candidate.weight;
    if (cumulative > threshold)
      return candidate.token;
  }
  return candidates.back().token;
}

Result<int32_t> Sampler::sample(const float *logits, int64_t vocabSize) {
  int64_t largest = 0;
  for (int64_t i = 0; i < vocabSize; ++i) {
    if (std::isnan(logits[i]))
      return executionFailed("the logit of token " + std::to_string(i) +
                             " is not a number");
    if (logits[i] > logits[largest])
      largest = i;
  }
  if (std::isinf(logits[largest]))
    return executionFailed("the logit of token " + std::to_string(largest) +
                           " is infinite");
  if (isGreedy())
    return static_cast<int32_t>(largest);

  candidates.clear();
  candidates.reserve(static_cast<size_t>(vocabSize));
  for (int64_t i = 0; i < vocabSize; ++i)
    candidates.push_back({static_cast<int32_t>(i), logits[i], 0});
  keepTopK();
  for (Candidate &candidate : candidates)
    candidate.weight =
        std::exp((static_cast<double>(candidate.logit) - logits[largest]) /
                 options.temperature);
  keepTopP();
  return draw();
}

} // namespace pi_runtime
