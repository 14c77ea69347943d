//===- WeightSource.h - Where the values of parameters come from -*- C++
//-*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_RUNTIME_WEIGHTSOURCE_H
#define PI_LIB_RUNTIME_WEIGHTSOURCE_H

#include "HostMemory.h"

#include "pi/Runtime/Artifact.h"
#include "pi/Runtime/Safetensors.h"

namespace pi_runtime {

/// Memory for a parameter, or an error that names it.
Result<HostBuffer> allocateFor(const ParameterInfo &parameter, uint64_t bytes);

/// Values for the parameters of an artefact. What a source lacks may be derived
/// from what it has.
class WeightSource {
public:
  virtual ~WeightSource() = default;

  virtual bool has(const ParameterInfo &parameter) const = 0;
  /// Whether a parameter that cannot be derived is there and fits; an error
  /// names it and `artifact`, the path of the model that needs it.
  virtual Status check(const ParameterInfo &parameter,
                       const std::string &artifact) const = 0;
  /// The values of a parameter that is there, in f32.
  virtual Result<HostBuffer> values(const ParameterInfo &parameter) const = 0;
  /// The same in the storage type, if the source holds them so; else null.
  virtual const void *stored(const ParameterInfo &parameter) const = 0;
};

/// The tensors of a checkpoint, which outlives the source.
class CheckpointSource : public WeightSource {
public:
  explicit CheckpointSource(const Checkpoint &checkpoint)
      : checkpoint(checkpoint) {}

  bool has(const ParameterInfo &parameter) const override;
  Status check(const ParameterInfo &parameter,
               const std::string &artifact) const override;
  Result<HostBuffer> values(const ParameterInfo &parameter) const override;
  const void *stored(const ParameterInfo &parameter) const override;

private:
  const Checkpoint &checkpoint;
};

/// What each parameter's `init` says, drawn with a seed.
class InitialSource : public WeightSource {
public:
  explicit InitialSource(uint64_t seed) : seed(seed) {}

  bool has(const ParameterInfo &parameter) const override;
  Status check(const ParameterInfo &parameter,
               const std::string &artifact) const override;
  Result<HostBuffer> values(const ParameterInfo &parameter) const override;
  const void *stored(const ParameterInfo &) const override { return nullptr; }

private:
  uint64_t seed;
};

} // namespace pi_runtime

#endif // PI_LIB_RUNTIME_WEIGHTSOURCE_H
