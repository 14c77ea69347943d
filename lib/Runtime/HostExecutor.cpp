//===- HostExecutor.cpp - Runs entry points on the CPU --------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HostMemory.h"
#include "ThreadPool.h"

#include "pi/Runtime/Executor.h"
#include "pi/Runtime/HostCode.h"

#include <cstring>
#include <fstream>

namespace pi_runtime {

namespace {
/// An entry point with memory for its inputs and outputs, and the pointers
/// that its host function takes.
struct HostEntryPoint {
  HostFunction function = nullptr;
  std::vector<HostBuffer> inputs;
  std::vector<HostBuffer> outputs; // Null until an output needs it.
  /// For each argument, the number of its input, parameter, state or output.
  std::vector<size_t> indices;
  std::vector<void *> arguments;
};

class HostExecutor : public Executor {
public:
  HostExecutor(const Artifact &artifact, HostCode code, int threads)
      : manifest(artifact.manifest()), path(artifact.path()),
        code(std::move(code)), threads(threads) {}
  ~HostExecutor() override { releaseCachedHostMemory(); }

  Status prepare();

  std::string deviceName() const override;
  uint64_t memoryBytes() const override { return allocated; }
  Status setParameter(size_t index, const void *data) override;
  Status readParameter(size_t index, void *data) override;
  Status setState(size_t index, const void *data) override;
  Status readState(size_t index, void *data) override;
  Status clearState(size_t index) override;
  Status run(size_t entryPoint, const std::vector<const void *> &inputs,
             const std::vector<void *> &outputs) override;

private:
  Status allocate(HostBuffer &buffer, uint64_t bytes);
  Status prepareEntryPoint(const EntryPoint &entry, HostEntryPoint &prepared);
  Status bindArguments(size_t entryPoint, const std::vector<void *> &outputs);

  const Manifest &manifest;
  const std::string path;
  HostCode code;
  int threads;
  uint64_t allocated = 0;
  std::vector<HostBuffer> parameters;
  std::vector<HostBuffer> states;
  std::vector<HostEntryPoint> entryPoints;
};
} // namespace

Status HostExecutor::allocate(HostBuffer &buffer, uint64_t bytes) {
  buffer = allocateHostBuffer(bytes);
  if (!buffer)
    return unavailable("no memory for " + std::to_string(bytes) +
                       " bytes of '" + path + "'");
  allocated += bytes;
  return Status::success();
}

Status HostExecutor::prepareEntryPoint(const EntryPoint &entry,
                                       HostEntryPoint &prepared) {
  Result<HostFunction> function = code.function(entry.symbol);
  if (!function)
    return function.status();
  prepared.function = *function;
  prepared.inputs.resize(entry.inputs.size());
  prepared.outputs.resize(entry.outputs.size());
  prepared.arguments.resize(entry.arguments.size());
  for (const EntryArgument &argument : entry.arguments) {
    size_t index = argument.index;
    if (argument.kind == EntryArgument::Kind::Parameter)
      index = *manifest.findParameter(argument.name);
    else if (argument.kind == EntryArgument::Kind::State)
      index = *manifest.findState(argument.name);
    prepared.indices.push_back(index);
  }
  for (size_t i = 0; i < entry.inputs.size(); ++i)
    if (Status status =
            allocate(prepared.inputs[i], entry.inputs[i].byteSize());
        !status)
      return status;
  return Status::success();
}

Status HostExecutor::prepare() {
  parameters.resize(manifest.parameters.size());
  states.resize(manifest.states.size());
  entryPoints.resize(manifest.entryPoints.size());
  for (size_t i = 0; i < states.size(); ++i) {
    Status status = allocate(states[i], manifest.states[i].byteSize());
    if (status)
      status = clearState(i);
    if (!status)
      return status;
  }
  for (size_t i = 0; i < entryPoints.size(); ++i)
    if (Status status =
            prepareEntryPoint(manifest.entryPoints[i], entryPoints[i]);
        !status)
      return status;
  return Status::success();
}

std::string HostExecutor::deviceName() const {
  std::string model = "CPU";
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    size_t colon = line.find(": ");
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos) {
      model = line.substr(colon + 2);
      break;
    }
  }
  return model + ", " + std::to_string(threads) +
         (threads == 1 ? " thread" : " threads");
}

Status HostExecutor::setParameter(size_t index, const void *data) {
  uint64_t bytes = manifest.parameters[index].storageByteSize();
  if (!parameters[index])
    if (Status status = allocate(parameters[index], bytes); !status)
      return status;
  std::memcpy(parameters[index].get(), data, bytes);
  return Status::success();
}

Status HostExecutor::readParameter(size_t index, void *data) {
  const ParameterInfo &parameter = manifest.parameters[index];
  if (!parameters[index])
    return missingParameter(parameter.name);
  std::memcpy(data, parameters[index].get(), parameter.storageByteSize());
  return Status::success();
}

Status HostExecutor::setState(size_t index, const void *data) {
  std::memcpy(states[index].get(), data, manifest.states[index].byteSize());
  return Status::success();
}

Status HostExecutor::readState(size_t index, void *data) {
  std::memcpy(data, states[index].get(), manifest.states[index].byteSize());
  return Status::success();
}

Status HostExecutor::clearState(size_t index) {
  std::memset(states[index].get(), 0, manifest.states[index].byteSize());
  return Status::success();
}

/// Fills in the pointers. An output goes straight to the caller's memory where
/// that is aligned as host code may assume.
Status HostExecutor::bindArguments(size_t entryPoint,
                                   const std::vector<void *> &outputs) {
  const EntryPoint &entry = manifest.entryPoints[entryPoint];
  HostEntryPoint &prepared = entryPoints[entryPoint];
  for (size_t i = 0; i < entry.arguments.size(); ++i) {
    const EntryArgument &argument = entry.arguments[i];
    size_t index = prepared.indices[i];
    void *&pointer = prepared.arguments[i];
    switch (argument.kind) {
    case EntryArgument::Kind::Input:
      pointer = prepared.inputs[index].get();
      break;
    case EntryArgument::Kind::Parameter:
      pointer = parameters[index].get();
      if (!pointer)
        return missingParameter(argument.name);
      break;
    case EntryArgument::Kind::State:
      pointer = states[index].get();
      break;
    case EntryArgument::Kind::Output: {
      pointer = outputs[index];
      if (pointer && isHostAligned(pointer))
        break;
      HostBuffer &buffer = prepared.outputs[index];
      uint64_t bytes = entry.outputs[index].byteSize();
      if (!buffer)
        if (Status status = allocate(buffer, bytes); !status)
          return status;
      pointer = buffer.get();
      break;
    }
    }
  }
  return Status::success();
}

Status HostExecutor::run(size_t entryPoint,
                         const std::vector<const void *> &inputs,
                         const std::vector<void *> &outputs) {
  const EntryPoint &entry = manifest.entryPoints[entryPoint];
  HostEntryPoint &prepared = entryPoints[entryPoint];
  if (Status status = bindArguments(entryPoint, outputs); !status)
    return status;
  for (size_t i = 0; i < inputs.size(); ++i)
    std::memcpy(prepared.inputs[i].get(), inputs[i],
                entry.inputs[i].byteSize());
  if (int32_t code = prepared.function(prepared.arguments.data()))
    return executionFailed("'" + path + "': entry point '" + entry.name +
                           "' failed with code " + std::to_string(code));
  for (size_t i = 0; i < outputs.size(); ++i)
    if (outputs[i] && !isHostAligned(outputs[i]))
      std::memcpy(outputs[i], prepared.outputs[i].get(),
                  entry.outputs[i].byteSize());
  return Status::success();
}

Result<std::unique_ptr<Executor>> createHostExecutor(const Artifact &artifact) {
  Result<int> threads = ThreadPool::start();
  if (!threads)
    return threads.status();
  Result<HostCode> code = HostCode::load(artifact);
  if (!code)
    return code.status();
  auto executor =
      std::make_unique<HostExecutor>(artifact, std::move(*code), *threads);
  if (Status status = executor->prepare(); !status)
    return status;
  return std::unique_ptr<Executor>(std::move(executor));
}

} // namespace pi_runtime
