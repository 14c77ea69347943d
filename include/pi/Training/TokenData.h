//===- TokenData.h - Token shards and batches of them -----------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Reads the token shards of `python -m pi_mlir.data` and gives batches of their
// windows in an order that (seed, epoch) chooses. docs/data.md specifies files
// and order; Python's pi_mlir.data.Dataset gives the same batches.
//
//===----------------------------------------------------------------------===//

#ifndef PI_TRAINING_TOKENDATA_H
#define PI_TRAINING_TOKENDATA_H

#include "pi/Runtime/File.h"
#include "pi/Training/TokenManifest.h"

#include <memory>

namespace pi_training {

/// The image of `number` under the permutation of [0, count) that (seed, epoch)
/// chooses: a Feistel network with cycle walking. 1 <= count <= 2^62.
uint64_t permute(uint64_t number, uint64_t count, uint64_t seed,
                 uint64_t epoch);

/// A folder of token shards, memory-mapped. Opening it checks the manifest and
/// the sizes of all files. Errors name the file.
class TokenDataset {
public:
  static Result<std::shared_ptr<const TokenDataset>>
  open(const std::string &folder);

  /// Reads every file: checksums, numbers of documents, the range of tokens.
  /// On all threads of the runtime, a shard on one.
  Status verify() const;

  const std::string &folder() const { return path; }
  const TokenManifest &manifest() const { return content; }
  /// The shard's tokens, little-endian, of manifest().tokenBytes each.
  const pi_runtime::MappedFile &file(size_t shard) const {
    return files[shard];
  }

private:
  TokenDataset() = default;
  Status verifyShard(size_t shard) const;

  std::string path;
  TokenManifest content;
  std::vector<pi_runtime::MappedFile> files;
};

/// Where the next batch begins: window P(position) of an epoch. `windows` is
/// the number of windows of the split, by which other data are recognised.
struct BatchState {
  uint64_t seed = 0;
  uint64_t epoch = 0;
  uint64_t position = 0;
  uint64_t windows = 0;
};

/// An endless sequence of batches of a split: `batch` windows of `length`
/// tokens, and the tokens one place further as targets. What does not fill a
/// batch at the end of an epoch is carried over into the next epoch.
class TokenBatches {
public:
  /// `batch` and `length` are at least 1. A split without a window is an error.
  static Result<TokenBatches> create(std::shared_ptr<const TokenDataset> data,
                                     Split split, int64_t batch, int64_t length,
                                     uint64_t seed);

  int64_t batch() const { return batchSize; }
  int64_t length() const { return windowLength; }
  uint64_t windows() const { return current.windows; }

  /// Writes the next batch: batch x length tokens each. A token out of the
  /// vocabulary is an error that names its file.
  Status next(int32_t *inputs, int32_t *targets);

  const BatchState &state() const { return current; }
  /// Goes on at `state`, also if its batches had another size.
  Status restore(const BatchState &state);

private:
  TokenBatches() = default;
  Status readWindow(uint64_t number, int32_t *inputs, int32_t *targets) const;

  std::shared_ptr<const TokenDataset> dataset;
  int64_t batchSize = 1, windowLength = 1;
  /// The split's shards that have windows, and the number of each one's first.
  std::vector<size_t> shards;
  std::vector<uint64_t> starts;
  BatchState current;
};

} // namespace pi_training

#endif // PI_TRAINING_TOKENDATA_H
