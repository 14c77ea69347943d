//===- HostMemory.cpp - Memory for compiled host code ---------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HostMemory.h"

#include "pi/Runtime/HostSupport.h"

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

void *tryAllocateHostMemory(size_t bytes) {
  constexpr size_t limit = size_t(1) << 46;
  if (bytes > limit)
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

void *pi_rt_alloc(int64_t bytes) {
  size_t capacity =
      bytes < 0 ? 0 : roundCapacity(static_cast<size_t>(bytes) + 1);
  BlockCache &cache = blockCache();
  {
    std::lock_guard<std::mutex> lock(cache.mutex);
    auto found = cache.blocks.find(capacity);
    if (found != cache.blocks.end() && !found->second.empty()) {
      BlockHeader *block = found->second.back();
      found->second.pop_back();
      return block + 1;
    }
  }
  void *memory = bytes < 0
                     ? nullptr
                     : tryAllocateHostMemory(sizeof(BlockHeader) + capacity);
  if (!memory) {
    std::fprintf(stderr, "pi runtime: no memory for %lld bytes\n",
                 static_cast<long long>(bytes));
    std::abort();
  }
  auto *block = static_cast<BlockHeader *>(memory);
  block->capacity = capacity;
  return block + 1;
}

void pi_rt_free(void *memory) {
  if (!memory)
    return;
  BlockHeader *block = static_cast<BlockHeader *>(memory) - 1;
  BlockCache &cache = blockCache();
  std::lock_guard<std::mutex> lock(cache.mutex);
  cache.blocks[block->capacity].push_back(block);
}
