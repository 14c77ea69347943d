//===- Argmax.cpp - The greatest number of a row --------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A cluster of blocks takes one row; the candidates of its warps meet in the
// shared memory of its first block.
//
// Roofline: 50257 f32 are 201 kB, which the head has just left in the L2.
//
//===----------------------------------------------------------------------===//

#include "ClusterMailbox.h"
#include "KernelNames.h"
#include "pi/Conversion/PiToPirt/Kernels.h"
#include "pi/Target/Cubin/Cubin.h"

#include <limits>

using namespace mlir;
using namespace mlir::pi;

static constexpr int64_t kClusterSize = 8, kThreads = 512, kWarps = 16;
/// A value and an index from each warp.
static constexpr int64_t kMailWords = 2 * kClusterSize * kWarps;

static std::string getName(const ArgmaxSpec &spec) {
  return KernelName("argmax")
      .add(spec.element)
      .add("m", spec.rows)
      .add("n", spec.columns)
      .add("s", spec.rowStride)
      .str();
}

namespace {
struct Candidate {
  Val value, index;
};
} // namespace

/// The greater one, or of equals the one with the lower index.
static Candidate better(Candidate a, Candidate b) {
  TileBuilder &k = *a.value.builder;
  Val isEqual = k.wrap(
      arith::CmpFOp::create(k, arith::CmpFPredicate::OEQ, a.value, b.value));
  Val tie = isEqual & (b.index < a.index);
  Val greater = a.value < b.value;
  Val takeB = k.wrap(arith::OrIOp::create(k, greater, tie));
  return {select(takeB, b.value, a.value), select(takeB, b.index, a.index)};
}

static Candidate reduceWarp(TileBuilder &k, Candidate best) {
  for (int64_t bit = 1; bit < 32; bit *= 2)
    best = better(
        best, {k.shuffleXor(best.value, bit), k.shuffleXor(best.index, bit)});
  return best;
}

/// The best of what this thread sees of the row.
static Candidate scan(TileBuilder &k, Type type, Val row, Val rank,
                      int64_t columns) {
  int64_t bytes = type.isF32() ? 4 : 2;
  constexpr int64_t unroll = 8, stride = kClusterSize * kThreads;
  Val minusInfinity = k.f32(-std::numeric_limits<float>::infinity());
  Val first = rank * kThreads + k.threadId();
  Vals best =
      k.loop(first, k.i32(columns), unroll * stride, {minusInfinity, k.i32(0)},
             [&](Val begin, ArrayRef<Val> carried) -> Vals {
               // Past the end the last number is seen again, which changes
               // nothing.
               SmallVector<Candidate> candidates;
               for (int64_t i = 0; i < unroll; ++i) {
                 Val index = min(begin + i * stride, k.i32(columns - 1));
                 candidates.push_back(
                     {k.loadFloat(type, k.address(row, index * bytes)), index});
               }
               Candidate result{carried[0], carried[1]};
               for (Candidate candidate : candidates)
                 result = better(result, candidate);
               return {result.value, result.index};
             });
  return {best[0], best[1]};
}

static gpu::GPUFuncOp build(gpu::GPUModuleOp module, Location loc,
                            StringRef name, const ArgmaxSpec &spec) {
  MLIRContext *context = module.getContext();
  TileBuilder k(module, loc, name,
                {MemRefType::get({spec.rows, spec.rowStride}, spec.element),
                 MemRefType::get({spec.rows}, IntegerType::get(context, 32))},
                kThreads, kClusterSize);
  k.launchNextKernel();
  Val block = k.blockId(gpu::Dimension::x);
  Val rowIndex = block / kClusterSize, rank = block % kClusterSize;
  ClusterMailbox mailbox(k, k.sharedMemory(), rank, kMailWords);
  mailbox.open();
  k.waitForPreviousKernels();
  Val lane = k.laneId();
  Val row = k.wideAddress(k.argument(0), rowIndex,
                          spec.rowStride * (spec.element.isF32() ? 4 : 2));
  Candidate best =
      reduceWarp(k, scan(k, spec.element, row, rank, spec.columns));

  k.when(equal(lane, 0), [&] {
    Val place = (rank * kWarps + k.warpId()) * 8;
    mailbox.send(best.value, place);
    mailbox.send(best.index, place + 4);
  });
  // Each lane of the first warp takes some of the candidates of all warps.
  k.when(equal(rank, 0) & (k.threadId() < 32), [&] {
    mailbox.await();
    Candidate total{k.f32(-std::numeric_limits<float>::infinity()), k.i32(0)};
    for (int64_t i = 0; i < kClusterSize * kWarps; i += 32) {
      Val place = k.address(mailbox.words(), (lane + i) * 8);
      total = better(total, {k.load(k.getF32Type(), place, 4),
                             k.load(k.getI32Type(), k.address(place, 4), 4)});
    }
    total = reduceWarp(k, total);
    k.when(equal(lane, 0), [&] {
      k.store(total.index, k.address(k.argument(1), rowIndex * 4), 4);
    });
  });
  gpu::GPUFuncOp function = k.finish();
  function->setAttr(kNoSpillAttr, k.getUnitAttr());
  return function;
}

FailureOr<KernelLaunch> mlir::pi::buildArgmax(gpu::GPUModuleOp module,
                                              Location loc,
                                              const ArgmaxSpec &spec) {
  if (spec.columns < 1 || spec.columns > spec.rowStride ||
      spec.columns > INT32_MAX / 4)
    return emitError(loc) << "argmax: " << spec.columns
                          << " columns in rows of " << spec.rowStride;
  std::string name = getName(spec);
  KernelLaunch launch;
  launch.kernel = module.lookupSymbol<gpu::GPUFuncOp>(name);
  if (!launch.kernel)
    launch.kernel = build(module, loc, name, spec);
  launch.grid = {kClusterSize * spec.rows, 1, 1};
  launch.block = {kThreads, 1, 1};
  launch.sharedBytes = ClusterMailbox::getBytes(kMailWords);
  launch.programmatic = true;
  return launch;
}
