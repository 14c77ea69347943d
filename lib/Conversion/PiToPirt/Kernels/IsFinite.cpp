//===- IsFinite.cpp - Whether tensors hold infinities or NaN -------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One block looks at everything: this runs after something went wrong, and then
// once.
//
//===----------------------------------------------------------------------===//

#include "KernelNames.h"
#include "TileBuilder.h"

#include "pi/Conversion/PiToPirt/Kernels.h"

using namespace mlir;
using namespace mlir::pi;

static constexpr int64_t kThreads = 1024;

/// 1 if a word holds a number whose exponent is all ones, else 0.
static Val findSpecial(TileBuilder &k, Type element, Val word) {
  auto hasExponent = [&](int64_t mask) {
    return k.wrap(arith::ExtUIOp::create(k, k.getI32Type(),
                                         equal(word & k.i32(mask), mask)));
  };
  if (element.isF32())
    return hasExponent(0x7f800000);
  return max(hasExponent(0x7f800000), hasExponent(0x7f80));
}

static Val scan(TileBuilder &k, Val tensor, Type element, int64_t count) {
  constexpr int64_t wordsAtOnce = 4;
  int64_t words = count * element.getIntOrFloatBitWidth() / 32;
  int64_t vectors = words / wordsAtOnce;
  Val found = k.i32(0);
  found = k.loop(k.threadId(), k.i32(vectors), kThreads, {found},
                 [&](Val index, ArrayRef<Val> carried) -> Vals {
                   Val result = carried[0];
                   for (Val word : k.loadWords(k.wideAddress(tensor, index, 16),
                                               wordsAtOnce))
                     result = max(result, findSpecial(k, element, word));
                   return {result};
                 })[0];
  // Fewer elements are left than there are threads.
  int64_t done = vectors * wordsAtOnce * 32 / element.getIntOrFloatBitWidth();
  if (done == count)
    return found;
  Val index = min(k.threadId() + done, k.i32(count - 1));
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  Val value = k.loadFloat(element, k.wideAddress(tensor, index, bytes));
  return max(found,
             findSpecial(k, k.getF32Type(), k.bitcast(value, k.getI32Type())));
}

FailureOr<KernelLaunch> mlir::pi::buildIsFinite(gpu::GPUModuleOp module,
                                                Location loc,
                                                ArrayRef<MemRefType> tensors) {
  KernelName kernelName("is_finite");
  for (MemRefType type : tensors) {
    if (type.getNumElements() > INT32_MAX)
      return emitError(loc) << "is-finite: a tensor of "
                            << type.getNumElements() << " elements";
    kernelName.add(type.getElementType()).add("n", type.getNumElements());
  }
  KernelLaunch launch;
  launch.block = {kThreads, 1, 1};
  launch.sharedBytes = 16;
  launch.kernel = module.lookupSymbol<gpu::GPUFuncOp>(kernelName.str());
  if (launch.kernel)
    return launch;
  SmallVector<Type> arguments(tensors.begin(), tensors.end());
  arguments.push_back(
      MemRefType::get({}, IntegerType::get(module.getContext(), 32)));
  TileBuilder k(module, loc, kernelName.str(), arguments, kThreads);
  Val shared = k.sharedMemory();
  k.when(equal(k.threadId(), 0), [&] { k.store(k.i32(1), shared, 4); });
  k.blockBarrier();
  for (auto [index, type] : llvm::enumerate(tensors)) {
    Val found = scan(k, k.argument(index), type.getElementType(),
                     type.getNumElements());
    // Whoever finds one writes the same.
    k.when(equal(found, 1), [&] { k.store(k.i32(0), shared, 4); });
  }
  k.blockBarrier();
  k.when(equal(k.threadId(), 0), [&] {
    k.store(k.load(k.getI32Type(), shared, 4), k.argument(tensors.size()), 4);
  });
  launch.kernel = k.finish();
  return launch;
}
