//===- Progress.cpp - Shows how a training goes on ------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Training/Progress.h"

#include <algorithm>
#include <cmath>
#include <sys/ioctl.h>
#include <unistd.h>

namespace pi_training {

static int terminalColumns(std::FILE *stream) {
  int descriptor = ::fileno(stream);
  if (!::isatty(descriptor))
    return 0;
  winsize size = {};
  ::ioctl(descriptor, TIOCGWINSZ, &size);
  return size.ws_col ? size.ws_col : 80;
}

Progress::Progress(std::FILE *stream)
    : Progress(stream, terminalColumns(stream)) {}

std::string countText(double count) {
  static const char *prefixes[] = {"", "k", "M", "G", "T", "P"};
  size_t prefix = 0;
  for (; count >= 999.5 && prefix + 1 < std::size(prefixes); ++prefix)
    count /= 1000;
  char text[40];
  std::snprintf(text, sizeof(text), "%.*f%s", prefix && count < 99.95 ? 1 : 0,
                count, prefixes[prefix]);
  return text;
}

std::string timeText(double seconds) {
  // Beyond a year nobody waits, and the integers below hold it.
  auto left = static_cast<long>(std::clamp(seconds, 0.0, 3.2e7));
  char text[40];
  if (left >= 3600)
    std::snprintf(text, sizeof(text), "%ld:%02ld:%02ld", left / 3600,
                  left / 60 % 60, left % 60);
  else
    std::snprintf(text, sizeof(text), "%ld:%02ld", left / 60, left % 60);
  return text;
}

static std::string describe(const ProgressLine &line) {
  std::string steps = std::to_string(line.steps);
  std::string step = std::to_string(line.step);
  step.insert(0, steps.size() - std::min(steps.size(), step.size()), ' ');
  char loss[32] = "nan"; // printf may give it a sign.
  if (!std::isnan(line.loss))
    std::snprintf(loss, sizeof(loss), "%.4f", line.loss);
  std::string text = "step " + step + "/" + steps + "  loss " + loss + "  " +
                     countText(line.tokensPerSecond) + " tokens/s";
  if (line.utilization > 0) {
    char mfu[32];
    std::snprintf(mfu, sizeof(mfu), "  MFU %.1f %%", 100 * line.utilization);
    text += mfu;
  }
  return text + "  " + timeText(line.secondsLeft) + " left";
}

void Progress::draw() {
  std::string text = describe(*last);
  // The bar has what the text leaves of the line.
  int room = columns - 1 - static_cast<int>(text.size()) - 3;
  if (room >= 5) {
    int width = std::min(room, 40);
    int done = static_cast<int>(static_cast<double>(width) *
                                static_cast<double>(last->step) /
                                static_cast<double>(last->steps));
    text = "[" + std::string(static_cast<size_t>(done), '#') +
           std::string(static_cast<size_t>(width - done), '.') + "] " + text;
  }
  text.resize(std::min(text.size(), static_cast<size_t>(columns - 1)));
  std::fprintf(stream, "\r%s\033[K", text.c_str());
  std::fflush(stream);
  drawn = Clock::now();
}

void Progress::show(const ProgressLine &line) {
  if (!isTerminal()) {
    std::fprintf(stream, "%s\n", describe(line).c_str());
    std::fflush(stream);
    return;
  }
  last = line;
  if (Clock::now() - drawn >= std::chrono::milliseconds(50))
    draw();
}

void Progress::note(const std::string &text) {
  std::fprintf(stream, "%s%s\n", last ? "\r\033[K" : "", text.c_str());
  std::fflush(stream);
  if (last)
    draw();
}

void Progress::finish() {
  if (!last)
    return;
  draw();
  std::fprintf(stream, "\n");
  last.reset();
}

} // namespace pi_training
