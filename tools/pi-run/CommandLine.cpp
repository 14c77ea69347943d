//===- CommandLine.cpp - Options of pi-run --------------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CommandLine.h"

#include "pi/Runtime/OptionTable.h"

namespace pi_run {

using pi_runtime::invalidArgument;
using pi_runtime::NumberRange;
using pi_runtime::OptionTable;
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
  OptionTable table("pi-run");
  table.flag("--help", options.help);
  table.flag("-h", options.help);
  table.flag("--version", options.version);
  table.flag("--info", options.info);
  table.flag("--stats", options.stats);
  table.flag("--tune", options.tune);
  table.text("--weights", options.weights);
  table.text("--tokens", options.tokens);
  table.text("--logits", options.logits);
  int64_t maxNewTokens = 0;
  table.integer("--max-new-tokens", 1, maxNewTokens);
  table.integer("--benchmark", 1, options.benchmark);
  table.integer("--device", 0, options.device);
  table.number("--temperature", NumberRange::Any, options.sampling.temperature);
  table.integer("--top-k", 0, options.sampling.top_k);
  table.number("--top-p", NumberRange::Any, options.sampling.top_p);
  table.integer("--seed", 0, options.sampling.seed);
  auto takeModel = [&](const std::string &argument) {
    if (!options.model.empty())
      return invalidArgument("two models given, '" + options.model + "' and '" +
                             argument + "'");
    options.model = argument;
    return Status::success();
  };
  if (Status status = table.parse(argc, argv, takeModel); !status)
    return status;
  if (maxNewTokens)
    options.maxNewTokens = maxNewTokens;
  if (Status status = checkOptions(options); !status)
    return status;
  return options;
}

} // namespace pi_run
