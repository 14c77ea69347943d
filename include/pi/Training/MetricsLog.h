//===- MetricsLog.h - The file metrics.jsonl of a run -----------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TRAINING_METRICSLOG_H
#define PI_TRAINING_METRICSLOG_H

#include "pi/Runtime/Status.h"

#include <cstdint>
#include <string>
#include <vector>

namespace pi_training {

using pi_runtime::Result;
using pi_runtime::Status;

/// What is known of a step once it is done.
struct StepMetrics {
  int64_t step = 0;
  float loss = 0;
  float gradNorm = 0;
  double learningRate = 0;
  /// Tokens of all steps so far.
  int64_t tokens = 0;
  double tokensPerSecond = 0;
  /// Of the run so far, over all sessions.
  double seconds = 0;
};

/// A file with one JSON object a line, in the order of steps; docs/pi-train.md
/// lists the keys. What is not finite is null. Each line is written at once.
class MetricsLog {
public:
  /// Opens a file, which is made if it is missing, to go on after `lastStep`:
  /// lines of later steps, and a line that is not complete, are removed.
  static Result<MetricsLog> open(const std::string &path, int64_t lastStep);

  MetricsLog(MetricsLog &&other) { swap(other); }
  MetricsLog &operator=(MetricsLog &&other) {
    swap(other);
    return *this;
  }
  ~MetricsLog();

  Status logStep(const StepMetrics &metrics);
  Status logEvaluation(int64_t step, double crossEntropy);
  /// Entropies in nats, a row for each layer and a column for each head.
  Status logEntropy(int64_t step,
                    const std::vector<std::vector<double>> &entropies);
  /// Waits until the lines are on the disk.
  Status sync();

private:
  MetricsLog() = default;
  Status truncateAfter(int64_t lastStep);
  Status failure(const char *action) const;
  Status writeLine();
  void append(const char *key, double value, int digits);
  void append(const char *key, int64_t value);
  void swap(MetricsLog &other);

  std::string path;
  int descriptor = -1;
  /// The line that is being made; its memory is kept.
  std::string line;
};

} // namespace pi_training

#endif // PI_TRAINING_METRICSLOG_H
