//===- CudaDriver.h - The CUDA driver, opened when it is needed -*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_RUNTIME_CUDA_CUDADRIVER_H
#define PI_LIB_RUNTIME_CUDA_CUDADRIVER_H

#include "pi/Runtime/Status.h"

#include <cuda.h>

// The functions that are used; the names are macros for versioned symbols.
#define PI_CUDA_FUNCTIONS(X)                                                   \
  X(cuInit)                                                                    \
  X(cuGetErrorName)                                                            \
  X(cuGetErrorString)                                                          \
  X(cuDeviceGetCount)                                                          \
  X(cuDeviceGet)                                                               \
  X(cuDeviceGetName)                                                           \
  X(cuDeviceGetAttribute)                                                      \
  X(cuDevicePrimaryCtxRetain)                                                  \
  X(cuDevicePrimaryCtxRelease)                                                 \
  X(cuCtxSetCurrent)                                                           \
  X(cuMemAlloc)                                                                \
  X(cuMemFree)                                                                 \
  X(cuMemHostAlloc)                                                            \
  X(cuMemHostGetDevicePointer)                                                 \
  X(cuMemFreeHost)                                                             \
  X(cuMemcpy2D)                                                                \
  X(cuMemcpyHtoDAsync)                                                         \
  X(cuMemcpyDtoHAsync)                                                         \
  X(cuMemcpyDtoDAsync)                                                         \
  X(cuMemsetD8Async)                                                           \
  X(cuStreamCreate)                                                            \
  X(cuStreamDestroy)                                                           \
  X(cuStreamSynchronize)                                                       \
  X(cuStreamBeginCapture)                                                      \
  X(cuStreamEndCapture)                                                        \
  X(cuGraphInstantiateWithFlags)                                               \
  X(cuGraphLaunch)                                                             \
  X(cuGraphDestroy)                                                            \
  X(cuGraphExecDestroy)                                                        \
  X(cuModuleLoadData)                                                          \
  X(cuModuleUnload)                                                            \
  X(cuModuleGetFunction)                                                       \
  X(cuFuncSetAttribute)                                                        \
  X(cuLaunchKernelEx)                                                          \
  X(cuEventCreate)                                                             \
  X(cuEventDestroy)                                                            \
  X(cuEventRecord)                                                             \
  X(cuEventSynchronize)                                                        \
  X(cuEventElapsedTime)

namespace pi_runtime {

/// The driver's functions as members, called like the functions themselves.
struct CudaDriver {
#define PI_DECLARE(name) decltype(&::name) name = nullptr;
  PI_CUDA_FUNCTIONS(PI_DECLARE)
#undef PI_DECLARE

  /// Opens and initialises the driver, once in a process. An error says that
  /// there is no driver or no GPU.
  static Result<const CudaDriver *> get();

  /// Success, or "`call`: the driver's words".
  Status check(CUresult result, const char *call) const;
};

/// Returns from the enclosing function, which gives a Status or a Result, with
/// the error of a driver call.
#define PI_CUDA_TRY(driver, function, ...)                                     \
  do {                                                                         \
    if (::pi_runtime::Status tried =                                           \
            (driver).check((driver).function(__VA_ARGS__), #function);         \
        !tried)                                                                \
      return tried;                                                            \
  } while (false)

/// Likewise for anything that gives a Status.
#define PI_TRY(expression)                                                     \
  do {                                                                         \
    if (::pi_runtime::Status tried = (expression); !tried)                     \
      return tried;                                                            \
  } while (false)

} // namespace pi_runtime

#endif // PI_LIB_RUNTIME_CUDA_CUDADRIVER_H
