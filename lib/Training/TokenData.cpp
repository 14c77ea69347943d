//===- TokenData.cpp - Token shards and batches of them -------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Training/TokenData.h"

#include "pi/Runtime/HostSupport.h"
#include "pi/Training/Sha256.h"

#include <algorithm>
#include <cstring>

using pi_runtime::invalidArgument;
using pi_runtime::invalidFile;
using pi_runtime::MappedFile;

namespace pi_training {

//===----------------------------------------------------------------------===//
// The order of an epoch
//===----------------------------------------------------------------------===//

/// splitmix64: Steele, Lea and Flood, Fast Splittable Pseudorandom Number
/// Generators, 2014.
static uint64_t mix(uint64_t x) {
  x += 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

uint64_t permute(uint64_t number, uint64_t count, uint64_t seed,
                 uint64_t epoch) {
  unsigned half = 1; // The fewest bits with 4^half >= count.
  while ((uint64_t(1) << (2 * half)) < count)
    ++half;
  uint64_t mask = (uint64_t(1) << half) - 1;
  uint64_t base = mix(mix(seed) + epoch);
  do {
    uint64_t left = number >> half, right = number & mask;
    for (uint64_t round = 0; round < 4; ++round) {
      uint64_t key = mix(base + round);
      uint64_t mixed = left ^ (mix(right + key) & mask);
      left = right;
      right = mixed;
    }
    number = (left << half) | right;
  } while (number >= count);
  return number;
}

//===----------------------------------------------------------------------===//
// Shards
//===----------------------------------------------------------------------===//

static uint32_t readToken(const unsigned char *bytes, size_t tokenBytes) {
  if (tokenBytes == 2)
    return uint32_t(bytes[0]) | uint32_t(bytes[1]) << 8;
  return uint32_t(bytes[0]) | uint32_t(bytes[1]) << 8 |
         uint32_t(bytes[2]) << 16 | uint32_t(bytes[3]) << 24;
}

static Status outOfVocabulary(const MappedFile &file, uint32_t token,
                              int64_t vocabSize) {
  return invalidFile("'" + file.path() + "': token " + std::to_string(token) +
                     " is not in the vocabulary of " +
                     std::to_string(vocabSize));
}

Result<std::shared_ptr<const TokenDataset>>
TokenDataset::open(const std::string &folder) {
  Result<TokenManifest> manifest = readTokenManifest(folder);
  if (!manifest)
    return manifest.status();
  std::shared_ptr<TokenDataset> dataset(new TokenDataset);
  dataset->path = folder;
  dataset->content = std::move(*manifest);
  for (const TokenShard &shard : dataset->content.shards) {
    Result<MappedFile> file = MappedFile::open(folder + "/" + shard.file);
    if (!file)
      return file.status();
    uint64_t expected = shard.tokens * dataset->content.tokenBytes;
    if (file->size() != expected)
      return invalidFile(
          "'" + file->path() + "': " + std::to_string(file->size()) +
          " bytes, but by the manifest " + std::to_string(expected));
    dataset->files.push_back(std::move(*file));
  }
  return std::shared_ptr<const TokenDataset>(std::move(dataset));
}

static Status checkDigest(const std::string &path, const std::string &found,
                          const std::string &expected) {
  if (found == expected)
    return Status::success();
  return invalidFile("'" + path + "': its sha256 is " + found +
                     ", but by the manifest " + expected);
}

Status TokenDataset::verifyShard(size_t shard) const {
  const MappedFile &mapped = files[shard];
  const TokenShard &expected = content.shards[shard];
  Sha256 digest;
  digest.update(mapped.data(), mapped.size());
  if (Status status =
          checkDigest(mapped.path(), digest.finish(), expected.sha256);
      !status)
    return status;
  uint64_t documents = 0;
  uint32_t token = 0;
  for (uint64_t i = 0; i < expected.tokens; ++i) {
    token =
        readToken(mapped.data() + i * content.tokenBytes, content.tokenBytes);
    if (token >= content.vocabSize)
      return outOfVocabulary(mapped, token, content.vocabSize);
    documents += token == content.endOfText;
  }
  if (token != content.endOfText)
    return invalidFile("'" + mapped.path() + "': its last token is " +
                       std::to_string(token) +
                       ", but has to be the end of text, " +
                       std::to_string(content.endOfText));
  if (documents != expected.documents)
    return invalidFile("'" + mapped.path() + "': " + std::to_string(documents) +
                       " documents end in it, but by the manifest " +
                       std::to_string(expected.documents));
  return Status::success();
}

Status TokenDataset::verify() const {
  std::string tokenizer = path + "/" + content.tokenizerFile;
  Result<std::string> digest = sha256OfFile(tokenizer);
  if (!digest)
    return digest.status();
  if (Status status = checkDigest(tokenizer, *digest, content.tokenizerSha256);
      !status)
    return status;
  // As many shards at a time as there are threads.
  std::vector<Status> results(files.size());
  auto verifyShards = [&](int64_t begin, int64_t end) {
    for (int64_t shard = begin; shard < end; ++shard)
      results[static_cast<size_t>(shard)] =
          verifyShard(static_cast<size_t>(shard));
  };
  pi_rt_parallel_for(
      static_cast<int64_t>(files.size()),
      [](int64_t begin, int64_t end, void *context) {
        (*static_cast<decltype(verifyShards) *>(context))(begin, end);
      },
      &verifyShards);
  for (Status &status : results)
    if (!status)
      return std::move(status);
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Batches
//===----------------------------------------------------------------------===//

Result<TokenBatches>
TokenBatches::create(std::shared_ptr<const TokenDataset> data, Split split,
                     int64_t batch, int64_t length, uint64_t seed) {
  TokenBatches batches;
  batches.batchSize = batch;
  batches.windowLength = length;
  batches.current.seed = seed;
  const std::vector<TokenShard> &all = data->manifest().shards;
  uint64_t windows = 0, largest = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].split != split)
      continue;
    largest = std::max(largest, all[i].tokens);
    uint64_t count = (all[i].tokens - 1) / static_cast<uint64_t>(length);
    if (!count)
      continue;
    batches.shards.push_back(i);
    batches.starts.push_back(windows);
    windows += count;
  }
  if (!windows)
    return invalidFile(
        "'" + data->folder() + "': no shard of the split '" + splitName(split) +
        "' has the " + std::to_string(length + 1) +
        " tokens of a window; the largest has " + std::to_string(largest));
  batches.current.windows = windows;
  batches.dataset = std::move(data);
  return batches;
}

Status TokenBatches::restore(const BatchState &state) {
  if (state.windows != current.windows)
    return invalidArgument(
        "the state of the batches is of " + std::to_string(state.windows) +
        " windows, but these data have " + std::to_string(current.windows) +
        "; are the data and the sequence length the same?");
  if (state.position >= state.windows)
    return invalidArgument("the state of the batches is at position " +
                           std::to_string(state.position) + " of " +
                           std::to_string(state.windows) + " windows");
  current = state;
  return Status::success();
}

Status TokenBatches::readWindow(uint64_t number, int32_t *inputs,
                                int32_t *targets) const {
  size_t owner = static_cast<size_t>(
      std::upper_bound(starts.begin(), starts.end(), number) - starts.begin() -
      1);
  const TokenManifest &manifest = dataset->manifest();
  const MappedFile &file = dataset->file(shards[owner]);
  size_t tokenBytes = manifest.tokenBytes;
  size_t length = static_cast<size_t>(windowLength);
  const unsigned char *bytes =
      file.data() + (number - starts[owner]) * length * tokenBytes;
  for (size_t i = 0; i <= length; ++i) {
    uint32_t token = readToken(bytes + i * tokenBytes, tokenBytes);
    if (token >= manifest.vocabSize)
      return outOfVocabulary(file, token, manifest.vocabSize);
    if (i < length)
      inputs[i] = static_cast<int32_t>(token);
    if (i > 0)
      targets[i - 1] = static_cast<int32_t>(token);
  }
  return Status::success();
}

Status TokenBatches::next(int32_t *inputs, int32_t *targets) {
  for (int64_t row = 0; row < batchSize; ++row) {
    uint64_t number =
        permute(current.position, current.windows, current.seed, current.epoch);
    Status status = readWindow(number, inputs + row * windowLength,
                               targets + row * windowLength);
    if (!status)
      return status;
    if (++current.position == current.windows) {
      current.position = 0;
      ++current.epoch;
    }
  }
  return Status::success();
}

} // namespace pi_training
