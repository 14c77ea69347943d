//===- Schedule.h - The learning rate of each step --------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TRAINING_SCHEDULE_H
#define PI_TRAINING_SCHEDULE_H

#include <cstdint>

namespace pi_training {

/// How the learning rate falls after warm-up; names as in Hugging Face's
/// `lr_scheduler_type`.
enum class ScheduleKind { Constant, Linear, Polynomial, Cosine };

/// The learning rate of each of `steps` updates. With peak L, minimum M and W
/// steps of warm-up, step s (from 1) has
///   L s / (W + 1)                                for s <= W, and then, with
///   p = (s - 1 - W) / (steps - W) in [0, 1),
///   constant     L
///   linear       M + (L - M) (1 - p)
///   polynomial   M + (L - M) (1 - p)^power
///   cosine       M + (L - M) (1 + cos(pi p)) / 2
/// as nanoGPT's get_lr does for the cosine: no step is wasted on a rate of 0,
/// and the peak is reached once.
struct Schedule {
  ScheduleKind kind = ScheduleKind::Linear;
  double peak = 0;
  double minimum = 0;
  double power = 1;
  int64_t warmupSteps = 0;
  int64_t steps = 1;

  double learningRate(int64_t step) const;
};

} // namespace pi_training

#endif // PI_TRAINING_SCHEDULE_H
