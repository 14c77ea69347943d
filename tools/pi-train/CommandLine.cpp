//===- CommandLine.cpp - Options of pi-train ------------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CommandLine.h"

#include <limits>

using pi_runtime::invalidArgument;
using pi_runtime::NumberRange;
using pi_runtime::OptionTable;

namespace pi_train {

const char *helpText() {
  return R"(usage: pi-train MODEL.pi --data TOKENS --steps N --out RUN [options]
       pi-train --resume RUN

Trains a compiled model. MODEL.pi has a train step: pi-opt's
--pi-build-train-step makes it, pi-compile compiles it for a CPU or a GPU, which
also fixes the batch size and the sequence length. TOKENS is a folder that
`python -m pi_mlir.data` has made of text. One step reads a batch, computes the
loss and its gradients, and updates the weights with AdamW.

RUN is a new folder. In it are run.json (what is trained, and how),
metrics.jsonl (losses and evaluations) and checkpoints/, where latest is the
newest. A run that was stopped or killed goes on from there with --resume, and
its losses are those of a run that was never stopped, bit for bit. Ctrl-C stops
after the step that runs, with a checkpoint.

What is trained
  MODEL.pi                a model with a train step
  --data TOKENS           token shards with a vocabulary of the model's size
  --out RUN               the folder to make
  --resume RUN            go on with a run, with the options that it has; only
                          MODEL.pi and --data (the same files elsewhere),
                          --device, and the options under 'Watching' and
                          'Checkpoints' but --config can be given
  --weights CHECKPOINT    start from these weights, such as another run's
                          RUN/checkpoints/latest; AdamW's moments start at 0
                          (default: random weights by each one's rule)
  --seed N                of the random weights and the order of the data
                          (default 0)
  --device INDEX          the GPU to use (default 0)
  --tune                  first time the algorithms of each matrix product on
                          the GPU; the choice is stored in MODEL.pi.tuned, and
                          all runs of the model take it. Not with --resume: a
                          run keeps to the sums that it began with

The update
  --steps N               updates in all
  --lr X                  the peak learning rate (default 0.001)
  --schedule KIND         how it falls after warm-up, towards the last step:
                          constant, linear (default), polynomial or cosine
  --min-lr X              where it falls to (default 0)
  --power X               of the polynomial (default 1)
  --warmup-steps N        steps in which it rises from 0 (default: 1/20 of all)
  --weight-decay X        of AdamW (default 0.1)
  --max-grad-norm X       clips the norm of all gradients together; 0 does not
                          (default 1)
  --accumulate N          batches of each step; above 1 the model needs
                          --pi-build-train-step=accumulate (default 1)

Watching
  --log-every N           steps between lines of metrics.jsonl and, where output
                          is no terminal, of progress (default 10)
  --eval-every N          steps between evaluations on the validation split, and
                          after the last step; 0: none (default 500)
  --eval-batches N        batches of an evaluation, always the same (default 16)
  --entropy-every N       steps between measurements of the entropy of each
                          attention head, on the same batches; 0: with each
                          evaluation (default 0)
  --peak-flops X          FLOP/s of the device, of which the progress shows the
                          share in use (MFU); known for H100 and H200 SXM

Checkpoints
  --checkpoint-every N    steps between checkpoints; 0: only at the end
                          (default 1000)
  --keep-last N           checkpoints that are kept (default 3)
  --config FILE           a Hugging Face config.json, copied into checkpoints so
                          that other programs can read them
  --time-limit SECONDS    stop after this time, with a checkpoint

  --help, --version

The exit status is 0 if all steps are done or the time limit is reached, 130 or
143 after Ctrl-C or SIGTERM, and 1 on an error. A loss or gradient that is not
finite is an error: it names the step and the first operation that is not
finite, and the last checkpoint stays.

The environment's PI_NUM_THREADS sets the number of CPU threads.

Examples
  pi-train train.pi --data tokens --schedule cosine --lr 6e-4 --steps 20000 \
      --out run
  pi-train --resume run
  pi-train train.pi --data tokens --steps 20000 --lr 1e-4 --out tuned \
      --weights run/checkpoints/latest
)";
}

static void bindSession(OptionTable &table, CommandLine &line,
                        std::string &resume) {
  table.flag("--help", line.help);
  table.flag("-h", line.help);
  table.flag("--version", line.version);
  table.flag("--tune", line.tune);
  table.text("--out", line.out);
  table.text("--resume", resume);
  table.integer("--device", 0, line.device);
  table.number("--time-limit", NumberRange::NotNegative, line.timeLimit);
}

/// Reads the command line into `line`, over what it has.
static Status parseInto(CommandLine &line, std::string &resume,
                        std::set<std::string> &given, int argc, char **argv) {
  OptionTable table("pi-train");
  bindSession(table, line, resume);
  pi_training::bindOptions(table, line.options);
  std::string model;
  auto takeModel = [&](const std::string &argument) {
    if (!model.empty())
      return invalidArgument("two models given, '" + model + "' and '" +
                             argument + "'");
    model = argument;
    return Status::success();
  };
  if (Status status = table.parse(argc, argv, takeModel); !status)
    return status;
  if (!model.empty())
    line.model = model;
  given = table.givenNames();
  return Status::success();
}

/// Options that a run cannot change while it goes on.
static Status checkResumed(const std::set<std::string> &given) {
  CommandLine unused;
  OptionTable table("pi-train");
  pi_training::bindOptions(table, unused.options);
  for (const auto &entry : table.entries())
    if (given.count(entry.name) && !pi_training::isChangeable(entry.name))
      return invalidArgument(
          "option '" + entry.name +
          "' is the run's own and cannot change with --resume; --weights "
          "RUN/checkpoints/latest starts another run from its weights");
  if (given.count("--tune"))
    return invalidArgument(
        "--tune does not go with --resume: another algorithm "
        "rounds otherwise, and a run goes on bit for bit");
  if (given.count("--out"))
    return invalidArgument("--out does not go with --resume, which goes on in "
                           "the run's own folder");
  return Status::success();
}

static Status checkOptions(const CommandLine &line) {
  const pi_training::TrainingOptions &options = line.options;
  if (line.model.empty())
    return invalidArgument("no model given; see pi-train --help");
  if (options.data.empty())
    return invalidArgument("no data given; use --data TOKENS, a folder that "
                           "python -m pi_mlir.data makes");
  if (line.out.empty())
    return invalidArgument("no folder for the run given; use --out RUN");
  if (!options.steps)
    return invalidArgument("no number of steps given; use --steps N");
  if (options.steps > std::numeric_limits<int32_t>::max())
    return invalidArgument("option '--steps': at most 2147483647 are possible");
  if (options.warmupSteps >= options.steps)
    return invalidArgument("--warmup-steps " +
                           std::to_string(options.warmupSteps) +
                           " leaves no step of the " +
                           std::to_string(options.steps) + " of --steps");
  if (options.minLr > options.lr)
    return invalidArgument("--min-lr is above --lr");
  return Status::success();
}

Result<CommandLine> parseCommandLine(int argc, char **argv) {
  CommandLine line;
  std::string resume;
  std::set<std::string> given;
  if (Status status = parseInto(line, resume, given, argc, argv); !status)
    return status;
  if (line.help || line.version)
    return line;
  if (!resume.empty()) {
    if (Status status = checkResumed(given); !status)
      return status;
    // The run's options first, and the command line's over them.
    line = CommandLine();
    line.isResumed = true;
    Result<pi_training::RunSources> sources =
        pi_training::RunFolder(resume).read(line.options);
    if (!sources)
      return sources.status();
    line.sources = std::move(*sources);
    line.model = line.sources.artifact;
    if (Status status = parseInto(line, resume, given, argc, argv); !status)
      return status;
    line.out = resume;
  }
  line.wantsEvaluation = given.count("--eval-every") && line.options.evalEvery;
  if (Status status = checkOptions(line); !status)
    return status;
  return line;
}

} // namespace pi_train
