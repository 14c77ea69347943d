//===- CheckpointContents.h - The files of one checkpoint -------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_RUNTIME_CHECKPOINTCONTENTS_H
#define PI_LIB_RUNTIME_CHECKPOINTCONTENTS_H

#include "pi/Runtime/CheckpointDirectory.h"

namespace pi_runtime {

/// What checkpoint.json says.
struct CheckpointRecord {
  struct File {
    std::string name;
    uint64_t size;
    uint32_t checksum;
  };
  int64_t step;
  std::vector<File> files;
};

/// Whether names of the caller's files are plain, unique and not taken.
Status verifyFileNames(const std::vector<CheckpointFile> &files);

/// Writes all files of a checkpoint into an empty directory and flushes them.
Status writeContents(const std::string &directory, const Model &model,
                     int64_t step, std::string_view state,
                     const std::vector<CheckpointFile> &files);

/// Reads checkpoint.json; the files it lists are there with their sizes.
Result<CheckpointRecord> readRecord(const std::string &directory);

/// Checks everything, then sets the model's parameters and states; gives the
/// state's text.
Result<std::string> loadContents(const std::string &directory, Model &model);

} // namespace pi_runtime

#endif // PI_LIB_RUNTIME_CHECKPOINTCONTENTS_H
