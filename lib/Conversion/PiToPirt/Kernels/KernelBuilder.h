//===- KernelBuilder.h - What kernel builders share -------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_CONVERSION_PITOPIRT_KERNELS_KERNELBUILDER_H
#define PI_LIB_CONVERSION_PITOPIRT_KERNELS_KERNELBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::pi {

/// Writes the body of one kernel. Arithmetic takes its operation from the type
/// of the operands (floating point, or index/integer).
class KernelBuilder : public ImplicitLocOpBuilder {
public:
  static constexpr int64_t kWarpSize = 32;
  /// Bytes of the widest memory access of a thread.
  static constexpr int64_t kAccessBytes = 16;

  /// Adds kernel `name` to `module` and stands at the start of its body.
  KernelBuilder(gpu::GPUModuleOp module, Location loc, StringRef name,
                ArrayRef<Type> arguments, int64_t numThreads);

  gpu::GPUFuncOp getKernel() { return kernel; }

  /// The next argument, in order.
  Value takeArgument() { return kernel.getArgument(nextArgument++); }

  /// Static shared memory.
  Value allocateShared(ArrayRef<int64_t> shape, Type element);

  Value index(int64_t value);
  Value i32(int64_t value);
  Value f32(double value);
  Value thread() { return gpu::ThreadIdOp::create(*this, gpu::Dimension::x); }
  Value block(gpu::Dimension dimension = gpu::Dimension::x) {
    return gpu::BlockIdOp::create(*this, dimension);
  }

  Value add(Value lhs, Value rhs);
  Value sub(Value lhs, Value rhs);
  Value mul(Value lhs, Value rhs);
  Value div(Value lhs, Value rhs);
  Value rem(Value lhs, Value rhs);
  Value min(Value lhs, Value rhs);
  Value max(Value lhs, Value rhs);
  Value fma(Value a, Value b, Value c);
  Value select(Value condition, Value yes, Value no);
  Value less(Value lhs, Value rhs);
  Value equal(Value lhs, Value rhs);
  /// e^x by the hardware's ex2, relative error about 2^-22.
  Value exp(Value x);

  /// `width` consecutive elements as f32, by accesses of 16 bytes; the first
  /// one is a multiple of 16 bytes from the start of `memref`.
  SmallVector<Value> loadVector(Value memref, ValueRange indices,
                                int64_t width);
  /// The same, as the memory holds them: for loads that have to be issued
  /// early, before the arithmetic that converts them.
  Value loadPacked(Value memref, ValueRange indices, int64_t width);
  SmallVector<Value> unpack(Value packed);
  void storeVector(ArrayRef<Value> values, Value memref, ValueRange indices);

  Value loadScalar(Value memref, ValueRange indices = {});
  void storeScalar(Value value, Value memref, ValueRange indices = {});

  /// Combines `value` over groups of `width` lanes (a power of two), whose
  /// members are `stride` lanes apart; every lane gets the result.
  Value reduceLanes(Value value, int64_t width, int64_t stride,
                    function_ref<Value(Value, Value)> combine);
  Value sumLanes(Value value, int64_t width = kWarpSize, int64_t stride = 1);
  Value maxLanes(Value value, int64_t width = kWarpSize, int64_t stride = 1);

  /// The sum over all threads of the block, in every thread. It has shared
  /// memory of its own.
  Value sumBlock(Value value);

  void barrier() { gpu::BarrierOp::create(*this); }
  /// Waits until the kernels before this one are complete.
  void waitForPrevious();
  /// Lets the next kernel start, as far as it does not wait for this one.
  void launchNext();

  void ifThen(Value condition, function_ref<void()> body);
  /// for (i = begin; i < end; i += step) carried = body(i, carried).
  SmallVector<Value>
  loop(Value begin, Value end, Value step, ValueRange carried,
       function_ref<SmallVector<Value>(Value, ValueRange)> body);

private:
  gpu::GPUFuncOp kernel;
  unsigned nextArgument = 0;
};

/// The kernel called `name` that stands in `module`, or null.
gpu::GPUFuncOp lookupKernel(gpu::GPUModuleOp module, StringRef name);

/// "bf16", "f32": the element type as a part of a kernel's name.
std::string getTypeName(Type type);

} // namespace mlir::pi

#endif // PI_LIB_CONVERSION_PITOPIRT_KERNELS_KERNELBUILDER_H
