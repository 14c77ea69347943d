//===- Benchmark.cpp - Measures a compiled model --------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Benchmark.h"

#include "Tokens.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>

namespace pi_run {

using pi_runtime::invalidArgument;

static constexpr int64_t warmUpRuns = 3;

static double median(std::vector<double> times) {
  auto middle = times.begin() + static_cast<int64_t>(times.size()) / 2;
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

/// The median of the times of `count` calls after some more, in ms.
template <typename Call>
static Result<double> measure(int64_t count, Call call) {
  std::vector<double> times;
  for (int64_t i = 0; i < warmUpRuns + count; ++i) {
    Stopwatch watch;
    if (Status status = call(); !status)
      return status;
    if (i >= warmUpRuns)
      times.push_back(watch.milliseconds());
  }
  return median(std::move(times));
}

/// `rows` copies of the given prompt, or of one that fills half the sequence.
static Result<Tokens> makePrompt(const Session &session, const Options &options,
                                 int64_t length) {
  Tokens prompt;
  if (!options.tokens.empty()) {
    Result<Tokens> given = readTokens(options.tokens);
    if (!given)
      return std::move(given.status()).withContext("--tokens");
    if (given->rows > 1 || given->length > session.sequenceLength())
      return invalidArgument("--benchmark takes one row of at most " +
                             std::to_string(session.sequenceLength()) +
                             " tokens");
    prompt = *given;
  } else {
    for (int64_t i = 0; i < length; ++i)
      prompt.values.push_back(i % session.vocabSize());
    prompt.length = length;
  }
  std::vector<int64_t> row = prompt.values;
  for (prompt.rows = 1; prompt.rows < session.batch(); ++prompt.rows)
    prompt.values.insert(prompt.values.end(), row.begin(), row.end());
  return prompt;
}

static Result<double> measureForward(Session &session, int64_t count) {
  // The whole batch and sequence, whatever the prompt: padding costs the same.
  int64_t rows = session.batch(), length = session.sequenceLength();
  std::vector<int32_t> tokens;
  for (int64_t i = 0; i < rows * length; ++i)
    tokens.push_back(static_cast<int32_t>(i % session.vocabSize()));
  return measure(count, [&] {
    return session.check(
        pi_model_forward(session.get(), tokens.data(), rows, length, nullptr));
  });
}

static Result<double> measurePrefill(Session &session, const Tokens &prompt,
                                     const std::vector<int32_t> &ids,
                                     const pi_sampling &sampling,
                                     int64_t count) {
  return measure(count, [&] {
    return session.check(pi_generate_start(
        session.get(), ids.data(), prompt.rows, prompt.length, &sampling));
  });
}

/// Follows measurePrefill. Restarts the generation where the sequence ends.
static Result<double> measureDecode(Session &session, const Tokens &prompt,
                                    const std::vector<int32_t> &ids,
                                    const pi_sampling &sampling,
                                    int64_t count) {
  std::vector<int32_t> next(static_cast<size_t>(prompt.rows));
  std::vector<double> times;
  int64_t room = session.sequenceLength() - prompt.length;
  if (room < 1)
    return invalidArgument("the prompt fills the sequence of " +
                           std::to_string(session.sequenceLength()) +
                           " tokens and leaves none to decode");
  while (static_cast<int64_t>(times.size()) < count) {
    Status status = session.check(pi_generate_start(
        session.get(), ids.data(), prompt.rows, prompt.length, &sampling));
    // The first token comes from the prefill.
    for (int64_t i = 0; status && i <= room; ++i) {
      Stopwatch watch;
      status = session.check(pi_generate_next(session.get(), next.data()));
      if (i > 0)
        times.push_back(watch.milliseconds());
    }
    if (!status)
      return status;
  }
  return median(std::move(times));
}

Status runBenchmark(Session &session, const Options &options) {
  Result<Tokens> prompt = makePrompt(
      session, options, std::max<int64_t>(1, session.sequenceLength() / 2));
  if (!prompt)
    return prompt.status();
  Result<std::vector<int32_t>> ids =
      checkVocabulary(*prompt, session.vocabSize());
  if (!ids)
    return ids.status();
  if (Status status = session.loadWeights(options.weights, options.tune);
      !status)
    return status;

  nlohmann::ordered_json report = {
      {"device", session.device()},
      {"batch", session.batch()},
      {"sequence_length", session.sequenceLength()},
      {"prompt_length", prompt->length},
      {"runs", options.benchmark}};
  int64_t count = options.benchmark;
  const pi_sampling &sampling = options.sampling;
  if (session.hasEntryPoint("forward")) {
    Result<double> time = measureForward(session, count);
    if (!time)
      return time.status();
    report["forward_ms"] = *time;
  }
  if (session.hasEntryPoint("prefill") && session.hasEntryPoint("decode")) {
    Result<double> time =
        measurePrefill(session, *prompt, *ids, sampling, count);
    if (!time)
      return time.status();
    report["prefill_ms"] = *time;
    time = measureDecode(session, *prompt, *ids, sampling, count);
    if (!time)
      return time.status();
    report["decode_us_per_token"] = *time * 1000;
  }
  std::printf("%s\n", report.dump().c_str());
  return Status::success();
}

} // namespace pi_run
