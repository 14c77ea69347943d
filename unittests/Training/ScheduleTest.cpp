//===- ScheduleTest.cpp - Tests of learning rates -------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Training/Schedule.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace pi_training;

static Schedule make(ScheduleKind kind) {
  Schedule schedule;
  schedule.kind = kind;
  schedule.peak = 6e-4;
  schedule.minimum = 6e-5;
  schedule.power = 2;
  schedule.warmupSteps = 9;
  schedule.steps = 109;
  return schedule;
}

TEST(Schedule, WarmUpRisesLinearlyToThePeak) {
  for (ScheduleKind kind : {ScheduleKind::Constant, ScheduleKind::Linear,
                            ScheduleKind::Polynomial, ScheduleKind::Cosine}) {
    Schedule schedule = make(kind);
    for (int64_t step = 1; step <= 10; ++step)
      EXPECT_DOUBLE_EQ(schedule.learningRate(step),
                       6e-4 * static_cast<double>(step) / 10);
  }
}

TEST(Schedule, FallsByItsFormula) {
  // Half way is step 1 + 9 + 50; p is 1/2.
  EXPECT_DOUBLE_EQ(make(ScheduleKind::Constant).learningRate(60), 6e-4);
  EXPECT_DOUBLE_EQ(make(ScheduleKind::Linear).learningRate(60), 3.3e-4);
  EXPECT_DOUBLE_EQ(make(ScheduleKind::Polynomial).learningRate(60),
                   6e-5 + 5.4e-4 / 4);
  EXPECT_DOUBLE_EQ(make(ScheduleKind::Cosine).learningRate(60), 3.3e-4);
  // The last step has p = 99/100.
  EXPECT_DOUBLE_EQ(make(ScheduleKind::Linear).learningRate(109),
                   6e-5 + 5.4e-4 * 0.01);
  // nanoGPT's get_lr(it) with warmup_iters 9 and lr_decay_iters 109.
  double ratio = (100.0 - 9) / (109 - 9);
  EXPECT_DOUBLE_EQ(make(ScheduleKind::Cosine).learningRate(101),
                   6e-5 + 0.5 * (1 + std::cos(M_PI * ratio)) * 5.4e-4);
}

TEST(Schedule, StaysAtTheMinimumBeyondTheLastStep) {
  for (ScheduleKind kind :
       {ScheduleKind::Linear, ScheduleKind::Polynomial, ScheduleKind::Cosine})
    EXPECT_DOUBLE_EQ(make(kind).learningRate(1000), 6e-5);
}

TEST(Schedule, OneStep) {
  Schedule schedule;
  schedule.peak = 1;
  EXPECT_DOUBLE_EQ(schedule.learningRate(1), 1);
}
