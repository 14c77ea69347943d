//===- CudaExecutor.cpp - Runs entry points on an NVIDIA GPU --------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PlanLauncher.h"

#include "pi/Runtime/Executor.h"

#include <algorithm>

namespace pi_runtime {

namespace {
class CudaExecutor : public Executor {
public:
  CudaExecutor(const CudaDriver &driver, const Artifact &artifact)
      : driver(driver), manifest(artifact.manifest()), path(artifact.path()),
        memory(driver, path), launcher(driver, path, buffers) {}
  ~CudaExecutor() override;

  Status initialize(const Artifact &artifact, int index);

  std::string deviceName() const override { return name; }
  uint64_t memoryBytes() const override { return memory.allocatedBytes(); }
  Status setParameter(size_t index, const void *data) override;
  Status readParameter(size_t index, void *data) override;
  Status setState(size_t index, const void *data) override;
  Status readState(size_t index, void *data) override;
  Status clearState(size_t index) override;
  Status tune() override;
  Status run(size_t entryPoint, const std::vector<const void *> &inputs,
             const std::vector<void *> &outputs) override;

private:
  Status openDevice(int index);
  Status readPlans();
  Status prepare(CudaEntryPoint &entry);
  Status tune(CudaEntryPoint &entry);
  Status useContext() const {
    return driver.check(driver.cuCtxSetCurrent(context), "cuCtxSetCurrent");
  }

  const CudaDriver &driver;
  const Manifest &manifest;
  const std::string path;
  std::string name;
  CUdevice device = 0;
  CUcontext context = nullptr;
  CUstream stream = nullptr;
  DeviceMemory memory;
  SharedBuffers buffers;
  PlanLauncher launcher;
  std::vector<CudaEntryPoint> entryPoints;
};
} // namespace

//===----------------------------------------------------------------------===//
// Opening and closing
//===----------------------------------------------------------------------===//

CudaExecutor::~CudaExecutor() {
  if (!context || !useContext())
    return;
  if (stream)
    driver.cuStreamSynchronize(stream);
  for (CudaEntryPoint &entry : entryPoints)
    if (entry.graph)
      driver.cuGraphExecDestroy(entry.graph);
  launcher.release();
  memory.release();
  if (stream)
    driver.cuStreamDestroy(stream);
  driver.cuDevicePrimaryCtxRelease(device);
}

Status CudaExecutor::openDevice(int index) {
  int count = 0;
  PI_CUDA_TRY(driver, cuDeviceGetCount, &count);
  if (index < 0 || index >= count)
    return invalidArgument("no GPU " + std::to_string(index) +
                           ": this machine has " + std::to_string(count));
  PI_CUDA_TRY(driver, cuDeviceGet, &device, index);
  char text[256] = {};
  PI_CUDA_TRY(driver, cuDeviceGetName, text, sizeof(text) - 1, device);
  name = text;
  int major = 0, minor = 0;
  PI_CUDA_TRY(driver, cuDeviceGetAttribute, &major,
              CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device);
  PI_CUDA_TRY(driver, cuDeviceGetAttribute, &minor,
              CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, device);
  // Code for sm_90a runs on devices of exactly 9.0.
  std::string arch = "sm_" + std::to_string(major) + std::to_string(minor);
  std::string wanted = manifest.targetArch;
  if (!wanted.empty() && wanted.back() == 'a')
    wanted.pop_back();
  if (arch != wanted)
    return unavailable("'" + path + "' is compiled for " + manifest.targetArch +
                       ", but GPU " + std::to_string(index) + " (" + name +
                       ") is " + arch);
  PI_CUDA_TRY(driver, cuDevicePrimaryCtxRetain, &context, device);
  PI_TRY(useContext());
  PI_CUDA_TRY(driver, cuStreamCreate, &stream, CU_STREAM_NON_BLOCKING);
  memory.setStream(stream, name);
  return Status::success();
}

Status CudaExecutor::readPlans() {
  uint64_t arenaBytes = 0;
  for (const EntryPoint &entry : manifest.entryPoints) {
    Result<Plan> plan = readPlan(manifest, entry);
    if (!plan)
      return std::move(plan.status()).withContext("'" + path + "'");
    arenaBytes = std::max(arenaBytes, plan->arenaBytes);
    entryPoints.emplace_back(entry, std::move(*plan));
  }
  return memory.allocate(buffers.arena, arenaBytes, "intermediate results");
}

Status CudaExecutor::initialize(const Artifact &artifact, int index) {
  PI_TRY(openDevice(index));
  PI_TRY(readPlans());
  PI_TRY(launcher.load(artifact, entryPoints, name, stream));
  buffers.parameters.resize(manifest.parameters.size());
  buffers.states.resize(manifest.states.size());
  for (size_t i = 0; i < manifest.states.size(); ++i) {
    const TensorInfo &state = manifest.states[i];
    PI_TRY(memory.allocate(buffers.states[i], state.byteSize(),
                           "state '" + state.name + "'"));
    PI_TRY(clearState(i));
  }
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Parameters and states
//===----------------------------------------------------------------------===//

Status CudaExecutor::setParameter(size_t index, const void *data) {
  PI_TRY(useContext());
  const ParameterInfo &parameter = manifest.parameters[index];
  CUdeviceptr &buffer = buffers.parameters[index];
  uint64_t bytes = parameter.storageByteSize(), paddedBytes = bytes;
  for (const CudaEntryPoint &entry : entryPoints)
    paddedBytes = std::max(paddedBytes, entry.plan().parameterBytes[index]);
  if (!buffer)
    PI_TRY(memory.allocate(buffer, paddedBytes,
                           "parameter '" + parameter.name + "'"));
  PI_TRY(memory.clear(buffer + bytes, paddedBytes - bytes));
  return memory.upload(buffer, data, bytes);
}

Status CudaExecutor::readParameter(size_t index, void *data) {
  PI_TRY(useContext());
  const ParameterInfo &parameter = manifest.parameters[index];
  if (!buffers.parameters[index])
    return missingParameter(parameter.name);
  return memory.download(data, buffers.parameters[index],
                         parameter.storageByteSize());
}

Status CudaExecutor::setState(size_t index, const void *data) {
  PI_TRY(useContext());
  return memory.upload(buffers.states[index], data,
                       manifest.states[index].byteSize());
}

Status CudaExecutor::readState(size_t index, void *data) {
  PI_TRY(useContext());
  return memory.download(data, buffers.states[index],
                         manifest.states[index].byteSize());
}

Status CudaExecutor::clearState(size_t index) {
  PI_TRY(useContext());
  return memory.clear(buffers.states[index], manifest.states[index].byteSize());
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

/// Memory for inputs and outputs, once all parameters are there.
Status CudaExecutor::prepare(CudaEntryPoint &entry) {
  if (entry.isPrepared())
    return Status::success();
  for (const EntryArgument &argument : entry.info().arguments)
    if (argument.kind == EntryArgument::Kind::Parameter &&
        !buffers.parameters[*manifest.findParameter(argument.name)])
      return missingParameter(argument.name);
  return entry.prepare(driver, memory, buffers);
}

/// Tuning runs each product many times, so that one which adds to a state, such
/// as a sum of gradients, leaves it wrong: what products write to parameters
/// and states is put back.
Status CudaExecutor::tune(CudaEntryPoint &entry) {
  std::map<size_t, std::vector<char>> savedParameters, savedStates;
  for (const PlanStep &step : entry.plan().steps)
    if (auto *gemm = std::get_if<GemmStep>(&step.work)) {
      if (gemm->d.space == BufferRef::Space::Parameter)
        savedParameters[gemm->d.index];
      else if (gemm->d.space == BufferRef::Space::State)
        savedStates[gemm->d.index];
    }
  for (auto &[index, bytes] : savedParameters) {
    bytes.resize(manifest.parameters[index].storageByteSize());
    PI_TRY(readParameter(index, bytes.data()));
  }
  for (auto &[index, bytes] : savedStates) {
    bytes.resize(manifest.states[index].byteSize());
    PI_TRY(readState(index, bytes.data()));
  }
  Status tuned = launcher.tune(entry);
  for (const auto &[index, bytes] : savedParameters)
    PI_TRY(setParameter(index, bytes.data()));
  for (const auto &[index, bytes] : savedStates)
    PI_TRY(setState(index, bytes.data()));
  return tuned;
}

Status CudaExecutor::tune() {
  PI_TRY(useContext());
  for (CudaEntryPoint &entry : entryPoints) {
    PI_TRY(prepare(entry));
    PI_TRY(tune(entry));
  }
  return launcher.saveTuning();
}

Status CudaExecutor::run(size_t entryPoint,
                         const std::vector<const void *> &inputs,
                         const std::vector<void *> &outputs) {
  PI_TRY(useContext());
  CudaEntryPoint &entry = entryPoints[entryPoint];
  PI_TRY(prepare(entry));
  entry.stageInputs(inputs);
  PI_TRY(launcher.launch(entry));
  PI_TRY(driver.check(driver.cuStreamSynchronize(stream), "cuStreamSynchronize")
             .withContext("'" + path + "': " + entry.info().name));
  for (size_t i = 0; i < outputs.size(); ++i)
    if (outputs[i])
      PI_TRY(entry.readOutput(driver, i, outputs[i]));
  return Status::success();
}

Result<std::unique_ptr<Executor>> createCudaExecutor(const Artifact &artifact,
                                                     int device) {
  Result<const CudaDriver *> driver = CudaDriver::get();
  if (!driver)
    return std::move(driver.status())
        .withContext("'" + artifact.path() + "' is compiled for CUDA");
  auto executor = std::make_unique<CudaExecutor>(**driver, artifact);
  if (Status status = executor->initialize(artifact, device); !status)
    return status;
  return Result<std::unique_ptr<Executor>>(std::move(executor));
}

} // namespace pi_runtime
