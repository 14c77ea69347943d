//===- CommandLine.h - Options of pi-run ------------------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TOOLS_PI_RUN_COMMANDLINE_H
#define PI_TOOLS_PI_RUN_COMMANDLINE_H

#include "pi/Runtime/Status.h"
#include "pi/Runtime/pi_runtime.h"

namespace pi_run {

using pi_runtime::Result;

/// What the command line asks for.
struct Options {
  bool help = false;
  bool version = false;
  bool info = false;
  bool stats = false;
  bool tune = false;
  std::string model;
  std::string weights;
  std::string tokens;
  std::string logits;
  /// As many tokens as fit, up to defaultNewTokens, if it is not given.
  std::optional<int64_t> maxNewTokens;
  /// Runs to measure; 0 measures nothing.
  int64_t benchmark = 0;
  int32_t device = 0;
  pi_sampling sampling = {0.0f, 0, 1.0f, 0};
};

constexpr int64_t defaultNewTokens = 64;

Result<Options> parseCommandLine(int argc, char **argv);

/// The text of --help.
const char *helpText();

} // namespace pi_run

#endif // PI_TOOLS_PI_RUN_COMMANDLINE_H
