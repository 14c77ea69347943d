//===- Weights.cpp - Loads a checkpoint into a model ----------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Runtime/Weights.h"

#include "WeightSource.h"

#include "pi/Runtime/HostCode.h"

#include <algorithm>

namespace pi_runtime {

namespace {
/// What happens to each parameter of a model when its weights are set.
struct LoadPlan {
  /// Whether an entry point has the parameter.
  std::vector<bool> isRead;
  /// The initializers to run, as indices into the manifest, in order.
  std::vector<size_t> initializers;
  /// Whether one of those has the parameter as a source.
  std::vector<bool> isSource;
};

class WeightLoader {
public:
  WeightLoader(const Artifact &artifact, const WeightSource &source,
               Executor &executor)
      : artifact(artifact), manifest(artifact.manifest()), source(source),
        executor(executor) {}

  Status load();

private:
  void makePlan();
  Status checkSource() const;
  Status store(size_t index, const float *values);
  Status storeValues(size_t index);
  Status runInitializer(const Initializer &initializer, const HostCode &code);

  const Artifact &artifact;
  const Manifest &manifest;
  const WeightSource &source;
  Executor &executor;
  LoadPlan plan;
  /// Computed parameters that later initializers may read, in f32.
  std::map<size_t, HostBuffer> computed;
};
} // namespace

/// Works backwards from what entry points read, so that the sources of an
/// initializer count only if it runs.
void WeightLoader::makePlan() {
  plan.isRead = manifest.usedParameters();
  plan.isSource.assign(plan.isRead.size(), false);
  for (size_t i = manifest.initializers.size(); i-- > 0;) {
    const Initializer &initializer = manifest.initializers[i];
    size_t index = *manifest.findParameter(initializer.parameter);
    bool isNeeded = plan.isRead[index] || plan.isSource[index];
    if (!isNeeded || source.has(manifest.parameters[index]))
      continue;
    plan.initializers.insert(plan.initializers.begin(), i);
    for (const std::string &name : initializer.sources)
      plan.isSource[*manifest.findParameter(name)] = true;
  }
}

Status WeightLoader::checkSource() const {
  for (size_t i = 0; i < manifest.parameters.size(); ++i) {
    const ParameterInfo &parameter = manifest.parameters[i];
    if (!plan.isRead[i] && !plan.isSource[i])
      continue;
    if (parameter.derived && !source.has(parameter))
      continue; // Its initializer is in the plan.
    if (Status status = source.check(parameter, artifact.path()); !status)
      return status;
  }
  return Status::success();
}

/// Gives the executor a parameter's values in its storage type.
Status WeightLoader::store(size_t index, const float *values) {
  const ParameterInfo &parameter = manifest.parameters[index];
  if (parameter.storageDtype == DataType::F32)
    return executor.setParameter(index, values);
  Result<HostBuffer> buffer =
      allocateFor(parameter, parameter.storageByteSize());
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

Status WeightLoader::storeValues(size_t index) {
  const ParameterInfo &parameter = manifest.parameters[index];
  if (const void *data = source.stored(parameter))
    return executor.setParameter(index, data);
  Result<HostBuffer> values = source.values(parameter);
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
    size_t index = *manifest.findParameter(name);
    if (auto found = computed.find(index); found != computed.end()) {
      arguments.push_back(found->second.get());
      continue;
    }
    Result<HostBuffer> buffer = source.values(manifest.parameters[index]);
    if (!buffer)
      return buffer.status();
    arguments.push_back(buffer->get());
    converted.push_back(std::move(*buffer));
  }
  size_t index = *manifest.findParameter(initializer.parameter);
  const ParameterInfo &parameter = manifest.parameters[index];
  Result<HostBuffer> result =
      allocateFor(parameter, parameter.elementCount() * sizeof(float));
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
  if (Status status = checkSource(); !status)
    return status;
  for (size_t i = 0; i < manifest.parameters.size(); ++i)
    if (plan.isRead[i] && source.has(manifest.parameters[i]))
      if (Status status = storeValues(i); !status)
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
  return WeightLoader(artifact, CheckpointSource(checkpoint), executor).load();
}

Status initializeWeights(const Artifact &artifact, uint64_t seed,
                         Executor &executor) {
  return WeightLoader(artifact, InitialSource(seed), executor).load();
}

} // namespace pi_runtime
