//===- CudaDriver.cpp - The CUDA driver, opened when it is needed ---------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CudaDriver.h"
#include "SharedLibrary.h"

namespace pi_runtime {

namespace {
struct LoadedDriver {
  CudaDriver driver;
  Status status;
};
} // namespace

static LoadedDriver loadDriver() {
  LoadedDriver loaded;
  void *library = openSharedLibrary({"libcuda.so.1"});
  if (!library) {
    loaded.status = unavailable("no GPU: the NVIDIA driver (libcuda.so.1) is "
                                "not installed on this machine");
    return loaded;
  }
  const char *missing = nullptr;
  // Two steps, so that the versioned name is what becomes a string.
#define PI_STRING(name) #name
#define PI_LOAD(name)                                                          \
  if (!findFunction(library, PI_STRING(name), loaded.driver.name))             \
    missing = PI_STRING(name);
  PI_CUDA_FUNCTIONS(PI_LOAD)
#undef PI_LOAD
#undef PI_STRING
  if (missing) {
    loaded.status =
        unavailable(std::string("the NVIDIA driver is too old: it "
                                "has no ") +
                    missing + "; CUDA 13 needs driver 580 or newer");
    return loaded;
  }
  loaded.status = loaded.driver.check(loaded.driver.cuInit(0), "cuInit");
  if (!loaded.status)
    loaded.status = unavailable("no GPU: " + loaded.status.message());
  return loaded;
}

Result<const CudaDriver *> CudaDriver::get() {
  static const LoadedDriver loaded = loadDriver();
  if (!loaded.status)
    return loaded.status;
  return &loaded.driver;
}

Status CudaDriver::check(CUresult result, const char *call) const {
  if (result == CUDA_SUCCESS)
    return Status::success();
  const char *name = nullptr, *text = nullptr;
  cuGetErrorName(result, &name);
  cuGetErrorString(result, &text);
  std::string message = std::string(call) + ": " +
                        (text ? text : "unknown error") + " (" +
                        (name ? name : std::to_string(result)) + ")";
  return result == CUDA_ERROR_OUT_OF_MEMORY ? unavailable(message)
                                            : executionFailed(message);
}

} // namespace pi_runtime
