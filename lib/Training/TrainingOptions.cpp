//===- TrainingOptions.cpp - What a training is asked to do ---------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Training/TrainingOptions.h"

using pi_runtime::NumberRange;

namespace pi_training {

Schedule TrainingOptions::makeSchedule() const {
  Schedule result;
  result.kind = static_cast<ScheduleKind>(schedule);
  result.peak = lr;
  result.minimum = minLr;
  result.power = power;
  result.warmupSteps = warmupSteps < 0 ? steps / 20 : warmupSteps;
  result.steps = steps;
  return result;
}

void bindOptions(pi_runtime::OptionTable &table, TrainingOptions &options) {
  table.text("--data", options.data);
  // Steps are 32-bit integers to the compiled code, and all are multiplied by
  // the tokens of a step.
  table.integer("--steps", 1, options.steps);
  table.number("--lr", NumberRange::Positive, options.lr);
  table.number("--min-lr", NumberRange::NotNegative, options.minLr);
  table.choice("--schedule", {"constant", "linear", "polynomial", "cosine"},
               options.schedule);
  table.number("--power", NumberRange::Positive, options.power);
  table.integer("--warmup-steps", 0, options.warmupSteps);
  table.number("--weight-decay", NumberRange::NotNegative, options.weightDecay);
  table.number("--max-grad-norm", NumberRange::NotNegative,
               options.maxGradNorm);
  table.integer("--accumulate", 1, options.accumulate);
  table.integer("--seed", 0, options.seed);
  table.text("--weights", options.weights);
  table.text("--config", options.config);
  table.integer("--eval-every", 0, options.evalEvery);
  table.integer("--eval-batches", 1, options.evalBatches);
  table.integer("--entropy-every", 0, options.entropyEvery);
  table.integer("--checkpoint-every", 0, options.checkpointEvery);
  table.integer("--keep-last", 1, options.keepLast);
  table.integer("--log-every", 1, options.logEvery);
  table.number("--peak-flops", NumberRange::NotNegative, options.peakFlops);
}

bool isChangeable(const std::string &name) {
  static const std::set<std::string> names = {
      "--data",          "--eval-every",       "--eval-batches",
      "--entropy-every", "--checkpoint-every", "--keep-last",
      "--log-every",     "--peak-flops"};
  return names.count(name);
}

} // namespace pi_training
