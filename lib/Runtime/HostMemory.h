//===- HostMemory.h - Memory for compiled host code -------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_RUNTIME_HOSTMEMORY_H
#define PI_LIB_RUNTIME_HOSTMEMORY_H

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

namespace pi_runtime {

/// The alignment that host code may assume of every buffer, in bytes.
constexpr size_t hostAlignment = 64;

/// Uninitialised memory aligned for host code, to be given to std::free, or
/// null. Large blocks ask for huge pages.
void *tryAllocateHostMemory(size_t bytes);

/// Returns what pi_rt_free has kept to the system.
void releaseCachedHostMemory();

struct FreeDeleter {
  void operator()(void *memory) const { std::free(memory); }
};
using HostBuffer = std::unique_ptr<void, FreeDeleter>;

inline HostBuffer allocateHostBuffer(size_t bytes) {
  return HostBuffer(tryAllocateHostMemory(bytes ? bytes : 1));
}

inline bool isHostAligned(const void *memory) {
  return reinterpret_cast<uintptr_t>(memory) % hostAlignment == 0;
}

} // namespace pi_runtime

#endif // PI_LIB_RUNTIME_HOSTMEMORY_H
