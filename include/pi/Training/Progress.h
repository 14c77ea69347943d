//===- Progress.h - Shows how a training goes on ----------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TRAINING_PROGRESS_H
#define PI_TRAINING_PROGRESS_H

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>

namespace pi_training {

/// What a progress line shows.
struct ProgressLine {
  int64_t step = 0;
  int64_t steps = 1;
  double loss = 0;
  double tokensPerSecond = 0;
  /// Model FLOPs utilisation in [0, 1]; not shown if it is 0.
  double utilization = 0;
  double secondsLeft = 0;
};

/// Shows a training on a stream: on a terminal one line with a bar that is
/// drawn again at most every 50 ms, otherwise a line for each step that is
/// logged.
class Progress {
public:
  explicit Progress(std::FILE *stream);
  /// As on a terminal of `columns`, or as in a file if it is 0.
  Progress(std::FILE *stream, int columns) : stream(stream), columns(columns) {}

  bool isTerminal() const { return columns > 0; }
  void show(const ProgressLine &line);
  /// Prints a line that stays, above the bar.
  void note(const std::string &text);
  /// Leaves the bar as it is, and what follows on a new line.
  void finish();

private:
  using Clock = std::chrono::steady_clock;

  void draw();

  std::FILE *stream;
  int columns;
  /// What the bar shows or, between two drawings, will show.
  std::optional<ProgressLine> last;
  Clock::time_point drawn;
};

/// A count with a metric prefix: "12.3k".
std::string countText(double count);
/// A time as "1:02:03" or "2:03".
std::string timeText(double seconds);

} // namespace pi_training

#endif // PI_TRAINING_PROGRESS_H
