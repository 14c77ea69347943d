//===- EntropyPenalty.cpp - The entropy regulariser of a layer ------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A block takes a head: its sums need no other block.
//
// Roofline: 32768 rows of a head are 128 KB, which one multiprocessor reads in
// about 2 us.
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"
#include "KernelNames.h"
#include "pi/Conversion/PiToPirt/Kernels.h"

#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>

using namespace mlir;
using namespace mlir::pi;

static constexpr int64_t kThreads = 1024;
/// Loads that a thread has in flight.
static constexpr int64_t kUnroll = 8;

namespace {
/// The rows of one head, seen from one thread.
class HeadRows {
public:
  HeadRows(KernelBuilder &b, const EntropyPenaltySpec &spec, Value entropy,
           Value threshold)
      : b(b), spec(spec), entropy(entropy), head(b.block()) {
    target = b.mul(b.loadScalar(threshold, head), b.f32(limit()));
  }

  /// E_max = log T.
  double limit() const { return std::log(double(spec.tokens)); }
  double numRows() const { return double(spec.batch) * double(spec.tokens); }

  /// The sum over all rows of fn(E, place, whether there is such a row).
  Value sum(function_ref<Value(Value, Value, Value)> fn);
  Value mean() {
    return b.div(sum([](Value e, Value, Value) { return e; }),
                 b.f32(numRows()));
  }
  /// delta where it passes the margin, else 0.
  Value deviation(Value e) {
    Value delta = b.sub(e, target);
    Value margin = b.f32(spec.gamma * limit());
    Value outside = b.less(margin, math::AbsFOp::create(b, delta));
    return b.select(outside, delta, b.f32(0));
  }

  KernelBuilder &b;
  const EntropyPenaltySpec &spec;
  Value entropy, head;

private:
  Value target;
};
} // namespace

Value HeadRows::sum(function_ref<Value(Value, Value, Value)> fn) {
  int64_t count = spec.batch * spec.tokens;
  int64_t steps = llvm::divideCeil(count, kThreads);
  int64_t unroll = std::min(kUnroll, steps);
  Value tokens = b.index(spec.tokens), thread = b.thread();
  auto add = [&](Value step, ValueRange carried) -> SmallVector<Value> {
    SmallVector<Value> places, loaded, isThere;
    for (int64_t i = 0; i < unroll; ++i) {
      Value row =
          b.add(b.mul(b.add(step, b.index(i)), b.index(kThreads)), thread);
      isThere.push_back(b.less(row, b.index(count)));
      row = b.min(row, b.index(count - 1));
      Value place = b.add(b.mul(b.div(row, tokens), b.index(spec.heads)), head);
      places.push_back(b.add(b.mul(place, tokens), b.rem(row, tokens)));
      loaded.push_back(b.loadScalar(entropy, places.back()));
    }
    Value total = carried.front();
    for (int64_t i = 0; i < unroll; ++i) {
      Value added = fn(loaded[i], places[i], isThere[i]);
      total = b.add(total, b.select(isThere[i], added, b.f32(0)));
    }
    return {total};
  };
  Value total =
      b.loop(b.index(0), b.index(steps), b.index(unroll), {b.f32(0)}, add)
          .front();
  return b.sumBlock(total);
}

static std::string getName(StringRef kind, const EntropyPenaltySpec &spec) {
  return KernelName(kind)
      .add(spec.element)
      .add(spec.perRow ? "per_row" : "per_head")
      .add("b", spec.batch)
      .add("h", spec.heads)
      .add("t", spec.tokens)
      .add("g", spec.gamma)
      .add("l", spec.lambda)
      .str();
}

static KernelLaunch getLaunch(gpu::GPUModuleOp module, StringRef name,
                              const EntropyPenaltySpec &spec) {
  KernelLaunch launch;
  launch.kernel = lookupKernel(module, name);
  launch.grid[0] = spec.heads;
  launch.block[0] = kThreads;
  launch.programmatic = true;
  return launch;
}

FailureOr<KernelLaunch>
mlir::pi::buildEntropyPenalty(gpu::GPUModuleOp module, Location loc,
                              const EntropyPenaltySpec &spec) {
  std::string name = getName("entropy_penalty", spec);
  KernelLaunch launch = getLaunch(module, name, spec);
  if (launch.kernel)
    return launch;
  Type f32 = Float32Type::get(module.getContext());
  int64_t count = spec.batch * spec.heads * spec.tokens;
  KernelBuilder b(module, loc, name,
                  {MemRefType::get({count}, spec.element),
                   MemRefType::get({spec.heads}, spec.element),
                   MemRefType::get({spec.heads}, f32)},
                  kThreads);
  launch.kernel = b.getKernel();
  Value entropy = b.takeArgument(), threshold = b.takeArgument();
  b.waitForPrevious();
  b.launchNext();
  HeadRows rows(b, spec, entropy, threshold);
  auto square = [&](Value e) {
    Value a = rows.deviation(e);
    return b.mul(a, a);
  };
  Value squares =
      spec.perRow ? rows.sum([&](Value e, Value, Value) { return square(e); })
                  : square(rows.mean());
  Value part = b.mul(squares, b.f32(spec.lambda / spec.heads));
  b.ifThen(b.equal(b.thread(), b.index(0)),
           [&] { b.storeScalar(part, b.takeArgument(), rows.head); });
  return launch;
}

FailureOr<KernelLaunch>
mlir::pi::buildEntropyPenaltyGrad(gpu::GPUModuleOp module, Location loc,
                                  const EntropyPenaltySpec &spec) {
  std::string name = getName("entropy_penalty_grad", spec);
  KernelLaunch launch = getLaunch(module, name, spec);
  if (launch.kernel)
    return launch;
  int64_t count = spec.batch * spec.heads * spec.tokens;
  auto whole = MemRefType::get({count}, spec.element);
  auto heads = MemRefType::get({spec.heads}, spec.element);
  KernelBuilder b(
      module, loc, name,
      {MemRefType::get({1}, spec.element), whole, heads, whole, heads},
      kThreads);
  launch.kernel = b.getKernel();
  Value gradient = b.takeArgument(), entropy = b.takeArgument();
  Value threshold = b.takeArgument(), dEntropy = b.takeArgument();
  Value dThreshold = b.takeArgument();
  b.waitForPrevious();
  b.launchNext();
  HeadRows rows(b, spec, entropy, threshold);
  // What each row has of the deviation of its head, or its own.
  Value ofHead, c = b.mul(b.loadScalar(gradient, b.index(0)),
                          b.f32(2.0 * spec.lambda / spec.heads));
  if (!spec.perRow)
    ofHead = rows.deviation(rows.mean());
  Value sum = rows.sum([&](Value e, Value place, Value isThere) {
    Value a = spec.perRow ? rows.deviation(e)
                          : b.mul(ofHead, b.f32(1.0 / rows.numRows()));
    b.ifThen(isThere, [&] { b.storeScalar(b.mul(c, a), dEntropy, place); });
    return a;
  });
  if (!spec.perRow)
    sum = ofHead;
  Value slope = b.mul(b.mul(c, b.f32(-rows.limit())), sum);
  b.ifThen(b.equal(b.thread(), b.index(0)),
           [&] { b.storeScalar(slope, dThreshold, rows.head); });
  return launch;
}
