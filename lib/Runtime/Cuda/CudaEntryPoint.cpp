//===- CudaEntryPoint.cpp - An entry point on a GPU -----------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CudaEntryPoint.h"

#include <algorithm>
#include <cstring>

namespace pi_runtime {

/// Outputs up to this size are written to the host's memory by kernels.
static constexpr uint64_t kSmallOutputBytes = 256;
/// What the inputs of an entry point are aligned to in their common buffer.
static constexpr uint64_t kInputAlignment = 256;

/// Addresses do not change, so tables are written once.
Status CudaEntryPoint::prepareTables(DeviceMemory &memory,
                                     const SharedBuffers &shared) {
  for (const PlanStep &step : plan().steps) {
    auto *launch = std::get_if<LaunchStep>(&step.work);
    if (!launch)
      continue;
    for (const auto &argument : launch->arguments) {
      auto *table = std::get_if<AddressTable>(&argument);
      if (!table)
        continue;
      std::vector<CUdeviceptr> addresses;
      for (const BufferRef &buffer : *table)
        addresses.push_back(resolve(shared, buffer));
      uint64_t bytes = addresses.size() * sizeof(CUdeviceptr);
      CUdeviceptr &target = tables[table];
      PI_TRY(memory.allocate(target, bytes, "addresses"));
      PI_TRY(memory.upload(target, addresses.data(), bytes));
    }
  }
  return Status::success();
}

Status CudaEntryPoint::prepare(const CudaDriver &driver, DeviceMemory &memory,
                               const SharedBuffers &shared) {
  std::vector<uint64_t> offsets;
  inputBytes = 0;
  for (const TensorInfo &input : info().inputs) {
    offsets.push_back(inputBytes);
    inputBytes += (input.byteSize() + kInputAlignment - 1) / kInputAlignment *
                  kInputAlignment;
  }
  CUdeviceptr allInputs = 0;
  void *allPinnedInputs = nullptr;
  PI_TRY(memory.allocate(allInputs, inputBytes, "inputs"));
  PI_TRY(memory.allocatePinned(allPinnedInputs, inputBytes));
  inputs.resize(offsets.size());
  pinnedInputs.resize(offsets.size());
  for (size_t i = 0; i < offsets.size(); ++i) {
    inputs[i] = allInputs + offsets[i];
    pinnedInputs[i] = static_cast<char *>(allPinnedInputs) + offsets[i];
  }
  outputs.resize(info().outputs.size());
  pinnedOutputs.resize(info().outputs.size());
  for (size_t i = 0; i < outputs.size(); ++i) {
    uint64_t bytes = plan().outputs[i].byteSize();
    if (bytes > kSmallOutputBytes) {
      PI_TRY(memory.allocate(outputs[i], bytes,
                             "output '" + info().outputs[i].name + "'"));
      continue;
    }
    void *pinned = nullptr;
    PI_TRY(memory.allocatePinned(pinned, bytes));
    PI_CUDA_TRY(driver, cuMemHostGetDevicePointer, &outputs[i], pinned, 0);
    pinnedOutputs[i] = pinned;
  }
  PI_TRY(prepareTables(memory, shared));
  prepared = true;
  return Status::success();
}

CUdeviceptr CudaEntryPoint::resolve(const SharedBuffers &shared,
                                    const BufferRef &buffer) const {
  switch (buffer.space) {
  case BufferRef::Space::Arena:
    return shared.arena + buffer.offset;
  case BufferRef::Space::Parameter:
    return shared.parameters[buffer.index] + buffer.offset;
  case BufferRef::Space::State:
    return shared.states[buffer.index] + buffer.offset;
  case BufferRef::Space::Input:
    return inputs[buffer.index] + buffer.offset;
  case BufferRef::Space::Output:
    return outputs[buffer.index] + buffer.offset;
  }
  return 0;
}

void CudaEntryPoint::stageInputs(const std::vector<const void *> &values) {
  for (size_t i = 0; i < values.size(); ++i)
    std::memcpy(pinnedInputs[i], values[i], info().inputs[i].byteSize());
}

Status CudaEntryPoint::enqueueInputs(const CudaDriver &driver,
                                     CUstream stream) const {
  if (inputBytes)
    PI_CUDA_TRY(driver, cuMemcpyHtoDAsync, inputs[0], pinnedInputs[0],
                inputBytes, stream);
  return Status::success();
}

/// Copies `count` rows of an output from row `row` on to the host, without what
/// is between them on the device.
Status CudaEntryPoint::copyRows(const CudaDriver &driver, size_t index,
                                uint64_t row, uint64_t count,
                                void *target) const {
  const DeviceOutput &output = plan().outputs[index];
  uint64_t size = dataTypeSize(output.dtype);
  CUDA_MEMCPY2D copy = {};
  copy.srcMemoryType = CU_MEMORYTYPE_DEVICE;
  copy.srcPitch = output.rowStride * size;
  copy.srcDevice = outputs[index] + row * copy.srcPitch;
  copy.dstMemoryType = CU_MEMORYTYPE_HOST;
  copy.dstPitch = copy.WidthInBytes = output.columns * size;
  copy.dstHost = target;
  copy.Height = count;
  PI_CUDA_TRY(driver, cuMemcpy2D, &copy);
  return Status::success();
}

Status CudaEntryPoint::readOutput(const CudaDriver &driver, size_t index,
                                  void *target) const {
  const DeviceOutput &output = plan().outputs[index];
  uint64_t rowBytes = output.columns * dataTypeSize(output.dtype);
  bool widened = output.dtype == DataType::BF16;
  if (pinnedOutputs[index] && !widened && output.rowStride == output.columns) {
    std::memcpy(target, pinnedOutputs[index], output.rows * rowBytes);
    return Status::success();
  }
  if (!widened)
    return copyRows(driver, index, 0, output.rows, target);
  // By parts, so that the host holds the output once.
  uint64_t rowsAtOnce = std::max<uint64_t>(
      1, (uint64_t(64) << 20) / std::max<uint64_t>(1, rowBytes));
  std::vector<char> staged(std::min(rowsAtOnce, output.rows) * rowBytes);
  for (uint64_t row = 0; row < output.rows; row += rowsAtOnce) {
    uint64_t count = std::min(rowsAtOnce, output.rows - row);
    PI_TRY(copyRows(driver, index, row, count, staged.data()));
    convertToFloat(output.dtype, staged.data(),
                   static_cast<float *>(target) + row * output.columns,
                   count * output.columns);
  }
  return Status::success();
}

} // namespace pi_runtime
