//===- TrainingOptions.h - What a training is asked to do -------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TRAINING_TRAININGOPTIONS_H
#define PI_TRAINING_TRAININGOPTIONS_H

#include "pi/Runtime/OptionTable.h"
#include "pi/Training/Schedule.h"

namespace pi_training {

/// The options that a run keeps in its run.json. pi-train --help explains them.
struct TrainingOptions {
  std::string data;
  int64_t steps = 0;
  double lr = 1e-3;
  double minLr = 0;
  int schedule = static_cast<int>(ScheduleKind::Linear);
  double power = 1;
  /// By default a twentieth of the steps.
  int64_t warmupSteps = -1;
  double weightDecay = 0.1;
  /// 0 does not clip.
  double maxGradNorm = 1;
  int32_t accumulate = 1;
  uint64_t seed = 0;
  std::string weights;
  std::string config;

  int64_t evalEvery = 500;
  int64_t evalBatches = 16;
  /// 0: with each evaluation.
  int64_t entropyEvery = 0;
  int64_t checkpointEvery = 1000;
  int64_t keepLast = 3;
  int64_t logEvery = 10;
  /// 0: that of the device, if it is known.
  double peakFlops = 0;

  Schedule makeSchedule() const;
};

/// Adds the options to a table.
void bindOptions(pi_runtime::OptionTable &table, TrainingOptions &options);

/// Whether an option may change when a run goes on: it has no effect on the
/// weights that come out.
bool isChangeable(const std::string &name);

} // namespace pi_training

#endif // PI_TRAINING_TRAININGOPTIONS_H
