//===- Trainer.h - The loop of a training -----------------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TRAINING_TRAINER_H
#define PI_TRAINING_TRAINER_H

#include "pi/Runtime/CheckpointDirectory.h"
#include "pi/Training/BatchQueue.h"
#include "pi/Training/MetricsLog.h"
#include "pi/Training/Progress.h"
#include "pi/Training/RunFolder.h"

#include <atomic>
#include <chrono>
#include <limits>

namespace pi_training {

/// Why a training ended without an error.
enum class Ending { Complete, TimeLimit, Interrupted };

/// What only this session of a run is told.
struct SessionOptions {
  /// Seconds after which to stop; 0: none.
  double timeLimit = 0;
  /// Whether to choose by timing what the device leaves open, before a new run.
  bool tune = false;
  /// Set by another thread or a signal to stop after the step.
  const std::atomic<bool> *interrupted = nullptr;
};

/// Trains a model in a run's folder: updates, evaluations, metrics,
/// checkpoints. An update is one call of the compiled step, or one for each
/// micro-batch; nothing is allocated between evaluations and checkpoints.
class Trainer {
public:
  /// `checkpoints` are those of the folder. `batches` are at their beginning.
  /// `validation` is left out where there is nothing to evaluate; it has at
  /// least the windows of a batch.
  Trainer(TrainingModel &model, RunFolder folder,
          pi_runtime::CheckpointDirectory checkpoints, TrainingOptions options,
          TokenBatches batches, std::optional<TokenBatches> validation,
          Progress &progress);

  /// Files that each checkpoint gets, such as config.json.
  void setCheckpointFiles(std::vector<pi_runtime::CheckpointFile> files) {
    checkpointFiles = std::move(files);
  }

  /// Goes on from the last checkpoint, or the beginning if there is none, until
  /// all steps are done or the session ends. Losses are those of a training
  /// that was never interrupted, bit for bit. Damaged checkpoints after the
  /// last complete one are noted; that all are damaged is an error, before
  /// which nothing of the run changes.
  Result<Ending> run(const SessionOptions &session);

  int64_t step() const { return metrics.step; }
  /// The last checkpoint, or empty.
  const std::string &lastCheckpoint() const { return checkpointPath; }

private:
  Status restore();
  Status update(BatchQueue &queue);
  bool isFinite() const;
  Status reportNonFinite();
  void measure(double seconds);
  Status log();
  Status evaluate();
  Status writeCheckpoint();
  double totalSeconds() const;
  bool isDue(int64_t every) const {
    return every > 0 && metrics.step % every == 0;
  }

  using Clock = std::chrono::steady_clock;

  TrainingModel &model;
  RunFolder folder;
  pi_runtime::CheckpointDirectory checkpoints;
  TrainingOptions options;
  Schedule schedule;
  TokenBatches batches;
  std::optional<TokenBatches> validation;
  Progress &progress;
  std::vector<pi_runtime::CheckpointFile> checkpointFiles;

  std::optional<MetricsLog> metricsLog;
  std::string checkpointPath;

  StepMetrics metrics;
  /// Where the batches of the step that runs begin, and where it has come to.
  BatchState stepBegin, current;
  Clock::time_point start;
  double earlierSeconds = 0;
  /// In seconds of the run, when this session is to stop; infinite without a
  /// limit.
  double stopAt = std::numeric_limits<double>::infinity();
  /// Seconds and steps since the last line of metrics, without evaluations and
  /// checkpoints, and the smoothed time of a step.
  double loggedSeconds = 0, stepSeconds = 0;
  int64_t loggedSteps = 0;
  double tokensPerStep = 0, flopsPerToken = 0, peakFlops = 0;
  /// Memory of evaluations.
  std::vector<int32_t> inputs, targets;
};

} // namespace pi_training

#endif // PI_TRAINING_TRAINER_H
