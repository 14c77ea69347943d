//===- Weights.cpp - Loads a checkpoint into a model ----------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Runtime/Weights.h"

#include "HostMemory.h"

#include "pi/Runtime/HostCode.h"

#include <algorithm>

namespace pi_runtime {

namespace {
/// What happens to each parameter of a model when a checkpoint is loaded.
struct LoadPlan {
  /// Whether an entry point reads the parameter.
  std::vector<bool> isRead;
  /// Its tensor in the checkpoint, if it comes from there.
  std::vector<const TensorView *> tensors;
  /// The initializers to run, as indices into the manifest, in order.
  std::vector<size_t> initializers;
  /// Whether one of those has the parameter as a source.
  std::vector<bool> isSource;
};

class WeightLoader {
public:
  WeightLoader(const Artifact &artifact, const Checkpoint &checkpoint,
               Executor &executor)
      : artifact(artifact), manifest(artifact.manifest()),
        checkpoint(checkpoint), executor(executor) {}

  Status load();

private:
  void makePlan();
  Status checkTensor(size_t index) const;
  Status checkTensors() const;
  Result<HostBuffer> allocate(const ParameterInfo &parameter, uint64_t bytes);
  Result<HostBuffer> convert(size_t index);
  Status store(size_t index, const float *values);
  Status storeTensor(size_t index);
  Status runInitializer(const Initializer &initializer, const HostCode &code);

  const Artifact &artifact;
  const Manifest &manifest;
  const Checkpoint &checkpoint;
  Executor &executor;
  LoadPlan plan;
  /// Computed parameters that later initializers may read, in f32.
  std::map<size_t, HostBuffer> computed;
};
} // namespace

/// Works backwards from what entry points read, so that the sources of an
/// initializer count only if it runs.
void WeightLoader::makePlan() {
  size_t count = manifest.parameters.size();
  plan.isRead.assign(count, false);
  plan.isSource.assign(count, false);
  plan.tensors.assign(count, nullptr);
  for (const EntryPoint &entry : manifest.entryPoints)
    for (const EntryArgument &argument : entry.arguments)
      if (argument.kind == EntryArgument::Kind::Parameter)
        plan.isRead[*manifest.findParameter(argument.name)] = true;
  for (size_t i = manifest.initializers.size(); i-- > 0;) {
    const Initializer &initializer = manifest.initializers[i];
    size_t index = *manifest.findParameter(initializer.parameter);
    bool isNeeded = plan.isRead[index] || plan.isSource[index];
    if (!isNeeded || checkpoint.find(initializer.parameter))
      continue;
    plan.initializers.insert(plan.initializers.begin(), i);
    for (const std::string &source : initializer.sources)
      plan.isSource[*manifest.findParameter(source)] = true;
  }
  for (size_t i = 0; i < count; ++i)
    if (plan.isRead[i] || plan.isSource[i])
      plan.tensors[i] = checkpoint.find(manifest.parameters[i].name);
}

Status WeightLoader::checkTensor(size_t index) const {
  const ParameterInfo &parameter = manifest.parameters[index];
  const TensorView *tensor = plan.tensors[index];
  if (!tensor) {
    if (parameter.derived)
      return Status::success(); // Its initializer is in the plan.
    return invalidFile("'" + checkpoint.path() + "' has no parameter '" +
                       parameter.name + "'; '" + artifact.path() +
                       "' needs it with shape " + shapeText(parameter.shape));
  }
  std::string text = "'" + checkpoint.fileOf(*tensor) + "': parameter '" +
                     tensor->info.name + "' has ";
  if (tensor->info.shape != parameter.shape)
    return invalidFile(text + "shape " + shapeText(tensor->info.shape) +
                       ", but '" + artifact.path() + "' needs shape " +
                       shapeText(parameter.shape));
  if (!convertsToFloat(tensor->info.dtype))
    return invalidFile(text + "dtype " +
                       std::string(dataTypeName(tensor->info.dtype)) +
                       "; expected f32, f16, bf16 or f64");
  return Status::success();
}

Status WeightLoader::checkTensors() const {
  for (size_t i = 0; i < manifest.parameters.size(); ++i)
    if (plan.isRead[i] || plan.isSource[i])
      if (Status status = checkTensor(i); !status)
        return status;
  return Status::success();
}

Result<HostBuffer> WeightLoader::allocate(const ParameterInfo &parameter,
                                          uint64_t bytes) {
  HostBuffer buffer = allocateHostBuffer(bytes);
  if (buffer)
    return buffer;
  return unavailable("no memory for the " + std::to_string(bytes) +
                     " bytes of parameter '" + parameter.name + "'");
}

/// The checkpoint's tensor of a parameter in f32.
Result<HostBuffer> WeightLoader::convert(size_t index) {
  const ParameterInfo &parameter = manifest.parameters[index];
  const TensorView &tensor = *plan.tensors[index];
  Result<HostBuffer> buffer =
      allocate(parameter, parameter.elementCount() * sizeof(float));
  if (buffer)
    convertToFloat(tensor.info.dtype, tensor.data,
                   static_cast<float *>(buffer->get()),
                   parameter.elementCount());
  return buffer;
}

/// Gives the executor a parameter's values in its storage type.
Status WeightLoader::store(size_t index, const float *values) {
  const ParameterInfo &parameter = manifest.parameters[index];
  if (parameter.storageDtype == DataType::F32)
    return executor.setParameter(index, values);
  Result<HostBuffer> buffer = allocate(parameter, parameter.storageByteSize());
  if (!buffer)
    return buffer.status();
  if (parameter.storageDtype == DataType::F64)
    std::copy_n(values, parameter.elementCount(),
                static_cast<double *>(buffer->get()));
  else
    convertToBFloat16(values, static_cast<uint16_t *>(buffer->get()),
                      parameter.elementCount());
  return executor.setParameter(index, buffer->get());
}

Status WeightLoader::storeTensor(size_t index) {
  const TensorView &tensor = *plan.tensors[index];
  if (tensor.info.dtype == manifest.parameters[index].storageDtype)
    return executor.setParameter(index, tensor.data);
  Result<HostBuffer> values = convert(index);
  if (!values)
    return values.status();
  return store(index, static_cast<const float *>(values->get()));
}

Status WeightLoader::runInitializer(const Initializer &initializer,
                                    const HostCode &code) {
  Result<HostFunction> function = code.function(initializer.symbol);
  if (!function)
    return function.status();
  std::vector<HostBuffer> converted;
  std::vector<void *> arguments;
  for (const std::string &name : initializer.sources) {
    size_t source = *manifest.findParameter(name);
    if (auto found = computed.find(source); found != computed.end()) {
      arguments.push_back(found->second.get());
      continue;
    }
    Result<HostBuffer> buffer = convert(source);
    if (!buffer)
      return buffer.status();
    arguments.push_back(buffer->get());
    converted.push_back(std::move(*buffer));
  }
  size_t index = *manifest.findParameter(initializer.parameter);
  const ParameterInfo &parameter = manifest.parameters[index];
  Result<HostBuffer> result =
      allocate(parameter, parameter.elementCount() * sizeof(float));
  if (!result)
    return result.status();
  arguments.push_back(result->get());
  if (int32_t failure = (*function)(arguments.data()))
    return executionFailed("'" + artifact.path() + "': the initializer of '" +
                           parameter.name + "' failed with code " +
                           std::to_string(failure));
  if (plan.isRead[index])
    if (Status status = store(index, static_cast<float *>(result->get()));
        !status)
      return status;
  if (plan.isSource[index])
    computed[index] = std::move(*result);
  return Status::success();
}

Status WeightLoader::load() {
  makePlan();
  if (Status status = checkTensors(); !status)
    return status;
  for (size_t i = 0; i < manifest.parameters.size(); ++i)
    if (plan.isRead[i] && plan.tensors[i])
      if (Status status = storeTensor(i); !status)
        return status;
  if (plan.initializers.empty())
    return Status::success();
  Result<HostCode> code = HostCode::load(artifact);
  if (!code)
    return code.status();
  for (size_t i : plan.initializers)
    if (Status status = runInitializer(manifest.initializers[i], *code);
        !status)
      return status;
  return Status::success();
}

Status loadWeights(const Artifact &artifact, const Checkpoint &checkpoint,
                   Executor &executor) {
  return WeightLoader(artifact, checkpoint, executor).load();
}

} // namespace pi_runtime
