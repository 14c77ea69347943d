//===- DeviceMemory.h - Memory of a GPU, and pinned memory ------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_RUNTIME_CUDA_DEVICEMEMORY_H
#define PI_LIB_RUNTIME_CUDA_DEVICEMEMORY_H

#include "CudaDriver.h"

#include <cstdint>
#include <vector>

namespace pi_runtime {

/// Allocates the memory of one executor and copies between it and the host.
/// The device's context is current in every call.
class DeviceMemory {
public:
  /// `owner` and `deviceName` are for messages.
  DeviceMemory(const CudaDriver &driver, std::string owner)
      : driver(driver), owner(std::move(owner)) {}

  /// What copies and fills are ordered by; set before any of them.
  void setStream(CUstream newStream, std::string newDeviceName) {
    stream = newStream;
    deviceName = std::move(newDeviceName);
  }

  /// Device memory, for `what` in messages; nothing for no bytes.
  Status allocate(CUdeviceptr &buffer, uint64_t bytes, const std::string &what);
  /// Memory of the host that the device can reach.
  Status allocatePinned(void *&buffer, uint64_t bytes);
  /// Frees everything.
  void release();

  /// Copies, in the order of the stream, and waits: the source may be freed and
  /// the target read.
  Status upload(CUdeviceptr target, const void *source, uint64_t bytes);
  Status download(void *target, CUdeviceptr source, uint64_t bytes);
  /// Sets bytes to zero, in the order of the stream.
  Status clear(CUdeviceptr target, uint64_t bytes);

  uint64_t allocatedBytes() const { return allocated; }

private:
  const CudaDriver &driver;
  const std::string owner;
  std::string deviceName;
  CUstream stream = nullptr;
  uint64_t allocated = 0;
  std::vector<CUdeviceptr> allocations;
  std::vector<void *> pinnedAllocations;
};

} // namespace pi_runtime

#endif // PI_LIB_RUNTIME_CUDA_DEVICEMEMORY_H
