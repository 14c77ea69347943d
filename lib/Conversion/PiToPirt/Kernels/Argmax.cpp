//===- Argmax.cpp - The greedy next token ---------------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One block a row: 200 KB of f32 logits come from L2, at some 100 GB/s a
// multiprocessor in about 2 us.
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"
#include "pi/Conversion/PiToPirt/Kernels.h"
#include "pi/Target/Cubin/Cubin.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::pi;

namespace {
constexpr int64_t kNumThreads = 1024;
/// Elements that a thread loads before it looks at the first.
constexpr int64_t kLoadsInFlight = 8;

/// The largest element so far and where it stands.
struct Largest {
  Value value, position;
};
} // namespace

/// The larger of two, of equal ones the first in the row.
static Largest combine(KernelBuilder &b, Largest x, Largest y) {
  Value first = arith::AndIOp::create(b, b.equal(y.value, x.value),
                                      b.less(y.position, x.position));
  Value takeY = arith::OrIOp::create(b, b.less(x.value, y.value), first);
  return {b.select(takeY, y.value, x.value),
          b.select(takeY, y.position, x.position)};
}

static Largest combineLanes(KernelBuilder &b, Largest x) {
  for (int64_t offset = KernelBuilder::kWarpSize / 2; offset; offset /= 2) {
    auto exchange = [&](Value value) -> Value {
      return gpu::ShuffleOp::create(b, value, b.i32(offset),
                                    b.i32(KernelBuilder::kWarpSize),
                                    gpu::ShuffleMode::XOR)
          .getShuffleResult();
    };
    x = combine(b, x, {exchange(x.value), exchange(x.position)});
  }
  return x;
}

/// The largest element of the columns of one thread. Columns past the end
/// repeat the last one, which changes nothing.
static Largest scanRow(KernelBuilder &b, const ArgmaxSpec &spec, Value input) {
  Value last = b.index(spec.columns - 1);
  auto load = [&](Value column) -> Largest {
    column = b.min(column, last);
    Value position =
        arith::IndexCastOp::create(b, b.getI32Type(), column).getResult();
    return {b.loadScalar(input, {b.block(), column}), position};
  };
  Largest first = load(b.thread());
  SmallVector<Value> found = b.loop(
      b.thread(), b.index(llvm::alignTo(spec.columns, kNumThreads)),
      b.index(kNumThreads * kLoadsInFlight), {first.value, first.position},
      [&](Value begin, ValueRange carried) {
        SmallVector<Largest> loaded;
        for (int64_t i = 0; i < kLoadsInFlight; ++i)
          loaded.push_back(load(b.add(begin, b.index(i * kNumThreads))));
        Largest best = {carried[0], carried[1]};
        for (Largest &candidate : loaded)
          best = combine(b, best, candidate);
        return SmallVector<Value>{best.value, best.position};
      });
  return {found[0], found[1]};
}

static gpu::GPUFuncOp emit(gpu::GPUModuleOp module, Location loc,
                           StringRef name, const ArgmaxSpec &spec) {
  Type i32 = IntegerType::get(module.getContext(), 32);
  Type types[] = {MemRefType::get({spec.rows, spec.rowStride}, spec.element),
                  MemRefType::get({spec.rows}, i32)};
  KernelBuilder b(module, loc, name, types, kNumThreads);
  b.getKernel()->setAttr(kNoSpillAttr, b.getUnitAttr());
  Value input = b.takeArgument(), result = b.takeArgument();
  constexpr int64_t numWarps = kNumThreads / KernelBuilder::kWarpSize;
  Value values = b.allocateShared({numWarps}, b.getF32Type());
  Value positions = b.allocateShared({numWarps}, i32);

  b.launchNext();
  b.waitForPrevious();
  Largest best = combineLanes(b, scanRow(b, spec, input));
  Value lane = b.rem(b.thread(), b.index(KernelBuilder::kWarpSize));
  Value warp = b.div(b.thread(), b.index(KernelBuilder::kWarpSize));
  b.ifThen(b.equal(lane, b.index(0)), [&] {
    b.storeScalar(best.value, values, warp);
    b.storeScalar(best.position, positions, warp);
  });
  b.barrier();
  Largest total = combineLanes(
      b, {b.loadScalar(values, lane), b.loadScalar(positions, lane)});
  b.ifThen(b.equal(b.thread(), b.index(0)),
           [&] { b.storeScalar(total.position, result, b.block()); });
  return b.getKernel();
}

FailureOr<KernelLaunch> mlir::pi::buildArgmax(gpu::GPUModuleOp module,
                                              Location loc,
                                              const ArgmaxSpec &spec) {
  if (spec.columns < 1 || spec.columns > spec.rowStride ||
      spec.columns > INT32_MAX)
    return emitError(loc) << "argmax: " << spec.columns
                          << " columns in rows of " << spec.rowStride;
  std::string name = "argmax_" + getTypeName(spec.element) + "_r" +
                     Twine(spec.rows).str() + "_n" + Twine(spec.columns).str() +
                     "_s" + Twine(spec.rowStride).str();
  KernelLaunch launch;
  launch.kernel = lookupKernel(module, name);
  if (!launch.kernel)
    launch.kernel = emit(module, loc, name, spec);
  launch.grid = {spec.rows, 1, 1};
  launch.block = {kNumThreads, 1, 1};
  launch.programmatic = true;
  return launch;
}
