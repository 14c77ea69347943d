//===- Executor.h - Runs the entry points of an artefact --------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_RUNTIME_EXECUTOR_H
#define PI_RUNTIME_EXECUTOR_H

#include "pi/Runtime/Artifact.h"

#include <memory>

namespace pi_runtime {

/// Holds the parameters and states of one artefact on one device and runs its
/// entry points. Pointers in this interface are to host memory; tensors are
/// dense and row-major. Not for use by two threads at once. The artefact
/// outlives its executor.
class Executor {
public:
  virtual ~Executor() = default;

  /// The device, for people: "AMD EPYC, 8 threads", "NVIDIA H200".
  virtual std::string deviceName() const = 0;

  /// Bytes of device memory held: parameters, states and scratch.
  virtual uint64_t memoryBytes() const = 0;

  /// Copies the value of `manifest.parameters[index]`: storageByteSize() bytes
  /// in its storage_dtype. Called for each parameter that an entry point has
  /// among its arguments, before the first `run`; again to replace the value.
  virtual Status setParameter(size_t index, const void *data) = 0;

  /// Copies the present value of a parameter, likewise, to `data`. An error if
  /// it has none.
  virtual Status readParameter(size_t index, void *data) = 0;

  /// Copies byteSize() bytes to or from `manifest.states[index]`. States are
  /// zero at the start.
  virtual Status setState(size_t index, const void *data) = 0;
  virtual Status readState(size_t index, void *data) = 0;
  virtual Status clearState(size_t index) = 0;

  /// Chooses by timing what the device leaves open, such as the algorithm of a
  /// product, and stores the choice beside the artefact, where later executors
  /// find it. All parameters have been set; they and states stay as they are.
  virtual Status tune() { return Status::success(); }

  /// Runs `manifest.entryPoints[entryPoint]` and waits until its outputs are
  /// in memory. It may update parameters and states. `inputs[i]` holds
  /// byteSize() bytes of the entry point's input i. `outputs[i]` takes those of
  /// output i, or is null if nobody reads it. Indices in inputs have been
  /// checked.
  virtual Status run(size_t entryPoint, const std::vector<const void *> &inputs,
                     const std::vector<void *> &outputs) = 0;
};

/// That an entry point needs a parameter which has not been set.
Status missingParameter(const std::string &name);

/// An executor for the artefact's target. `device` is the index of the GPU; a
/// host artefact has device 0 only.
Result<std::unique_ptr<Executor>> createExecutor(const Artifact &artifact,
                                                 int device);

Result<std::unique_ptr<Executor>> createHostExecutor(const Artifact &artifact);

/// Opens the NVIDIA driver and cuBLASLt when it is called, and fails where one
/// of them or GPU number `device` is missing.
Result<std::unique_ptr<Executor>> createCudaExecutor(const Artifact &artifact,
                                                     int device);

} // namespace pi_runtime

#endif // PI_RUNTIME_EXECUTOR_H
