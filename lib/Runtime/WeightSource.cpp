//===- WeightSource.cpp - Where the values of parameters come from --------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WeightSource.h"

#include "pi/Runtime/Initialization.h"

namespace pi_runtime {

Result<HostBuffer> allocateFor(const ParameterInfo &parameter, uint64_t bytes) {
  HostBuffer buffer = allocateHostBuffer(bytes);
  if (buffer)
    return buffer;
  return unavailable("no memory for the " + std::to_string(bytes) +
                     " bytes of parameter '" + parameter.name + "'");
}

//===----------------------------------------------------------------------===//
// Checkpoints
//===----------------------------------------------------------------------===//

bool CheckpointSource::has(const ParameterInfo &parameter) const {
  return checkpoint.find(parameter.name);
}

Status CheckpointSource::check(const ParameterInfo &parameter,
                               const std::string &artifact) const {
  const TensorView *tensor = checkpoint.find(parameter.name);
  if (!tensor)
    return invalidFile("'" + checkpoint.path() + "' has no parameter '" +
                       parameter.name + "'; '" + artifact +
                       "' needs it with shape " + shapeText(parameter.shape));
  std::string text = "'" + checkpoint.fileOf(*tensor) + "': parameter '" +
                     tensor->info.name + "' has ";
  if (tensor->info.shape != parameter.shape)
    return invalidFile(text + "shape " + shapeText(tensor->info.shape) +
                       ", but '" + artifact + "' needs shape " +
                       shapeText(parameter.shape));
  if (!convertsToFloat(tensor->info.dtype))
    return invalidFile(text + "dtype " +
                       std::string(dataTypeName(tensor->info.dtype)) +
                       "; expected f32, f16, bf16 or f64");
  return Status::success();
}

Result<HostBuffer>
CheckpointSource::values(const ParameterInfo &parameter) const {
  const TensorView &tensor = *checkpoint.find(parameter.name);
  Result<HostBuffer> buffer =
      allocateFor(parameter, parameter.elementCount() * sizeof(float));
  if (buffer)
    convertToFloat(tensor.info.dtype, tensor.data,
                   static_cast<float *>(buffer->get()),
                   parameter.elementCount());
  return buffer;
}

const void *CheckpointSource::stored(const ParameterInfo &parameter) const {
  const TensorView &tensor = *checkpoint.find(parameter.name);
  return tensor.info.dtype == parameter.storageDtype ? tensor.data : nullptr;
}

//===----------------------------------------------------------------------===//
// Training from scratch
//===----------------------------------------------------------------------===//

bool InitialSource::has(const ParameterInfo &parameter) const {
  return parameter.init.has_value();
}

Status InitialSource::check(const ParameterInfo &parameter,
                            const std::string &artifact) const {
  if (parameter.init)
    return Status::success();
  return invalidArgument("'" + artifact + "' does not say how parameter '" +
                         parameter.name +
                         "' starts (init of its pi.parameter); load weights "
                         "from a checkpoint");
}

Result<HostBuffer> InitialSource::values(const ParameterInfo &parameter) const {
  Result<HostBuffer> buffer =
      allocateFor(parameter, parameter.elementCount() * sizeof(float));
  if (buffer)
    initializeValues(*parameter.init, seed, parameter.name,
                     static_cast<float *>(buffer->get()),
                     parameter.elementCount());
  return buffer;
}

} // namespace pi_runtime
