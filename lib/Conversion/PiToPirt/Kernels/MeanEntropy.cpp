//===- MeanEntropy.cpp - The mean entropy of each head -------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A block for each head adds up B * T numbers, each thread those of its own
// places, and then all threads in a fixed order.
//
//===----------------------------------------------------------------------===//

#include "KernelNames.h"
#include "TileBuilder.h"

#include "pi/Conversion/PiToPirt/Kernels.h"

using namespace mlir;
using namespace mlir::pi;

static constexpr int64_t kThreads = 512, kWarps = kThreads / 32;

FailureOr<KernelLaunch> mlir::pi::buildMeanEntropy(gpu::GPUModuleOp module,
                                                   Location loc,
                                                   MemRefType entropy) {
  int64_t batch = entropy.getDimSize(0), heads = entropy.getDimSize(1),
          tokens = entropy.getDimSize(2);
  if (entropy.getNumElements() > INT32_MAX)
    return emitError(loc) << "mean-entropy: " << entropy.getNumElements()
                          << " rows";
  std::string name = KernelName("mean_entropy")
                         .add("b", batch)
                         .add("h", heads)
                         .add("t", tokens)
                         .str();
  KernelLaunch launch;
  launch.grid = {heads, 1, 1};
  launch.block = {kThreads, 1, 1};
  launch.sharedBytes = kWarps * 4;
  launch.kernel = module.lookupSymbol<gpu::GPUFuncOp>(name);
  if (launch.kernel)
    return launch;
  Type f32 = Float32Type::get(module.getContext());
  TileBuilder k(module, loc, name, {entropy, MemRefType::get({heads}, f32)},
                kThreads);
  Val head = k.blockId(gpu::Dimension::x);
  Val sum =
      k.loop(k.threadId(), k.i32(batch * tokens), kThreads, {k.f32(0)},
             [&](Val index, ArrayRef<Val> carried) -> Vals {
               Val row =
                   (index / tokens * heads + head) * tokens + index % tokens;
               return {carried[0] +
                       k.load(f32, k.wideAddress(k.argument(0), row, 4), 4)};
             })[0];
  Val total = k.sumBlock(sum, k.sharedMemory());
  k.when(equal(k.threadId(), 0), [&] {
    k.store(total / static_cast<double>(batch * tokens),
            k.address(k.argument(1), head * 4), 4);
  });
  launch.kernel = k.finish();
  return launch;
}
