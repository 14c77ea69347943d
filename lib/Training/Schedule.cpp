//===- Schedule.cpp - The learning rate of each step ----------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Training/Schedule.h"

#include <algorithm>
#include <cmath>

namespace pi_training {

double Schedule::learningRate(int64_t step) const {
  if (step <= warmupSteps)
    return peak * static_cast<double>(step) /
           static_cast<double>(warmupSteps + 1);
  double progress =
      static_cast<double>(step - 1 - warmupSteps) /
      static_cast<double>(std::max<int64_t>(1, steps - warmupSteps));
  progress = std::min(progress, 1.0);
  double height = 1;
  switch (kind) {
  case ScheduleKind::Constant:
    return peak;
  case ScheduleKind::Linear:
    height = 1 - progress;
    break;
  case ScheduleKind::Polynomial:
    height = std::pow(1 - progress, power);
    break;
  case ScheduleKind::Cosine:
    height = (1 + std::cos(M_PI * progress)) / 2;
    break;
  }
  return minimum + (peak - minimum) * height;
}

} // namespace pi_training
