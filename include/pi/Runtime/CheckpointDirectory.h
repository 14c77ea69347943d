//===- CheckpointDirectory.h - Checkpoints of a training run ----*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// A directory of checkpoints:
//
//   step-00000100/   one for each step that was stored; in it
//     model.safetensors      parameters by their Hugging Face names, in the
//     type
//                            that entry points read
//     optimizer.safetensors  states, such as h.0.ln_1.weight.exp_avg
//     state.json             the caller's text
//     ...                    further files of the caller, such as config.json
//     checkpoint.json        the step, and size and CRC-32 of each file above
//   latest           a symbolic link to the newest
//
// A checkpoint directory is a checkpoint that `Model::loadWeights` reads and,
// with the config.json of a GPT-2, one that transformers reads.
//
// A checkpoint is written under another name, flushed to the disk and then
// renamed, so that a directory called step-* is complete whenever a process is
// killed or a machine stops. `latest` is replaced after that, by a rename too,
// and is for people and for other programs: this code looks for the newest
// complete step-* instead, since a process may be killed between both renames.
// An old checkpoint is renamed before it is deleted, after `latest` has moved.
//
//===----------------------------------------------------------------------===//

#ifndef PI_RUNTIME_CHECKPOINTDIRECTORY_H
#define PI_RUNTIME_CHECKPOINTDIRECTORY_H

#include "pi/Runtime/Model.h"

namespace pi_runtime {

/// A complete checkpoint.
struct StoredCheckpoint {
  int64_t step;
  std::string path;
};

/// A small file of a checkpoint: a plain name, and its bytes.
struct CheckpointFile {
  std::string name;
  std::string text;
};

/// Writes the checkpoints of one training run. Errors name the file, and the
/// tensor if one is at fault; whatever fails, the checkpoints that were there
/// stay and load. While this object lives, no other process can open the
/// directory for writing.
class CheckpointDirectory {
public:
  /// Opens the directory for writing, makes it where it is missing (its parent
  /// exists), and removes what a killed process has left.
  static Result<CheckpointDirectory> open(const std::string &path);

  /// Stores the model's parameters and states. Holds one tensor at a time.
  /// `step` is not negative and later than those of all checkpoints there;
  /// `state` is any text. Afterwards only the newest `keepLast` checkpoints are
  /// left; 0 keeps all.
  Status write(const Model &model, int64_t step, std::string_view state,
               int keepLast, const std::vector<CheckpointFile> &files = {});

  /// The complete checkpoints of a directory by ascending step: each file is
  /// there with its size. Takes no lock, and gives none for a directory that
  /// does not exist.
  static Result<std::vector<StoredCheckpoint>> list(const std::string &path);

  /// The newest of them, if there is one. `skipped` gets why each later one is
  /// not complete. Where there are checkpoints and none of them is complete,
  /// that is an error: something has damaged them.
  static Result<std::optional<StoredCheckpoint>>
  latest(const std::string &path, std::vector<std::string> *skipped = nullptr);

  /// Sets the parameters and states of `model` to those of the checkpoint at
  /// `checkpoint` (a step-* directory, or a link to one) and gives the text of
  /// its state. Checksums are compared first, then names, types and shapes of
  /// all tensors; an error up to there changes nothing. Parameters that no
  /// entry point updates and that are derived are derived again.
  static Result<std::string> load(const std::string &checkpoint, Model &model);

  CheckpointDirectory(CheckpointDirectory &&other) { swap(other); }
  CheckpointDirectory &operator=(CheckpointDirectory &&other) {
    swap(other);
    return *this;
  }
  ~CheckpointDirectory();

  const std::string &path() const { return root; }

private:
  CheckpointDirectory() = default;
  void swap(CheckpointDirectory &other) {
    std::swap(root, other.root);
    std::swap(descriptor, other.descriptor);
  }

  std::string root;
  /// The directory, which is locked by this descriptor.
  int descriptor = -1;
};

} // namespace pi_runtime

#endif // PI_RUNTIME_CHECKPOINTDIRECTORY_H
