//===- CudaEntryPoint.h - An entry point on a GPU ---------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_RUNTIME_CUDA_CUDAENTRYPOINT_H
#define PI_LIB_RUNTIME_CUDA_CUDAENTRYPOINT_H

#include "DeviceMemory.h"
#include "Plan.h"

#include <map>

namespace pi_runtime {

/// What the entry points of an executor share.
struct SharedBuffers {
  CUdeviceptr arena = 0;
  /// By their index in the manifest; 0 while a parameter has no value.
  std::vector<CUdeviceptr> parameters;
  std::vector<CUdeviceptr> states;
};

/// An entry point with its plan and memory for its inputs and outputs. A copy
/// costs some microseconds however short it is, so inputs share one, and a
/// small output has none.
class CudaEntryPoint {
public:
  CudaEntryPoint(const EntryPoint &info, Plan plan)
      : manifestEntry(&info), entryPlan(std::move(plan)) {}

  const EntryPoint &info() const { return *manifestEntry; }
  const Plan &plan() const { return entryPlan; }
  bool isPrepared() const { return prepared; }

  /// Allocates inputs, outputs and tables, once, before anything below. Shared
  /// buffers have their places.
  Status prepare(const CudaDriver &driver, DeviceMemory &memory,
                 const SharedBuffers &shared);

  /// The device address of a place that the plan refers to.
  CUdeviceptr resolve(const SharedBuffers &shared,
                      const BufferRef &buffer) const;
  /// The device address of the addresses of a table of the plan.
  CUdeviceptr resolve(const AddressTable &table) const {
    return tables.at(&table);
  }

  /// Puts inputs where enqueueInputs copies them from.
  void stageInputs(const std::vector<const void *> &inputs);
  /// Enqueues the copy of all inputs to the device.
  Status enqueueInputs(const CudaDriver &driver, CUstream stream) const;
  /// Copies an output to the host in the manifest's type, without padding. The
  /// steps have been waited for.
  Status readOutput(const CudaDriver &driver, size_t index, void *output) const;

  /// Null until the plan has run once, step by step, which loads what the
  /// driver and cuBLASLt load late.
  CUgraphExec graph = nullptr;
  bool hasRun = false;

private:
  Status prepareTables(DeviceMemory &memory, const SharedBuffers &shared);
  Status copyRows(const CudaDriver &driver, size_t index, uint64_t row,
                  uint64_t count, void *target) const;

  const EntryPoint *manifestEntry;
  Plan entryPlan;
  bool prepared = false;
  std::vector<CUdeviceptr> inputs;
  std::vector<CUdeviceptr> outputs;
  std::map<const AddressTable *, CUdeviceptr> tables;
  /// Pinned memory of inputs, and of small outputs (null for others).
  std::vector<char *> pinnedInputs;
  std::vector<const void *> pinnedOutputs;
  uint64_t inputBytes = 0;
};

} // namespace pi_runtime

#endif // PI_LIB_RUNTIME_CUDA_CUDAENTRYPOINT_H
