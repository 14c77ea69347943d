//===- SumOfParts.cpp - Sums over what blocks have summed -----------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A block takes 32 columns of one row of a sum. Its warps share the parts, and
// their sums meet in shared memory. Every order of additions is fixed.
//
// Roofline: some hundred parts of a row are about 1 MB, which the kernel before
// has just left in the L2.
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"
#include "KernelNames.h"
#include "pi/Conversion/PiToPirt/Kernels.h"

using namespace mlir;
using namespace mlir::pi;

static constexpr int64_t kColumns = KernelBuilder::kWarpSize, kMaxWarps = 16;
/// Loads that a thread has in flight.
static constexpr int64_t kUnroll = 16;

static std::string getName(const SumOfPartsSpec &spec) {
  KernelName name("sum_of_parts");
  name.add("p", spec.parts);
  for (const SumOfPartsSpec::Sum &sum : spec.sums)
    name.add(sum.element).add("m", sum.rows).add("n", sum.columns);
  return name.str();
}

static int64_t getNumBlocks(const SumOfPartsSpec::Sum &sum) {
  return sum.rows * llvm::divideCeil(sum.columns, kColumns);
}

/// The sum over every `numWarps`-th part, from the one of this warp.
static Value sumParts(KernelBuilder &b, Value parts, Value row, Value column,
                      Value warp, int64_t numWarps, int64_t numParts,
                      const SumOfPartsSpec::Sum &sum) {
  int64_t perThread = llvm::divideCeil(numParts, numWarps);
  int64_t unroll = std::min(kUnroll, perThread);
  auto add = [&](Value first, Value total) {
    SmallVector<Value> values;
    for (int64_t i = 0; i < unroll; ++i) {
      Value part =
          b.add(b.mul(b.add(first, b.index(i)), b.index(numWarps)), warp);
      Value inside = b.less(part, b.index(numParts));
      part = b.min(part, b.index(numParts - 1));
      Value at = b.add(b.mul(part, b.index(sum.rows)), row);
      Value value =
          b.loadScalar(parts, b.add(b.mul(at, b.index(sum.columns)), column));
      values.push_back(b.select(inside, value, b.f32(0)));
    }
    for (Value value : values)
      total = b.add(total, value);
    return total;
  };
  if (perThread <= unroll)
    return add(b.index(0), b.f32(0));
  return b
      .loop(b.index(0), b.index(perThread), b.index(unroll), {b.f32(0)},
            [&](Value first, ValueRange carried) -> SmallVector<Value> {
              return {add(first, carried.front())};
            })
      .front();
}

FailureOr<KernelLaunch> mlir::pi::buildSumOfParts(gpu::GPUModuleOp module,
                                                  Location loc,
                                                  const SumOfPartsSpec &spec) {
  int64_t mostParts = 1, numBlocks = 0;
  SmallVector<Type> types, results;
  for (const SumOfPartsSpec::Sum &sum : spec.sums) {
    mostParts = std::max(mostParts, spec.parts / sum.rows);
    numBlocks += getNumBlocks(sum);
    types.push_back(MemRefType::get({spec.parts * sum.columns},
                                    Float32Type::get(module.getContext())));
    results.push_back(MemRefType::get({sum.rows * sum.columns}, sum.element));
  }
  llvm::append_range(types, results);
  int64_t numWarps =
      std::min<int64_t>(kMaxWarps, llvm::PowerOf2Ceil(mostParts));

  KernelLaunch launch;
  launch.grid[0] = numBlocks;
  launch.block[0] = numWarps * KernelBuilder::kWarpSize;
  launch.programmatic = true;
  std::string name = getName(spec);
  launch.kernel = lookupKernel(module, name);
  if (launch.kernel)
    return launch;

  KernelBuilder b(module, loc, name, types, launch.block[0]);
  launch.kernel = b.getKernel();
  Value meeting = b.allocateShared({numWarps, kColumns}, b.getF32Type());
  Value thread = b.thread(), block = b.block();
  Value warp = b.div(thread, b.index(KernelBuilder::kWarpSize));
  Value lane = b.rem(thread, b.index(KernelBuilder::kWarpSize));
  b.waitForPrevious();
  b.launchNext();
  int64_t firstBlock = 0;
  for (auto [i, sum] : llvm::enumerate(spec.sums)) {
    Value parts = launch.kernel.getArgument(i);
    Value result = launch.kernel.getArgument(spec.sums.size() + i);
    int64_t endBlock = firstBlock + getNumBlocks(sum);
    Value isMine =
        arith::AndIOp::create(b, b.less(block, b.index(endBlock)),
                              b.less(b.index(firstBlock - 1), block));
    b.ifThen(isMine, [&, sum = sum] {
      Value place = b.sub(block, b.index(firstBlock));
      Value blocksPerRow = b.index(llvm::divideCeil(sum.columns, kColumns));
      Value row = b.div(place, blocksPerRow);
      Value column =
          b.add(b.mul(b.rem(place, blocksPerRow), b.index(kColumns)), lane);
      Value inside = b.less(column, b.index(sum.columns));
      Value total =
          sumParts(b, parts, row, b.min(column, b.index(sum.columns - 1)), warp,
                   numWarps, spec.parts / sum.rows, sum);
      b.storeScalar(total, meeting, {warp, lane});
      b.barrier();
      Value stores =
          arith::AndIOp::create(b, inside, b.equal(warp, b.index(0)));
      b.ifThen(stores, [&] {
        Value total = b.loadScalar(meeting, {b.index(0), lane});
        for (int64_t i = 1; i < numWarps; ++i)
          total = b.add(total, b.loadScalar(meeting, {b.index(i), lane}));
        b.storeScalar(total, result,
                      b.add(b.mul(row, b.index(sum.columns)), column));
      });
    });
    firstBlock = endBlock;
  }
  return launch;
}
