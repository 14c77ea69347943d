//===- Session.h - A model of the C interface -------------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TOOLS_PI_RUN_SESSION_H
#define PI_TOOLS_PI_RUN_SESSION_H

#include "pi/Runtime/Status.h"
#include "pi/Runtime/pi_runtime.h"

#include <chrono>

namespace pi_run {

using pi_runtime::Status;

/// Measures the time since it was made.
class Stopwatch {
public:
  double milliseconds() const {
    return std::chrono::duration<double, std::milli>(Clock::now() - start)
        .count();
  }

private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start = Clock::now();
};

/// An opened model, freed with this object, and what is known of it.
class Session {
public:
  /// With `stats`, notes are printed on standard error.
  explicit Session(bool stats) : stats(stats) {}
  Session(const Session &) = delete;
  Session &operator=(const Session &) = delete;
  ~Session() { pi_model_free(model); }

  Status open(const std::string &path, int32_t device);
  /// Loads a checkpoint and, if asked, tunes the model on its device.
  Status loadWeights(const std::string &path, bool tune);

  pi_model *get() const { return model; }
  /// The JSON of pi_model_info, indented, without its hundreds of tensors.
  const std::string &info() const { return description; }
  int64_t batch() const { return batchSize; }
  int64_t sequenceLength() const { return length; }
  int64_t vocabSize() const { return vocabulary; }
  const std::string &device() const { return deviceName; }
  bool hasEntryPoint(const std::string &name) const;

  /// A status of the C interface with its message.
  Status check(pi_status status) const;
  /// Reports a time on standard error if statistics are wanted.
  void note(const char *what, double milliseconds, const std::string &detail);

private:
  Status readInfo();

  bool stats;
  pi_model *model = nullptr;
  std::string description;
  std::string deviceName;
  std::string entryPoints; // Each between two blanks.
  int64_t batchSize = 0, length = 0, vocabulary = 0;
  int64_t parameterBytes = 0;
};

} // namespace pi_run

#endif // PI_TOOLS_PI_RUN_SESSION_H
