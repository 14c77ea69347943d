//===- MultiTensor.h - One kernel for many tensors --------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A model has hundreds of parameters, most of them small: a launch for each
// would cost more than the work. A kernel built here takes lists of tensors of
// equal lengths through one table of addresses and gives each block a piece of
// one of them.
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_CONVERSION_PITOPIRT_KERNELS_MULTITENSOR_H
#define PI_LIB_CONVERSION_PITOPIRT_KERNELS_MULTITENSOR_H

#include "TileBuilder.h"

#include "pi/Conversion/PiToPirt/Kernels.h"

namespace mlir::pi {

class MultiTensorKernel {
public:
  static constexpr int64_t kThreads = 256;
  /// Elements that a thread works on at once, and in all.
  static constexpr int64_t kVector = 4, kElementsPerThread = 16;
  static constexpr int64_t kBlockElements = kThreads * kElementsPerThread;

  /// Begins a kernel over tensors of `elements`. Its arguments are those of
  /// `arguments`, and then the table: the addresses of all tensors of the first
  /// of `numLists` lists, then of the next ones.
  MultiTensorKernel(gpu::GPUModuleOp module, Location loc, StringRef name,
                    ArrayRef<int64_t> elements, int64_t numLists,
                    ArrayRef<Type> arguments);

  /// How a kernel over tensors of `elements` is launched.
  static KernelLaunch getLaunch(ArrayRef<int64_t> elements);

  /// A number for each tensor, known now: that of this block's tensor.
  Val numberOfTensor(StringRef name, ArrayRef<int64_t> numbers);
  /// Where the tensor of this block in a list begins.
  Val tensor(int64_t list);
  /// Calls `body` for runs of elements of this block's piece: with the index of
  /// the first and the length, which is kVector, or 1 at the end of a tensor.
  /// Carries values along.
  Vals forElements(
      ArrayRef<Val> inits,
      function_ref<Vals(ArrayRef<Val> carried, Val first, int64_t width)> body);
  void forElements(function_ref<void(Val first, int64_t width)> body);
  /// `width` f32 from element `first` on.
  Vals load(Val tensor, Val first, int64_t width);
  void store(ArrayRef<Val> values, Val tensor, Val first);

  TileBuilder k;

private:
  Val loadTable(StringRef name, ArrayRef<int64_t> numbers, Val index);

  std::string name;
  int64_t numTensors;
  unsigned tableArgument;
  Val tensorIndex, count, begin;
};

} // namespace mlir::pi

#endif // PI_LIB_CONVERSION_PITOPIRT_KERNELS_MULTITENSOR_H
