//===- PlanLauncher.cpp - Enqueues the steps of plans ---------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PlanLauncher.h"

#include <cstring>

namespace pi_runtime {

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

Status
PlanLauncher::loadKernels(const Artifact &artifact,
                          const std::vector<CudaEntryPoint> &entryPoints) {
  for (const CudaEntryPoint &entry : entryPoints)
    for (const PlanStep &step : entry.plan().steps)
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
  for (const CudaEntryPoint &entry : entryPoints)
    for (const PlanStep &step : entry.plan().steps)
      if (auto *launch = std::get_if<LaunchStep>(&step.work))
        if (launch->sharedBytes)
          PI_CUDA_TRY(driver, cuFuncSetAttribute, functions[launch->kernel],
                      CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                      launch->sharedBytes);
  return Status::success();
}

Status PlanLauncher::load(const Artifact &artifact,
                          const std::vector<CudaEntryPoint> &entryPoints,
                          const std::string &deviceName, CUstream newStream) {
  stream = newStream;
  PI_TRY(loadKernels(artifact, entryPoints));
  Result<std::unique_ptr<CublasLt>> library =
      CublasLt::create(driver, deviceName, path + ".tuned");
  if (!library)
    return library.status();
  blas = std::move(*library);
  return Status::success();
}

void PlanLauncher::release() {
  blas.reset();
  if (kernels)
    driver.cuModuleUnload(kernels);
  kernels = nullptr;
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

GemmBuffers PlanLauncher::resolve(const CudaEntryPoint &entry,
                                  const GemmStep &gemm) const {
  auto address = [&](const BufferRef &buffer) {
    return entry.resolve(shared, buffer);
  };
  return {address(gemm.a), address(gemm.b), gemm.c ? address(*gemm.c) : 0,
          address(gemm.d), gemm.bias ? address(*gemm.bias) : 0};
}

Status PlanLauncher::enqueueLaunch(const CudaEntryPoint &entry,
                                   const LaunchStep &launch,
                                   bool afterProgrammatic) {
  // The driver takes the address of each argument.
  std::vector<uint64_t> values(launch.arguments.size());
  std::vector<void *> pointers;
  for (size_t i = 0; i < values.size(); ++i) {
    const auto &argument = launch.arguments[i];
    if (auto *buffer = std::get_if<BufferRef>(&argument))
      values[i] = entry.resolve(shared, *buffer);
    else if (auto *table = std::get_if<AddressTable>(&argument))
      values[i] = entry.resolve(*table);
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

Status PlanLauncher::enqueueStep(const CudaEntryPoint &entry,
                                 const PlanStep &step, bool afterProgrammatic) {
  if (auto *gemm = std::get_if<GemmStep>(&step.work))
    return blas->run(*gemm, resolve(entry, *gemm), stream);
  if (auto *launch = std::get_if<LaunchStep>(&step.work))
    return enqueueLaunch(entry, *launch, afterProgrammatic);
  if (auto *copy = std::get_if<CopyStep>(&step.work)) {
    PI_CUDA_TRY(driver, cuMemcpyDtoDAsync, entry.resolve(shared, copy->to),
                entry.resolve(shared, copy->from), copy->bytes, stream);
    return Status::success();
  }
  const auto &fill = std::get<FillStep>(step.work);
  PI_CUDA_TRY(driver, cuMemsetD8Async, entry.resolve(shared, fill.to),
              fill.value, fill.bytes, stream);
  return Status::success();
}

static bool isProgrammatic(const PlanStep &step) {
  auto *launch = std::get_if<LaunchStep>(&step.work);
  return launch && launch->programmatic;
}

Status PlanLauncher::enqueue(const CudaEntryPoint &entry) {
  PI_TRY(entry.enqueueInputs(driver, stream));
  bool afterProgrammatic = false;
  for (const PlanStep &step : entry.plan().steps) {
    PI_TRY(enqueueStep(entry, step, afterProgrammatic)
               .withContext("'" + path + "': " + entry.info().name + ", at " +
                            step.location));
    afterProgrammatic = isProgrammatic(step);
  }
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Entry points
//===----------------------------------------------------------------------===//

Status PlanLauncher::capture(CudaEntryPoint &entry) {
  PI_CUDA_TRY(driver, cuStreamBeginCapture, stream,
              CU_STREAM_CAPTURE_MODE_RELAXED);
  Status enqueued = enqueue(entry);
  CUgraph graph = nullptr;
  Status captured = driver.check(driver.cuStreamEndCapture(stream, &graph),
                                 "cuStreamEndCapture");
  PI_TRY(std::move(enqueued));
  PI_TRY(std::move(captured));
  Status instantiated =
      driver.check(driver.cuGraphInstantiateWithFlags(&entry.graph, graph, 0),
                   "cuGraphInstantiateWithFlags");
  driver.cuGraphDestroy(graph);
  return instantiated;
}

Status PlanLauncher::launch(CudaEntryPoint &entry) {
  if (!entry.hasRun) {
    PI_TRY(enqueue(entry));
    entry.hasRun = true;
    return Status::success();
  }
  if (!entry.graph)
    PI_TRY(capture(entry));
  PI_CUDA_TRY(driver, cuGraphLaunch, entry.graph, stream);
  return Status::success();
}

Status PlanLauncher::tune(CudaEntryPoint &entry) {
  for (const PlanStep &step : entry.plan().steps)
    if (auto *gemm = std::get_if<GemmStep>(&step.work))
      PI_TRY(blas->tune(*gemm, resolve(entry, *gemm), stream)
                 .withContext("'" + path + "': tuning " + step.location));
  // What was captured before has the algorithms of before.
  if (entry.graph)
    driver.cuGraphExecDestroy(entry.graph);
  entry.graph = nullptr;
  return Status::success();
}

} // namespace pi_runtime
