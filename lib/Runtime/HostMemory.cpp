//===- HostMemory.cpp - Memory for compiled host code ---------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HostMemory.h"

#include "pi/Runtime/HostSupport.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <sys/mman.h>
#include <vector>

namespace pi_runtime {

namespace {
/// Stands in the 64 bytes before each block.
struct alignas(hostAlignment) BlockHeader {
  size_t capacity;
};

/// Freed blocks by capacity.
struct BlockCache {
  std::mutex mutex;
  std::map<size_t, std::vector<BlockHeader *>> blocks;
};
} // namespace

static BlockCache &blockCache() {
  // Never destroyed: host code may free memory while the process ends.
  static auto *cache = new BlockCache;
  return *cache;
}

/// Rounds up to one of four sizes between powers of two, so that requests of
/// similar sizes share blocks and at most a fifth of a block is unused.
static size_t roundCapacity(size_t bytes) {
  size_t step = hostAlignment;
  while (step * 8 <= bytes)
    step *= 2;
  return (bytes + step - 1) / step * step;
}

/// More than any machine has; sizes up to it can be rounded up.
static constexpr size_t maxBytes = size_t(1) << 46;

void *tryAllocateHostMemory(size_t bytes) {
  if (bytes > maxBytes)
    return nullptr;
  // Large blocks start at a huge page: fewer page faults and TLB misses.
  constexpr size_t hugePage = size_t(1) << 21;
  size_t alignment = bytes >= 2 * hugePage ? hugePage : hostAlignment;
  size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  void *memory = std::aligned_alloc(alignment, rounded);
  if (memory && alignment == hugePage)
    ::madvise(memory, rounded, MADV_HUGEPAGE);
  return memory;
}

void releaseCachedHostMemory() {
  BlockCache &cache = blockCache();
  std::lock_guard<std::mutex> lock(cache.mutex);
  for (auto &[capacity, list] : cache.blocks)
    for (BlockHeader *block : list)
      std::free(block);
  cache.blocks.clear();
}

} // namespace pi_runtime

using namespace pi_runtime;

/// A freed block of this capacity, or null.
static BlockHeader *takeCachedBlock(size_t capacity) {
  BlockCache &cache = blockCache();
  std::lock_guard<std::mutex> lock(cache.mutex);
  auto found = cache.blocks.find(capacity);
  if (found == cache.blocks.end() || found->second.empty())
    return nullptr;
  BlockHeader *block = found->second.back();
  found->second.pop_back();
  return block;
}

static BlockHeader *allocateBlock(int64_t bytes) {
  if (bytes < 0 || static_cast<uint64_t>(bytes) > maxBytes)
    return nullptr;
  // At least one byte, so that distinct blocks have distinct addresses.
  size_t capacity = roundCapacity(std::max<size_t>(bytes, 1));
  if (BlockHeader *block = takeCachedBlock(capacity))
    return block;
  void *memory = tryAllocateHostMemory(sizeof(BlockHeader) + capacity);
  auto *block = static_cast<BlockHeader *>(memory);
  if (block)
    block->capacity = capacity;
  return block;
}

void *pi_rt_alloc(int64_t bytes) {
  if (BlockHeader *block = allocateBlock(bytes))
    return block + 1;
  std::fprintf(stderr, "pi runtime: no memory for %lld bytes\n",
               static_cast<long long>(bytes));
  std::abort();
}

void pi_rt_free(void *memory) {
  if (!memory)
    return;
  BlockHeader *block = static_cast<BlockHeader *>(memory) - 1;
  BlockCache &cache = blockCache();
  std::lock_guard<std::mutex> lock(cache.mutex);
  cache.blocks[block->capacity].push_back(block);
}
