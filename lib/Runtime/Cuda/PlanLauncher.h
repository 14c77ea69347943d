//===- PlanLauncher.h - Enqueues the steps of plans -------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_RUNTIME_CUDA_PLANLAUNCHER_H
#define PI_LIB_RUNTIME_CUDA_PLANLAUNCHER_H

#include "CublasLt.h"
#include "CudaEntryPoint.h"

namespace pi_runtime {

/// Enqueues the steps of entry points on one stream, one by one or as a graph,
/// with the kernels of an artefact and cuBLASLt. The device's context is
/// current in every call.
class PlanLauncher {
public:
  /// `shared` outlives the launcher.
  PlanLauncher(const CudaDriver &driver, std::string path,
               const SharedBuffers &shared)
      : driver(driver), path(std::move(path)), shared(shared) {}

  /// Loads cuBLASLt and the kernels that the entry points launch.
  Status load(const Artifact &artifact,
              const std::vector<CudaEntryPoint> &entryPoints,
              const std::string &deviceName, CUstream newStream);
  /// Unloads them. Nothing is running.
  void release();

  /// Enqueues inputs and all steps: step by step for the first time, then as a
  /// graph.
  Status launch(CudaEntryPoint &entry);

  /// Chooses the algorithms of an entry point's products by timing.
  Status tune(CudaEntryPoint &entry);
  Status saveTuning() const { return blas->saveTuning(); }

private:
  Status loadKernels(const Artifact &artifact,
                     const std::vector<CudaEntryPoint> &entryPoints);
  Status capture(CudaEntryPoint &entry);
  Status enqueue(const CudaEntryPoint &entry);
  Status enqueueStep(const CudaEntryPoint &entry, const PlanStep &step,
                     bool afterProgrammatic);
  Status enqueueLaunch(const CudaEntryPoint &entry, const LaunchStep &launch,
                       bool afterProgrammatic);
  GemmBuffers resolve(const CudaEntryPoint &entry, const GemmStep &gemm) const;

  const CudaDriver &driver;
  const std::string path;
  const SharedBuffers &shared;
  CUstream stream = nullptr;
  CUmodule kernels = nullptr;
  std::map<std::string, CUfunction> functions;
  std::unique_ptr<CublasLt> blas;
};

} // namespace pi_runtime

#endif // PI_LIB_RUNTIME_CUDA_PLANLAUNCHER_H
