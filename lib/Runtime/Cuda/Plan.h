//===- Plan.h - The execution plan of an entry point ------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_RUNTIME_CUDA_PLAN_H
#define PI_LIB_RUNTIME_CUDA_PLAN_H

#include "pi/Runtime/Artifact.h"

#include <array>
#include <variant>

namespace pi_runtime {

/// A place in device memory: `offset` bytes into one of the arena, a parameter,
/// a state, an input or an output, the latter four by their index.
struct BufferRef {
  enum class Space { Arena, Parameter, State, Input, Output };
  Space space = Space::Arena;
  size_t index = 0;
  uint64_t offset = 0;
};

/// Row-major D[m, n] = epilogue(alpha op(A) op(B) + beta C + bias[n]), `batch`
/// times, summed in f32. C has the type of D. Leading dimensions count
/// elements.
struct GemmStep {
  enum class Epilogue { None, GeluTanh, Relu };

  int64_t m, n, k, batch;
  BufferRef a, b, d;
  std::optional<BufferRef> c, bias;
  bool transA, transB;
  int64_t lda, ldb, ldc, ldd;
  DataType dtype, dDtype;
  float alpha, beta;
  Epilogue epilogue;
  /// Place in cuBLASLt's heuristic order.
  std::optional<int64_t> algorithm;
};

/// Buffers whose addresses a kernel finds one after the other in memory.
using AddressTable = std::vector<BufferRef>;

struct LaunchStep {
  std::string kernel;
  std::array<uint32_t, 3> grid, block;
  uint32_t sharedBytes;
  bool programmatic;
  std::vector<std::variant<BufferRef, AddressTable, int32_t, float>> arguments;
};

struct CopyStep {
  BufferRef from, to;
  uint64_t bytes;
};

struct FillStep {
  BufferRef to;
  uint64_t bytes;
  uint8_t value;
};

struct PlanStep {
  std::string location;
  std::variant<GemmStep, LaunchStep, CopyStep, FillStep> work;
};

/// An output as it stands in device memory: elements of `dtype`, rows of the
/// last dimension `rowStride` elements apart.
struct DeviceOutput {
  DataType dtype;
  uint64_t rows, columns, rowStride;

  uint64_t byteSize() const { return rows * rowStride * dataTypeSize(dtype); }
};

struct Plan {
  uint64_t arenaBytes = 0;
  /// For each parameter of the manifest: at least its storageByteSize(); the
  /// bytes beyond are zero.
  std::vector<uint64_t> parameterBytes;
  std::vector<DeviceOutput> outputs;
  std::vector<PlanStep> steps;
};

/// Reads the JSON text of an entry point's plan. Checks that buffers exist and
/// that what a step reads and writes is inside them, as far as the step says.
Result<Plan> readPlan(const Manifest &manifest, const EntryPoint &entry);

} // namespace pi_runtime

#endif // PI_LIB_RUNTIME_CUDA_PLAN_H
