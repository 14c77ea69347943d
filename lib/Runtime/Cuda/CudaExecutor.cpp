//===- CudaExecutor.cpp - Runs entry points on an NVIDIA GPU --------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CublasLt.h"
#include "CudaDriver.h"
#include "Plan.h"

#include "pi/Runtime/Executor.h"

#include <algorithm>
#include <cstring>

namespace pi_runtime {

namespace {
/// Outputs up to this size are written to the host's memory by kernels.
constexpr uint64_t kSmallOutputBytes = 256;
/// What the inputs of an entry point are aligned to in their common buffer.
constexpr uint64_t kInputAlignment = 256;

/// An entry point on the device. A copy costs some microseconds however short
/// it is, so inputs share one, and a small output has none.
struct CudaEntryPoint {
  Plan plan;
  std::vector<CUdeviceptr> inputs;
  std::vector<CUdeviceptr> outputs;
  /// Pinned memory of inputs, and of small outputs (null for others).
  std::vector<char *> pinnedInputs;
  std::vector<const void *> pinnedOutputs;
  uint64_t inputBytes = 0;
  bool prepared = false;
  /// Null until the plan has run once, step by step, which loads what the
  /// driver and cuBLASLt load late.
  CUgraphExec graph = nullptr;
  bool hasRun = false;
};

class CudaExecutor : public Executor {
public:
  CudaExecutor(const CudaDriver &driver, const Artifact &artifact)
      : driver(driver), manifest(artifact.manifest()), path(artifact.path()) {}
  ~CudaExecutor() override;

  Status initialize(const Artifact &artifact, int index);

  std::string deviceName() const override { return name; }
  uint64_t memoryBytes() const override { return allocatedBytes; }
  Status setParameter(size_t index, const void *data) override;
  Status resetStates() override;
  Status tune() override;
  Status run(size_t entryPoint, const std::vector<const void *> &inputs,
             const std::vector<void *> &outputs) override;

private:
  Status openDevice(int index);
  Status loadKernels(const Artifact &artifact);
  Status readPlans();
  Status checkReady(size_t entryPoint) const;
  Status prepare(size_t entryPoint);
  Status capture(size_t entryPoint);
  Status enqueue(size_t entryPoint);
  Status enqueueStep(CudaEntryPoint &entry, const PlanStep &step,
                     bool afterProgrammatic);
  Status enqueueLaunch(CudaEntryPoint &entry, const LaunchStep &launch,
                       bool afterProgrammatic);
  GemmBuffers resolve(const CudaEntryPoint &entry, const GemmStep &gemm) const;
  CUdeviceptr resolve(const CudaEntryPoint &entry,
                      const BufferRef &buffer) const;
  Status allocate(CUdeviceptr &buffer, uint64_t bytes, const std::string &what);
  Status allocatePinned(void *&buffer, uint64_t bytes);
  Status copyRows(const CudaEntryPoint &entry, size_t index, uint64_t row,
                  uint64_t count, void *target);
  Status readOutput(const CudaEntryPoint &entry, size_t index, void *output);
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
  CUmodule kernels = nullptr;
  std::unique_ptr<CublasLt> blas;
  std::map<std::string, CUfunction> functions;
  uint64_t allocatedBytes = 0;
  /// Everything to be freed.
  std::vector<CUdeviceptr> allocations;
  std::vector<void *> pinnedAllocations;
  CUdeviceptr arena = 0;
  std::vector<CUdeviceptr> parameters;
  std::vector<CUdeviceptr> states;
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
  blas.reset();
  for (CUdeviceptr allocation : allocations)
    driver.cuMemFree(allocation);
  for (void *allocation : pinnedAllocations)
    driver.cuMemFreeHost(allocation);
  if (kernels)
    driver.cuModuleUnload(kernels);
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
  return Status::success();
}

Status CudaExecutor::readPlans() {
  uint64_t arenaBytes = 0;
  for (const EntryPoint &entry : manifest.entryPoints) {
    Result<Plan> plan = readPlan(manifest, entry);
    if (!plan)
      return std::move(plan.status()).withContext("'" + path + "'");
    arenaBytes = std::max(arenaBytes, plan->arenaBytes);
    entryPoints.emplace_back().plan = std::move(*plan);
  }
  return allocate(arena, arenaBytes, "intermediate results");
}

Status CudaExecutor::loadKernels(const Artifact &artifact) {
  for (CudaEntryPoint &entry : entryPoints)
    for (PlanStep &step : entry.plan.steps)
      if (auto *launch = std::get_if<LaunchStep>(&step.work))
        functions[launch->kernel] = nullptr;
  if (functions.empty())
    return Status::success();
  Result<std::string_view> section = artifact.section(kernelSection);
  if (!section)
    return section.status();
  PI_CUDA_TRY(driver, cuModuleLoadData, &kernels, section->data());
  for (auto &[kernel, function] : functions)
    PI_TRY(driver
               .check(driver.cuModuleGetFunction(&function, kernels,
                                                 kernel.c_str()),
                      "cuModuleGetFunction")
               .withContext("'" + path + "': kernel '" + kernel + "'"));
  // More dynamic shared memory than 48 KB has to be asked for.
  for (CudaEntryPoint &entry : entryPoints)
    for (PlanStep &step : entry.plan.steps)
      if (auto *launch = std::get_if<LaunchStep>(&step.work))
        if (launch->sharedBytes)
          PI_CUDA_TRY(driver, cuFuncSetAttribute, functions[launch->kernel],
                      CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                      launch->sharedBytes);
  return Status::success();
}

Status CudaExecutor::initialize(const Artifact &artifact, int index) {
  PI_TRY(openDevice(index));
  PI_TRY(readPlans());
  PI_TRY(loadKernels(artifact));
  Result<std::unique_ptr<CublasLt>> library =
      CublasLt::create(driver, name, path + ".tuned");
  if (!library)
    return library.status();
  blas = std::move(*library);
  parameters.resize(manifest.parameters.size());
  for (const TensorInfo &state : manifest.states)
    PI_TRY(allocate(states.emplace_back(), state.byteSize(),
                    "state '" + state.name + "'"));
  return resetStates();
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Status CudaExecutor::allocate(CUdeviceptr &buffer, uint64_t bytes,
                              const std::string &what) {
  if (!bytes)
    return Status::success();
  PI_TRY(driver.check(driver.cuMemAlloc(&buffer, bytes), "cuMemAlloc")
             .withContext("'" + path + "': no memory on " + name + " for " +
                          std::to_string(bytes) + " bytes of " + what +
                          ", beside " + std::to_string(allocatedBytes)));
  allocations.push_back(buffer);
  allocatedBytes += bytes;
  return Status::success();
}

Status CudaExecutor::allocatePinned(void *&buffer, uint64_t bytes) {
  PI_CUDA_TRY(driver, cuMemHostAlloc, &buffer, std::max<uint64_t>(bytes, 1), 0);
  pinnedAllocations.push_back(buffer);
  return Status::success();
}

Status CudaExecutor::setParameter(size_t index, const void *data) {
  PI_TRY(useContext());
  const ParameterInfo &parameter = manifest.parameters[index];
  uint64_t bytes = parameter.storageByteSize(), paddedBytes = bytes;
  for (const CudaEntryPoint &entry : entryPoints)
    paddedBytes = std::max(paddedBytes, entry.plan.parameterBytes[index]);
  if (!parameters[index])
    PI_TRY(allocate(parameters[index], paddedBytes,
                    "parameter '" + parameter.name + "'"));
  PI_CUDA_TRY(driver, cuMemcpyHtoD, parameters[index], data, bytes);
  if (paddedBytes > bytes)
    PI_CUDA_TRY(driver, cuMemsetD8Async, parameters[index] + bytes, 0,
                paddedBytes - bytes, stream);
  return Status::success();
}

Status CudaExecutor::resetStates() {
  PI_TRY(useContext());
  for (size_t i = 0; i < states.size(); ++i)
    if (states[i])
      PI_CUDA_TRY(driver, cuMemsetD8Async, states[i], 0,
                  manifest.states[i].byteSize(), stream);
  PI_CUDA_TRY(driver, cuStreamSynchronize, stream);
  return Status::success();
}

CUdeviceptr CudaExecutor::resolve(const CudaEntryPoint &entry,
                                  const BufferRef &buffer) const {
  switch (buffer.space) {
  case BufferRef::Space::Arena:
    return arena + buffer.offset;
  case BufferRef::Space::Parameter:
    return parameters[buffer.index] + buffer.offset;
  case BufferRef::Space::State:
    return states[buffer.index] + buffer.offset;
  case BufferRef::Space::Input:
    return entry.inputs[buffer.index] + buffer.offset;
  case BufferRef::Space::Output:
    return entry.outputs[buffer.index] + buffer.offset;
  }
  return 0;
}

GemmBuffers CudaExecutor::resolve(const CudaEntryPoint &entry,
                                  const GemmStep &gemm) const {
  return {resolve(entry, gemm.a), resolve(entry, gemm.b),
          gemm.c ? resolve(entry, *gemm.c) : 0, resolve(entry, gemm.d),
          gemm.bias ? resolve(entry, *gemm.bias) : 0};
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

Status CudaExecutor::enqueueLaunch(CudaEntryPoint &entry,
                                   const LaunchStep &launch,
                                   bool afterProgrammatic) {
  // The driver takes the address of each argument.
  std::vector<uint64_t> values(launch.arguments.size());
  std::vector<void *> pointers;
  for (size_t i = 0; i < values.size(); ++i) {
    const auto &argument = launch.arguments[i];
    if (auto *buffer = std::get_if<BufferRef>(&argument))
      values[i] = resolve(entry, *buffer);
    else if (auto *integer = std::get_if<int32_t>(&argument))
      std::memcpy(&values[i], integer, sizeof(*integer));
    else
      std::memcpy(&values[i], &std::get<float>(argument), sizeof(float));
    pointers.push_back(&values[i]);
  }
  CUlaunchAttribute attribute = {};
  attribute.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
  attribute.value.programmaticStreamSerializationAllowed = 1;
  CUlaunchConfig config = {};
  config.gridDimX = launch.grid[0];
  config.gridDimY = launch.grid[1];
  config.gridDimZ = launch.grid[2];
  config.blockDimX = launch.block[0];
  config.blockDimY = launch.block[1];
  config.blockDimZ = launch.block[2];
  config.sharedMemBytes = launch.sharedBytes;
  config.hStream = stream;
  config.attrs = &attribute;
  // Only a kernel of the same kind lets this one start early.
  config.numAttrs = launch.programmatic && afterProgrammatic;
  PI_CUDA_TRY(driver, cuLaunchKernelEx, &config, functions[launch.kernel],
              pointers.data(), nullptr);
  return Status::success();
}

Status CudaExecutor::enqueueStep(CudaEntryPoint &entry, const PlanStep &step,
                                 bool afterProgrammatic) {
  if (auto *gemm = std::get_if<GemmStep>(&step.work))
    return blas->run(*gemm, resolve(entry, *gemm), stream);
  if (auto *launch = std::get_if<LaunchStep>(&step.work))
    return enqueueLaunch(entry, *launch, afterProgrammatic);
  if (auto *copy = std::get_if<CopyStep>(&step.work)) {
    PI_CUDA_TRY(driver, cuMemcpyDtoDAsync, resolve(entry, copy->to),
                resolve(entry, copy->from), copy->bytes, stream);
    return Status::success();
  }
  const auto &fill = std::get<FillStep>(step.work);
  PI_CUDA_TRY(driver, cuMemsetD8Async, resolve(entry, fill.to), fill.value,
              fill.bytes, stream);
  return Status::success();
}

static bool isProgrammatic(const PlanStep &step) {
  auto *launch = std::get_if<LaunchStep>(&step.work);
  return launch && launch->programmatic;
}

/// The inputs from pinned memory, then all steps.
Status CudaExecutor::enqueue(size_t entryPoint) {
  const EntryPoint &info = manifest.entryPoints[entryPoint];
  CudaEntryPoint &entry = entryPoints[entryPoint];
  if (entry.inputBytes)
    PI_CUDA_TRY(driver, cuMemcpyHtoDAsync, entry.inputs[0],
                entry.pinnedInputs[0], entry.inputBytes, stream);
  bool afterProgrammatic = false;
  for (const PlanStep &step : entry.plan.steps) {
    PI_TRY(enqueueStep(entry, step, afterProgrammatic)
               .withContext("'" + path + "': " + info.name + ", at " +
                            step.location));
    afterProgrammatic = isProgrammatic(step);
  }
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

Status CudaExecutor::checkReady(size_t entryPoint) const {
  for (const EntryArgument &argument :
       manifest.entryPoints[entryPoint].arguments)
    if (argument.kind == EntryArgument::Kind::Parameter &&
        !parameters[*manifest.findParameter(argument.name)])
      return invalidArgument("parameter '" + argument.name +
                             "' has no value: no weights are loaded");
  return Status::success();
}

/// Memory for inputs and outputs.
Status CudaExecutor::prepare(size_t entryPoint) {
  const EntryPoint &info = manifest.entryPoints[entryPoint];
  CudaEntryPoint &entry = entryPoints[entryPoint];
  if (entry.prepared)
    return Status::success();
  std::vector<uint64_t> offsets;
  uint64_t inputBytes = 0;
  for (const TensorInfo &input : info.inputs) {
    offsets.push_back(inputBytes);
    inputBytes += (input.byteSize() + kInputAlignment - 1) / kInputAlignment *
                  kInputAlignment;
  }
  CUdeviceptr inputs = 0;
  void *pinnedInputs = nullptr;
  PI_TRY(allocate(inputs, inputBytes, "inputs"));
  PI_TRY(allocatePinned(pinnedInputs, inputBytes));
  entry.inputBytes = inputBytes;
  entry.inputs.resize(offsets.size());
  entry.pinnedInputs.resize(offsets.size());
  for (size_t i = 0; i < offsets.size(); ++i) {
    entry.inputs[i] = inputs + offsets[i];
    entry.pinnedInputs[i] = static_cast<char *>(pinnedInputs) + offsets[i];
  }
  entry.outputs.resize(info.outputs.size());
  entry.pinnedOutputs.resize(info.outputs.size());
  for (size_t i = 0; i < info.outputs.size(); ++i) {
    uint64_t bytes = entry.plan.outputs[i].byteSize();
    if (bytes > kSmallOutputBytes) {
      PI_TRY(allocate(entry.outputs[i], bytes,
                      "output '" + info.outputs[i].name + "'"));
      continue;
    }
    void *pinned = nullptr;
    PI_TRY(allocatePinned(pinned, bytes));
    PI_CUDA_TRY(driver, cuMemHostGetDevicePointer, &entry.outputs[i], pinned,
                0);
    entry.pinnedOutputs[i] = pinned;
  }
  entry.prepared = true;
  return Status::success();
}

Status CudaExecutor::tune() {
  PI_TRY(useContext());
  for (size_t i = 0; i < entryPoints.size(); ++i) {
    PI_TRY(checkReady(i));
    PI_TRY(prepare(i));
    CudaEntryPoint &entry = entryPoints[i];
    for (const PlanStep &step : entry.plan.steps)
      if (auto *gemm = std::get_if<GemmStep>(&step.work))
        PI_TRY(blas->tune(*gemm, resolve(entry, *gemm), stream)
                   .withContext("'" + path + "': tuning " + step.location));
    // What was captured before has the algorithms of before.
    if (entry.graph)
      driver.cuGraphExecDestroy(entry.graph);
    entry.graph = nullptr;
  }
  return blas->saveTuning();
}

Status CudaExecutor::capture(size_t entryPoint) {
  PI_CUDA_TRY(driver, cuStreamBeginCapture, stream,
              CU_STREAM_CAPTURE_MODE_RELAXED);
  Status enqueued = enqueue(entryPoint);
  CUgraph graph = nullptr;
  Status captured = driver.check(driver.cuStreamEndCapture(stream, &graph),
                                 "cuStreamEndCapture");
  PI_TRY(std::move(enqueued));
  PI_TRY(std::move(captured));
  Status instantiated =
      driver.check(driver.cuGraphInstantiateWithFlags(
                       &entryPoints[entryPoint].graph, graph, 0),
                   "cuGraphInstantiateWithFlags");
  driver.cuGraphDestroy(graph);
  return instantiated;
}

/// Copies `count` rows of an output from row `row` on to the host, without what
/// is between them on the device.
Status CudaExecutor::copyRows(const CudaEntryPoint &entry, size_t index,
                              uint64_t row, uint64_t count, void *target) {
  const DeviceOutput &info = entry.plan.outputs[index];
  uint64_t size = dataTypeSize(info.dtype);
  CUDA_MEMCPY2D copy = {};
  copy.srcMemoryType = CU_MEMORYTYPE_DEVICE;
  copy.srcPitch = info.rowStride * size;
  copy.srcDevice = entry.outputs[index] + row * copy.srcPitch;
  copy.dstMemoryType = CU_MEMORYTYPE_HOST;
  copy.dstPitch = copy.WidthInBytes = info.columns * size;
  copy.dstHost = target;
  copy.Height = count;
  PI_CUDA_TRY(driver, cuMemcpy2D, &copy);
  return Status::success();
}

/// Copies an output to the host in the manifest's type, without padding.
Status CudaExecutor::readOutput(const CudaEntryPoint &entry, size_t index,
                                void *output) {
  const DeviceOutput &info = entry.plan.outputs[index];
  uint64_t rowBytes = info.columns * dataTypeSize(info.dtype);
  bool widened = info.dtype == DataType::BF16;
  if (entry.pinnedOutputs[index] && !widened &&
      info.rowStride == info.columns) {
    std::memcpy(output, entry.pinnedOutputs[index], info.rows * rowBytes);
    return Status::success();
  }
  if (!widened)
    return copyRows(entry, index, 0, info.rows, output);
  // By parts, so that the host holds the output once.
  uint64_t rowsAtOnce = std::max<uint64_t>(
      1, (uint64_t(64) << 20) / std::max<uint64_t>(1, rowBytes));
  std::vector<char> staged(std::min(rowsAtOnce, info.rows) * rowBytes);
  for (uint64_t row = 0; row < info.rows; row += rowsAtOnce) {
    uint64_t count = std::min(rowsAtOnce, info.rows - row);
    PI_TRY(copyRows(entry, index, row, count, staged.data()));
    convertToFloat(info.dtype, staged.data(),
                   static_cast<float *>(output) + row * info.columns,
                   count * info.columns);
  }
  return Status::success();
}

Status CudaExecutor::run(size_t entryPoint,
                         const std::vector<const void *> &inputs,
                         const std::vector<void *> &outputs) {
  PI_TRY(useContext());
  PI_TRY(checkReady(entryPoint));
  PI_TRY(prepare(entryPoint));
  const EntryPoint &info = manifest.entryPoints[entryPoint];
  CudaEntryPoint &entry = entryPoints[entryPoint];
  for (size_t i = 0; i < inputs.size(); ++i)
    std::memcpy(entry.pinnedInputs[i], inputs[i], info.inputs[i].byteSize());
  if (!entry.hasRun) {
    PI_TRY(enqueue(entryPoint));
    entry.hasRun = true;
  } else {
    if (!entry.graph)
      PI_TRY(capture(entryPoint));
    PI_CUDA_TRY(driver, cuGraphLaunch, entry.graph, stream);
  }
  PI_TRY(driver.check(driver.cuStreamSynchronize(stream), "cuStreamSynchronize")
             .withContext("'" + path + "': " + info.name));
  for (size_t i = 0; i < outputs.size(); ++i)
    if (outputs[i])
      PI_TRY(readOutput(entry, i, outputs[i]));
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
