//===- DeviceMemory.cpp - Memory of a GPU, and pinned memory --------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DeviceMemory.h"

#include <algorithm>

namespace pi_runtime {

Status DeviceMemory::allocate(CUdeviceptr &buffer, uint64_t bytes,
                              const std::string &what) {
  if (!bytes)
    return Status::success();
  PI_TRY(driver.check(driver.cuMemAlloc(&buffer, bytes), "cuMemAlloc")
             .withContext("'" + owner + "': no memory on " + deviceName +
                          " for " + std::to_string(bytes) + " bytes of " +
                          what + ", beside " + std::to_string(allocated)));
  allocations.push_back(buffer);
  allocated += bytes;
  return Status::success();
}

Status DeviceMemory::allocatePinned(void *&buffer, uint64_t bytes) {
  PI_CUDA_TRY(driver, cuMemHostAlloc, &buffer, std::max<uint64_t>(bytes, 1), 0);
  pinnedAllocations.push_back(buffer);
  return Status::success();
}

void DeviceMemory::release() {
  for (CUdeviceptr allocation : allocations)
    driver.cuMemFree(allocation);
  for (void *allocation : pinnedAllocations)
    driver.cuMemFreeHost(allocation);
  allocations.clear();
  pinnedAllocations.clear();
  allocated = 0;
}

Status DeviceMemory::upload(CUdeviceptr target, const void *source,
                            uint64_t bytes) {
  if (!bytes)
    return Status::success();
  PI_CUDA_TRY(driver, cuMemcpyHtoDAsync, target, source, bytes, stream);
  PI_CUDA_TRY(driver, cuStreamSynchronize, stream);
  return Status::success();
}

Status DeviceMemory::download(void *target, CUdeviceptr source,
                              uint64_t bytes) {
  if (!bytes)
    return Status::success();
  PI_CUDA_TRY(driver, cuMemcpyDtoHAsync, target, source, bytes, stream);
  PI_CUDA_TRY(driver, cuStreamSynchronize, stream);
  return Status::success();
}

Status DeviceMemory::clear(CUdeviceptr target, uint64_t bytes) {
  if (bytes)
    PI_CUDA_TRY(driver, cuMemsetD8Async, target, 0, bytes, stream);
  return Status::success();
}

} // namespace pi_runtime
