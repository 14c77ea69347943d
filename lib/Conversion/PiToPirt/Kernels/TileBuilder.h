//===- TileBuilder.h - Kernels on pointers and registers --------*- C++ -*-===//
//-*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_CONVERSION_PITOPIRT_KERNELS_TILEBUILDER_H
#define PI_CONVERSION_PITOPIRT_KERNELS_TILEBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::pi {

class TileBuilder;

/// A value in a kernel under construction, with the operators of arithmetic:
/// kernels then read like the formulas they compute. Integers are unsigned
/// where that matters (division, remainder, order): they are indices.
class Val {
public:
  Val() = default;
  Val(TileBuilder &builder, Value value) : builder(&builder), value(value) {}
  operator Value() const { return value; }
  Type getType() const { return value.getType(); }
  bool isFloat() const { return isa<FloatType>(value.getType()); }
  explicit operator bool() const { return value != nullptr; }

  TileBuilder *builder = nullptr;

private:
  Value value;
};

using Vals = SmallVector<Val>;

Val operator+(Val a, Val b);
Val operator-(Val a, Val b);
Val operator*(Val a, Val b);
Val operator/(Val a, Val b);
Val operator%(Val a, Val b);
Val operator&(Val a, Val b);
Val operator<(Val a, Val b);
Val operator+(Val a, double b);
Val operator-(Val a, double b);
Val operator*(Val a, double b);
Val operator/(Val a, double b);
Val operator%(Val a, double b);
Val operator&(Val a, double b);
Val operator<(Val a, double b);
/// a == b for integers.
Val equal(Val a, double b);
/// a * b + c, rounded once.
Val fma(Val a, Val b, Val c);
Val max(Val a, Val b);
Val min(Val a, Val b);
Val select(Val condition, Val a, Val b);

/// Builds one kernel on pointers and registers, for kernels that place every
/// value themselves: control flow, memory and the instructions of a warp and
/// of a block. Offsets of addresses are in bytes.
class TileBuilder : public ImplicitLocOpBuilder {
public:
  /// Starts kernel `name` in `module` with memrefs as arguments, for blocks of
  /// `threads`, in clusters of `clusterSize` blocks.
  TileBuilder(gpu::GPUModuleOp module, Location loc, StringRef name,
              ArrayRef<Type> arguments, int64_t threads,
              int64_t clusterSize = 1);
  /// Ends the kernel.
  gpu::GPUFuncOp finish();

  /// A pointer to the data of an argument, in global memory.
  Val argument(unsigned index);
  Val wrap(Value value) { return Val(*this, value); }
  Val i32(int64_t value);
  Val f32(double value);
  Val constantLike(Val other, double value);

  Val threadId();
  Val laneId();
  Val warpId();
  Val blockId(gpu::Dimension dimension);

  /// for (i = lower; i < upper; i += step) with values carried along.
  Vals loop(Val lower, Val upper, int64_t step, ArrayRef<Val> inits,
            function_ref<Vals(Val, ArrayRef<Val>)> body);
  void loop(Val lower, Val upper, int64_t step, function_ref<void(Val)> body);
  void when(Val condition, function_ref<void()> body);
  /// The values of `body`, or `otherwise` where the condition does not hold.
  Vals when(Val condition, ArrayRef<Val> otherwise, function_ref<Vals()> body);

  /// The dynamic shared memory of the block.
  Val sharedMemory();
  Val address(Val pointer, Val offset);
  Val address(Val pointer, int64_t offset);
  /// pointer + index * stride, computed in 64 bits.
  Val wideAddress(Val pointer, Val index, int64_t stride);
  Val load(Type type, Val pointer, int64_t alignment, bool constant = false);
  void store(Val value, Val pointer, int64_t alignment);
  /// One number of type bf16 or f32 as f32.
  Val loadFloat(Type type, Val pointer);
  void storeFloat(Type type, Val value, Val pointer);

  /// Words (i32) of `count` (1, 2 or 4) times 4 bytes in one access.
  Vals loadWords(Val pointer, unsigned count, bool constant = false);
  void storeWords(ArrayRef<Val> words, Val pointer);
  /// The numbers in words: two of bf16 or one of f32 in each, as f32.
  Vals unpack(Type type, ArrayRef<Val> words);
  /// Two f32 to one word of bf16, rounded to nearest even.
  Val packBF16(Val low, Val high);

  Val intrinsic(StringRef name, Type result, ArrayRef<Val> operands);
  void intrinsic(StringRef name, ArrayRef<Val> operands = {});
  Val bitcast(Val value, Type type);
  /// 2^x and log2(x) within 2 units in the last place.
  Val exp2(Val x);
  Val log2(Val x);
  /// 1 / x within 1 unit in the last place.
  Val reciprocal(Val x);
  Val rsqrt(Val x);

  void blockBarrier();
  void warpBarrier();
  /// A pointer to the same place in the shared memory of block `rank` of the
  /// cluster.
  Val inCluster(Val sharedPointer, Val rank);
  Val shuffleXor(Val value, int64_t mask);
  /// Combines the values of lanes that differ in the bits of `mask`.
  Val reduceLanes(Val value, int64_t mask, function_ref<Val(Val, Val)> combine);
  Val sumLanes(Val value, int64_t mask = 31);
  /// The sum of an f32 over all threads of the block, in the order of warps.
  /// `scratch` is shared memory of 4 bytes for each warp.
  Val sumBlock(Val value, Val scratch);

  /// Programmatic dependent launch: lets the next kernel start once all blocks
  /// of this one have come here, and waits until the kernels before this one
  /// have ended. Before the wait a kernel may read what no kernel of the same
  /// entry point writes: parameters, inputs, old rows of a cache.
  void launchNextKernel();
  void waitForPreviousKernels();

  /// Copies 16 bytes to shared memory without waiting; where `valid` is given
  /// and false, fills with zeros.
  void copyAsync(Val shared, Val global, Val valid = {});
  void commitCopies();
  void waitForCopies(int64_t pendingGroups);

  /// Four 8 x 8 matrices of 16-bit elements; lane l gives the address of row
  /// l % 8 of matrix l / 8.
  Vals loadMatrices(Val pointer, bool transpose);
  /// accumulator (16 x 8) + a (16 x 16) * b (16 x 8) in bf16.
  Vals multiplyAccumulate(ArrayRef<Val> a, ArrayRef<Val> b,
                          ArrayRef<Val> accumulator);

private:
  gpu::GPUModuleOp module;
  gpu::GPUFuncOp function;
};

} // namespace mlir::pi

#endif // PI_CONVERSION_PITOPIRT_KERNELS_TILEBUILDER_H
