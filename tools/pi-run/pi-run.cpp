//===- pi-run.cpp - Runs a compiled model ---------------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Benchmark.h"
#include "CommandLine.h"
#include "Session.h"
#include "Tokens.h"

#include "pi/Runtime/Safetensors.h"

#include <algorithm>
#include <cstdio>

using namespace pi_run;
using namespace pi_runtime;

/// Writes the logits of the prompt's positions.
static Status writeLogits(Session &session, const Tokens &tokens,
                          const std::vector<int32_t> &ids,
                          const std::string &path) {
  // Creating the file first finds out about a bad path before the work.
  Result<OutputFile> probe = OutputFile::create(path);
  if (!probe)
    return probe.status();
  TensorView view;
  view.info.name = "logits";
  view.info.shape = {tokens.length, session.vocabSize()};
  if (tokens.isBatch)
    view.info.shape.insert(view.info.shape.begin(), tokens.rows);
  std::vector<float> logits(view.info.elementCount());
  Stopwatch watch;
  Status status = session.check(pi_model_forward(
      session.get(), ids.data(), tokens.rows, tokens.length, logits.data()));
  if (!status)
    return status;
  session.note("forward", watch.milliseconds(),
               std::to_string(tokens.rows * tokens.length) + " tokens");
  view.data = logits.data();
  return writeSafetensors(path, {view});
}

/// Prints one token after the other.
static Status generate(Session &session, const std::vector<int32_t> &prompt,
                       int64_t count, const pi_sampling &sampling) {
  Stopwatch watch;
  Status status = session.check(
      pi_generate_start(session.get(), prompt.data(), 1,
                        static_cast<int64_t>(prompt.size()), &sampling));
  if (!status)
    return status;
  session.note("prefill", watch.milliseconds(),
               std::to_string(prompt.size()) + " tokens");
  watch = Stopwatch();
  for (int64_t i = 0; i < count; ++i) {
    int32_t token;
    if (status = session.check(pi_generate_next(session.get(), &token));
        !status) {
      std::printf(i ? "\n" : "");
      return status;
    }
    std::printf("%s%d", i ? "," : "", token);
    std::fflush(stdout);
  }
  std::printf("\n");
  // The prefill already chose the first token.
  if (count > 1)
    session.note("decode", watch.milliseconds() / double(count - 1),
                 "each of " + std::to_string(count - 1) + " tokens");
  return Status::success();
}

/// Checks that the prompt and the new tokens fit, and says how many to make.
static Result<int64_t> countNewTokens(const Options &options,
                                      const Tokens &tokens,
                                      int64_t sequenceLength) {
  int64_t room = sequenceLength - tokens.length;
  if (room < 0)
    return invalidArgument("the prompt has " + std::to_string(tokens.length) +
                           " tokens, but the model was compiled for a "
                           "sequence of " +
                           std::to_string(sequenceLength));
  if (!options.logits.empty() && !options.maxNewTokens)
    return 0;
  int64_t count = options.maxNewTokens.value_or(
      std::max<int64_t>(1, std::min(defaultNewTokens, room)));
  if (count > room)
    return invalidArgument(
        std::to_string(tokens.length) + " prompt tokens and " +
        std::to_string(count) + " new ones do not fit in the sequence of " +
        std::to_string(sequenceLength) + " that the model was compiled for");
  if (tokens.rows > 1)
    return invalidArgument("generation takes one row of tokens, not " +
                           std::to_string(tokens.rows));
  return count;
}

static Status runPrompt(Session &session, const Options &options) {
  Result<Tokens> tokens = readTokens(options.tokens);
  if (!tokens)
    return std::move(tokens.status()).withContext("--tokens");
  Result<std::vector<int32_t>> ids =
      checkVocabulary(*tokens, session.vocabSize());
  if (!ids)
    return ids.status();
  Result<int64_t> count =
      countNewTokens(options, *tokens, session.sequenceLength());
  if (!count)
    return count.status();
  if (tokens->rows > session.batch())
    return invalidArgument(std::to_string(tokens->rows) +
                           " rows of tokens, but the model was compiled for "
                           "batches of " +
                           std::to_string(session.batch()));
  if (Status status = session.loadWeights(options.weights, options.tune);
      !status)
    return status;
  if (!options.logits.empty())
    if (Status status = writeLogits(session, *tokens, *ids, options.logits);
        !status)
      return status;
  return *count ? generate(session, *ids, *count, options.sampling)
                : Status::success();
}

static Status run(int argc, char **argv) {
  Result<Options> options = parseCommandLine(argc, argv);
  if (!options)
    return options.status();
  if (options->help || options->version) {
    std::fputs(options->help ? helpText() : "pi-run " PI_VERSION "\n", stdout);
    return Status::success();
  }
  Session session(options->stats);
  if (Status status = session.open(options->model, options->device); !status)
    return status;
  if (options->info) {
    std::printf("%s\n", session.info().c_str());
    return Status::success();
  }
  if (options->benchmark)
    return runBenchmark(session, *options);
  if (options->tokens.empty())
    return session.loadWeights(options->weights, options->tune);
  return runPrompt(session, *options);
}

int main(int argc, char **argv) {
  Status status = run(argc, argv);
  if (status && (std::fflush(stdout) != 0 || std::ferror(stdout)))
    status = executionFailed("cannot write to standard output");
  if (status)
    return 0;
  std::fprintf(stderr, "pi-run: error: %s\n", status.message().c_str());
  return 1;
}
