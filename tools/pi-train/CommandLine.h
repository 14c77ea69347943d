//===- CommandLine.h - Options of pi-train ----------------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TOOLS_PI_TRAIN_COMMANDLINE_H
#define PI_TOOLS_PI_TRAIN_COMMANDLINE_H

#include "pi/Runtime/Status.h"
#include "pi/Training/RunFolder.h"

namespace pi_train {

using pi_runtime::Result;
using pi_runtime::Status;

/// What the command line asks for.
struct CommandLine {
  bool help = false;
  bool version = false;
  bool tune = false;
  /// Whether the run in `out` goes on.
  bool isResumed = false;
  /// Whether evaluations were asked for, so that data without a validation
  /// split are an error.
  bool wantsEvaluation = false;
  std::string model;
  std::string out;
  int32_t device = 0;
  double timeLimit = 0;
  pi_training::TrainingOptions options;
  /// Of a run that goes on: what it read when it began.
  pi_training::RunSources sources;
};

/// Reads the command line and, with --resume, the run's own options.
Result<CommandLine> parseCommandLine(int argc, char **argv);

/// The text of --help.
const char *helpText();

} // namespace pi_train

#endif // PI_TOOLS_PI_TRAIN_COMMANDLINE_H
