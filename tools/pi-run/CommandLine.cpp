//===- CommandLine.cpp - Options of pi-run --------------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CommandLine.h"

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <limits>

namespace pi_run {

using pi_runtime::invalidArgument;
using pi_runtime::Status;

const char *helpText() {
  return R"(usage: pi-run MODEL.pi --weights CHECKPOINT [options]

Runs a compiled model on the CPU or GPU that it was compiled for. Tokens are
numbers here; `python -m pi_mlir.generate` takes and prints text.

Input
  MODEL.pi                a model compiled by pi-compile
  --weights CHECKPOINT    a checkpoint directory, a .safetensors file, or a
                          model.safetensors.index.json
  --tokens LIST|FILE      the prompt: numbers separated by commas, or a file of
                          numbers separated by commas, blanks or line ends, or
                          a .safetensors file with an I32 or I64 tensor
                          'input_ids' of shape [T] or [B, T]
  --device INDEX          the GPU to use (default 0)

Generation: prints new tokens as they come, comma separated, on one line
  --max-new-tokens N      how many (default 64, or what fits in the sequence)
  --temperature X         divides the logits; 0 takes the most probable token
                          (default 0)
  --top-k K               keeps the K most probable tokens (default 0: all)
  --top-p P               keeps the most probable tokens that together have
                          probability P (default 1: all)
  --seed S                of the random numbers; the same seed gives the same
                          tokens (default 0)

Other results
  --logits OUT            writes the logits of the prompt's positions to OUT, a
                          safetensors file with an F32 tensor 'logits' of shape
                          [T, V], or [B, T, V] for tokens of shape [B, T];
                          generates only if --max-new-tokens is given
  --benchmark N           runs the forward pass, the prefill and the decoding of
                          a token N times each after warming up and prints the
                          medians as JSON; without --tokens, prompts fill half
                          the sequence
  --tune                  on a GPU, first times several algorithms of each
                          product and stores the fastest in MODEL.pi.tuned,
                          which later runs read
  --info                  prints what the model is, as JSON; needs no weights
  --stats                 reports sizes and times on standard error
  --help, --version

The environment's PI_NUM_THREADS sets the number of CPU threads.

Examples
  pi-run private.pi --weights gpt2/ --tokens 818,11377,7 --max-new-tokens 64
  pi-run private.pi --weights gpt2/ --tokens 818,11377,7 \
      --temperature 0.8 --top-k 40 --seed 1
  pi-run private.pi --weights gpt2/ --tokens prompt.txt --logits out.safetensors
  pi-run private.pi --weights gpt2/ --benchmark 20
)";
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

template <typename T>
static Status parseInteger(const std::string &text, T minimum, T &result) {
  constexpr T maximum = std::numeric_limits<T>::max();
  errno = 0;
  char *end = nullptr;
  bool isValid = !text.empty() &&
                 text.find_first_not_of("0123456789") == std::string::npos;
  unsigned long long value = std::strtoull(text.c_str(), &end, 10);
  if (!isValid || errno || value > static_cast<unsigned long long>(maximum) ||
      static_cast<T>(value) < minimum)
    return invalidArgument("expected an integer from " +
                           std::to_string(minimum) + " to " +
                           std::to_string(maximum) + ", not '" + text + "'");
  result = static_cast<T>(value);
  return Status::success();
}

static Status parseNumber(const std::string &text, float &result) {
  char *end = nullptr;
  result = std::strtof(text.c_str(), &end);
  if (text.empty() || *end || !std::isfinite(result))
    return invalidArgument("expected a number, not '" + text + "'");
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

namespace {
/// An option: `set` for a flag, or `parse` for one that takes a value.
struct OptionEntry {
  const char *name;
  std::function<void()> set;
  std::function<Status(const std::string &)> parse;
};
} // namespace

static OptionEntry flag(const char *name, bool &target) {
  return {name, [&] { target = true; }, nullptr};
}

static OptionEntry text(const char *name, std::string &target) {
  return {name, nullptr, [&](const std::string &value) {
            target = value;
            return value.empty() ? invalidArgument("expected a value")
                                 : Status::success();
          }};
}

template <typename T>
static OptionEntry integer(const char *name, T minimum, T &target) {
  return {name, nullptr, [&target, minimum](const std::string &value) {
            return parseInteger<T>(value, minimum, target);
          }};
}

static OptionEntry number(const char *name, float &target) {
  return {name, nullptr,
          [&](const std::string &value) { return parseNumber(value, target); }};
}

static std::vector<OptionEntry> optionTable(Options &options) {
  auto maxNewTokens = [&options](const std::string &value) {
    return parseInteger<int64_t>(value, 1, options.maxNewTokens.emplace());
  };
  return {flag("--help", options.help),
          flag("-h", options.help),
          flag("--version", options.version),
          flag("--info", options.info),
          flag("--stats", options.stats),
          flag("--tune", options.tune),
          text("--weights", options.weights),
          text("--tokens", options.tokens),
          text("--logits", options.logits),
          {"--max-new-tokens", nullptr, maxNewTokens},
          integer<int64_t>("--benchmark", 1, options.benchmark),
          integer<int32_t>("--device", 0, options.device),
          number("--temperature", options.sampling.temperature),
          integer<int32_t>("--top-k", 0, options.sampling.top_k),
          number("--top-p", options.sampling.top_p),
          integer<uint64_t>("--seed", 0, options.sampling.seed)};
}

/// What has to be there, once all options are known.
static Status checkOptions(const Options &options) {
  if (options.help || options.version)
    return Status::success();
  if (options.model.empty())
    return invalidArgument("no model given; see pi-run --help");
  if (options.info)
    return Status::success();
  if (options.weights.empty())
    return invalidArgument("no checkpoint given; use --weights CHECKPOINT");
  if (options.tokens.empty() && !options.benchmark && !options.tune)
    return invalidArgument("no prompt given; use --tokens LIST or FILE");
  if (options.benchmark && (!options.logits.empty() || options.maxNewTokens))
    return invalidArgument(
        "--benchmark goes with neither --logits nor --max-new-tokens");
  return Status::success();
}

Result<Options> parseCommandLine(int argc, char **argv) {
  Options options;
  std::vector<OptionEntry> table = optionTable(options);
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    if (argument.empty() || argument[0] != '-') {
      if (!options.model.empty())
        return invalidArgument("two models given, '" + options.model +
                               "' and '" + argument + "'");
      options.model = argument;
      continue;
    }
    size_t equals = argument.find('=');
    bool hasValue = equals != std::string::npos;
    std::string name = argument.substr(0, equals);
    const OptionEntry *entry = nullptr;
    for (const OptionEntry &candidate : table)
      if (candidate.name == name)
        entry = &candidate;
    if (!entry)
      return invalidArgument("unknown option '" + name +
                             "'; see pi-run --help");
    if (entry->set) {
      if (hasValue)
        return invalidArgument("option '" + name + "' takes no value");
      entry->set();
      continue;
    }
    if (!hasValue && ++i == argc)
      return invalidArgument("option '" + name + "' needs a value");
    std::string value = hasValue ? argument.substr(equals + 1) : argv[i];
    if (Status status = entry->parse(value); !status)
      return std::move(status).withContext("option '" + name + "'");
  }
  if (Status status = checkOptions(options); !status)
    return status;
  return options;
}

} // namespace pi_run
