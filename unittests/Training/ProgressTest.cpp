//===- ProgressTest.cpp - Tests of what a training shows ------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Training/Progress.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

using namespace pi_training;

/// What is shown on a terminal of `columns`, or in a file.
static std::string shown(int columns, const ProgressLine &line,
                         const char *note = nullptr) {
  char *text = nullptr;
  size_t size = 0;
  std::FILE *stream = ::open_memstream(&text, &size);
  Progress progress(stream, columns);
  progress.show(line);
  if (note)
    progress.note(note);
  progress.finish();
  std::fclose(stream);
  std::string result(text, size);
  std::free(text);
  return result;
}

static ProgressLine makeLine() {
  ProgressLine line;
  line.step = 50;
  line.steps = 200;
  line.loss = 3.25;
  line.tokensPerSecond = 12345;
  line.secondsLeft = 3725.9;
  return line;
}

TEST(Progress, PlainLine) {
  EXPECT_EQ(shown(0, makeLine()),
            "step  50/200  loss 3.2500  12.3k tokens/s  1:02:05 left\n");
  ProgressLine line = makeLine();
  line.utilization = 0.4125;
  EXPECT_EQ(shown(0, line, "note"),
            "step  50/200  loss 3.2500  12.3k tokens/s  MFU 41.2 %  1:02:05 "
            "left\nnote\n");
}

TEST(Progress, BarFitsTheTerminal) {
  std::string bar =
      "\r[#####................] step  50/200  loss 3.2500  12.3k "
      "tokens/s  1:02:05 left\033[K";
  EXPECT_EQ(shown(80, makeLine()), bar + bar + "\n");
  for (int columns = 2; columns < 160; ++columns)
    EXPECT_LE(shown(columns, makeLine()).size(),
              2 * (static_cast<size_t>(columns) - 1 + sizeof("\r\033[K")));
}

TEST(Progress, NoteStandsAboveTheBar) {
  std::string bar = shown(80, makeLine());
  bar.resize(bar.size() / 2);
  EXPECT_EQ(shown(80, makeLine(), "note"),
            bar + "\r\033[Knote\n" + bar + bar + "\n");
}

TEST(Progress, WhatIsNoNumber) {
  ProgressLine line = makeLine();
  line.loss = -NAN;
  EXPECT_EQ(shown(0, line),
            "step  50/200  loss nan  12.3k tokens/s  1:02:05 left\n");
}

TEST(Progress, Numbers) {
  EXPECT_EQ(countText(0), "0");
  EXPECT_EQ(countText(999), "999");
  EXPECT_EQ(countText(1000), "1.0k");
  EXPECT_EQ(countText(123456), "123k");
  EXPECT_EQ(countText(999900), "1.0M");
  EXPECT_EQ(timeText(59.9), "0:59");
  EXPECT_EQ(timeText(-1), "0:00");
  EXPECT_EQ(timeText(1e300), "8888:53:20");
}
