//===- RunFolder.h - The folder of a training run ---------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TRAINING_RUNFOLDER_H
#define PI_TRAINING_RUNFOLDER_H

#include "pi/Runtime/CheckpointDirectory.h"
#include "pi/Training/TrainingModel.h"
#include "pi/Training/TrainingOptions.h"

namespace pi_training {

/// Which files a run reads: their paths and the digests of their content, by
/// which a run that goes on knows them again.
struct RunSources {
  std::string artifact;
  std::string artifactSha256;
  /// Of the manifest.json of the tokens, which has the digests of the shards.
  std::string dataSha256;
};

/// The folder of a run:
///   run.json          what is trained, on what, and with which options
///   metrics.jsonl     see MetricsLog
///   checkpoints/      see CheckpointDirectory
class RunFolder {
public:
  explicit RunFolder(std::string path) : root(std::move(path)) {}

  const std::string &path() const { return root; }
  std::string metricsPath() const { return root + "/metrics.jsonl"; }
  std::string checkpointsPath() const { return root + "/checkpoints"; }
  std::string descriptionPath() const { return root + "/run.json"; }

  /// That nothing is there which a new run would mix with: the folder is
  /// missing, empty, or has no checkpoint and nothing else.
  Status checkUnused() const;
  /// Makes the folder and writes run.json, by which it is complete. The run is
  /// this process's while the result lives: another one neither makes it nor
  /// goes on with it.
  Result<pi_runtime::CheckpointDirectory>
  create(const RunSources &sources, const TrainingOptions &options,
         const TrainingModel &model) const;
  /// Reads run.json and sets `options`.
  Result<RunSources> read(TrainingOptions &options) const;

private:
  std::string root;
};

} // namespace pi_training

#endif // PI_TRAINING_RUNFOLDER_H
