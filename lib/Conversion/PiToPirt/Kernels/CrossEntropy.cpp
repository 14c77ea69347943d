//===- CrossEntropy.cpp - The cross-entropy of rows of logits -------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A block takes one row. It reads the row once, keeping it in shared memory,
// and carries the maximum and the sum of powers along (online softmax, arXiv
// 1805.02867); then it writes the gradient, if that is asked for, in place of
// the logits. A thread reads from shared memory what it wrote there itself, so
// that it is an extension of its registers: a row of 50304 bf16 takes half of
// what a multiprocessor has of either, and while one block computes, the other
// one keeps the memory busy. A longer row than that is read twice.
//
// Roofline: one read and one write of the logits. 32768 rows of 50304 bf16 are
// 6.6 GB, 2.2 ms at 3 TB/s; two powers for each element are 0.8 ms of the
// special function units of 132 multiprocessors, and run beside the memory.
//
//===----------------------------------------------------------------------===//

#include "KernelNames.h"
#include "TileBuilder.h"
#include "pi/Conversion/PiToPirt/Kernels.h"
#include "pi/Target/Cubin/Cubin.h"

#include <limits>

using namespace mlir;
using namespace mlir::pi;

static constexpr double kLog2E = 1.4426950408889634, kLn2 = 0.6931471805599453;
/// Finite, so that a difference of two is no NaN.
static constexpr double kLowest = std::numeric_limits<float>::lowest();
static constexpr int64_t kWarpSize = 32, kMaxThreads = 512;
/// Accesses of a thread that are under way at the same time.
static constexpr int64_t kUnroll = 4;
/// What two blocks may take of the shared memory of a multiprocessor.
static constexpr int64_t kMaxCacheBytes = 112 << 10;
/// Shared memory in front of the cached row: two f32 for each warp.
static constexpr int64_t kMailBytes = 2 * 4 * kMaxThreads / kWarpSize;
/// For the kernels of one block.
static constexpr int64_t kSumThreads = 1024, kSumUnroll = 8;

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

namespace {
/// log2 of a sum of powers 2^x, as `maximum` + log2(`sum`): the sum of
/// 2^(x - maximum).
struct PowerSum {
  Val maximum, sum;
};

class RowKernelBuilder {
public:
  RowKernelBuilder(TileBuilder &k, const CrossEntropySpec &spec);
  void build();

  static int64_t getThreads(const CrossEntropySpec &spec);
  static int64_t getSharedBytes(const CrossEntropySpec &spec);

private:
  static int64_t getElementBytes(const CrossEntropySpec &spec) {
    return spec.element.isF32() ? 4 : 2;
  }
  static int64_t getWidth(const CrossEntropySpec &spec);
  static bool isCached(const CrossEntropySpec &spec);

  /// `visit` for each access of this thread of the row: the number of the
  /// access, and whether some of its elements are beyond the columns.
  Vals
  forEachAccess(ArrayRef<Val> carried,
                function_ref<Vals(ArrayRef<Val>, ArrayRef<Val>, bool)> visit);
  Vals read(Val pointer);
  void write(ArrayRef<Val> numbers, Val pointer);
  Val isColumn(Val access, int64_t element);

  PowerSum sumPowers();
  PowerSum combine(PowerSum a, PowerSum b);
  PowerSum combineBlock(PowerSum sum);
  void writeGradient(Val row, Val logSum, Val share);

  TileBuilder &k;
  const CrossEntropySpec &spec;
  int64_t bytes, width, threads;
  bool cached;
  Val logits, cache;
};
} // namespace

/// The elements of one access: as many as keep rows aligned.
int64_t RowKernelBuilder::getWidth(const CrossEntropySpec &spec) {
  int64_t width = 16 / getElementBytes(spec);
  while (spec.rowStride % width != 0)
    width /= 2;
  return width;
}

/// Threads of a block: so many that each has some accesses to do.
int64_t RowKernelBuilder::getThreads(const CrossEntropySpec &spec) {
  int64_t accesses = spec.rowStride / getWidth(spec), threads = kWarpSize;
  while (threads < kMaxThreads && threads * 2 * kUnroll <= accesses)
    threads *= 2;
  return threads;
}

/// Whether the row is read again, and can be kept.
bool RowKernelBuilder::isCached(const CrossEntropySpec &spec) {
  int64_t bytes = getElementBytes(spec);
  return spec.result && getWidth(spec) * bytes == 16 &&
         spec.rowStride * bytes + kMailBytes <= 2 * kMaxCacheBytes;
}

int64_t RowKernelBuilder::getSharedBytes(const CrossEntropySpec &spec) {
  return kMailBytes +
         (isCached(spec) ? spec.rowStride * getElementBytes(spec) : 0);
}

RowKernelBuilder::RowKernelBuilder(TileBuilder &k, const CrossEntropySpec &spec)
    : k(k), spec(spec), bytes(getElementBytes(spec)), width(getWidth(spec)),
      threads(getThreads(spec)), cached(isCached(spec)) {}

Vals RowKernelBuilder::read(Val pointer) {
  if (width * bytes < 4)
    return {k.loadFloat(spec.element, pointer)};
  return k.unpack(spec.element, k.loadWords(pointer, width * bytes / 4));
}

void RowKernelBuilder::write(ArrayRef<Val> numbers, Val pointer) {
  if (width * bytes < 4)
    return k.storeFloat(spec.element, numbers[0], pointer);
  Vals words;
  for (size_t i = 0; i < numbers.size(); ++i)
    if (spec.element.isF32())
      words.push_back(k.bitcast(numbers[i], k.getI32Type()));
    else if (i % 2 == 0)
      words.push_back(k.packBF16(numbers[i], numbers[i + 1]));
  k.storeWords(words, pointer);
}

Val RowKernelBuilder::isColumn(Val access, int64_t element) {
  return access * width + element < spec.columns;
}

Vals RowKernelBuilder::forEachAccess(
    ArrayRef<Val> carried,
    function_ref<Vals(ArrayRef<Val>, ArrayRef<Val>, bool)> visit) {
  int64_t accesses = spec.columns / width, all = spec.rowStride / width;
  Vals values(carried);
  // Several at a time as long as all threads have as many, then one by one,
  // and at last those that reach beyond the columns.
  int64_t begin = 0;
  auto run = [&](int64_t end, int64_t count, bool partial) {
    if (begin == end)
      return;
    values = k.loop(k.threadId() + begin, k.i32(end), count * threads, values,
                    [&](Val first, ArrayRef<Val> carried) {
                      Vals each;
                      for (int64_t i = 0; i < count; ++i)
                        each.push_back(first + i * threads);
                      return visit(each, carried, partial);
                    });
    begin = end;
  };
  run(accesses / (kUnroll * threads) * (kUnroll * threads), kUnroll, false);
  run(accesses, 1, false);
  run(all, 1, true);
  return values;
}

PowerSum RowKernelBuilder::combine(PowerSum a, PowerSum b) {
  Val maximum = max(a.maximum, b.maximum);
  Val sum = a.sum * k.exp2(a.maximum - maximum);
  return {maximum, fma(b.sum, k.exp2(b.maximum - maximum), sum)};
}

/// What this thread sees of the row, in powers of two; keeps it if asked for.
PowerSum RowKernelBuilder::sumPowers() {
  Val log2E = k.f32(kLog2E), lowest = k.f32(kLowest), zero = k.f32(0);
  Vals result = forEachAccess(
      {lowest, zero},
      [&](ArrayRef<Val> accesses, ArrayRef<Val> carried, bool partial) -> Vals {
        SmallVector<Vals> groups;
        for (Val access : accesses) {
          Val pointer = k.address(logits, access * (width * bytes));
          if (!cached) {
            groups.push_back(read(pointer));
            continue;
          }
          Vals words = k.loadWords(pointer, width * bytes / 4);
          k.storeWords(words, k.address(cache, access * (width * bytes)));
          groups.push_back(k.unpack(spec.element, words));
        }
        Val greatest = lowest;
        for (auto [access, numbers] : llvm::zip_equal(accesses, groups))
          for (auto [i, number] : llvm::enumerate(numbers)) {
            if (partial)
              number = select(isColumn(access, i), number, lowest);
            greatest = max(greatest, number);
          }
        Val maximum = max(carried[0], greatest * log2E);
        Val sum = carried[1] * k.exp2(carried[0] - maximum);
        for (Vals &numbers : groups)
          for (Val number : numbers)
            sum = sum + k.exp2(fma(number, log2E, zero - maximum));
        return {maximum, sum};
      });
  return {result[0], result[1]};
}

/// The sum of all threads, the same for each. They wait for each other here.
PowerSum RowKernelBuilder::combineBlock(PowerSum sum) {
  auto combineLanes = [&](PowerSum sum, int64_t count) {
    for (int64_t bit = 1; bit < count; bit *= 2)
      sum = combine(
          sum, {k.shuffleXor(sum.maximum, bit), k.shuffleXor(sum.sum, bit)});
    return sum;
  };
  sum = combineLanes(sum, kWarpSize);
  int64_t warps = threads / kWarpSize;
  if (warps == 1) {
    k.warpBarrier();
    return sum;
  }
  Val mail = k.sharedMemory();
  k.when(equal(k.laneId(), 0), [&] {
    Val place = k.address(mail, k.warpId() * 8);
    k.store(sum.maximum, place, 4);
    k.store(sum.sum, k.address(place, 4), 4);
  });
  k.blockBarrier();
  Val place = k.address(mail, k.laneId() % warps * 8);
  PowerSum other{k.load(k.getF32Type(), place, 4),
                 k.load(k.getF32Type(), k.address(place, 4), 4)};
  return combineLanes(other, warps);
}

/// share * 2^(x - logSum), and 0 beyond the columns.
void RowKernelBuilder::writeGradient(Val row, Val logSum, Val share) {
  Val log2E = k.f32(kLog2E), zero = k.f32(0);
  Val source = cached ? cache : logits;
  forEachAccess(
      {}, [&](ArrayRef<Val> accesses, ArrayRef<Val>, bool partial) -> Vals {
        SmallVector<Vals> groups;
        for (Val access : accesses)
          groups.push_back(read(k.address(source, access * (width * bytes))));
        for (auto [access, numbers] : llvm::zip_equal(accesses, groups)) {
          for (auto [i, number] : llvm::enumerate(numbers)) {
            number = k.exp2(fma(number, log2E, zero - logSum)) * share;
            if (partial)
              number = select(isColumn(access, i), number, zero);
          }
          write(numbers, k.address(row, access * (width * bytes)));
        }
        return {};
      });
}

void RowKernelBuilder::build() {
  k.launchNextKernel();
  k.waitForPreviousKernels();
  unsigned next = 2;
  Val index = k.blockId(gpu::Dimension::x);
  int64_t rowBytes = spec.rowStride * bytes;
  logits = k.wideAddress(k.argument(0), index, rowBytes);
  if (cached)
    cache = k.address(k.sharedMemory(), kMailBytes);
  Val target =
      k.load(k.getI32Type(), k.wideAddress(k.argument(1), index, 4), 4);
  Val ignored = equal(target, spec.ignoreIndex);
  target = select(ignored, k.i32(0), target);
  // Before it may be overwritten.
  Val hit = k.loadFloat(spec.element, k.address(logits, target * bytes));
  Val share;
  if (spec.result) {
    Val count = k.load(k.getF32Type(), k.argument(next++), 4);
    Val gradient = k.f32(1);
    if (spec.gradient)
      gradient = k.load(k.getF32Type(), k.argument(next++), 4);
    share = select(ignored, k.f32(0), gradient / count);
  }
  PowerSum sum = combineBlock(sumPowers());
  Val logSum = sum.maximum + k.log2(sum.sum);
  if (spec.losses) {
    Val losses = k.argument(next++);
    k.when(equal(k.threadId(), 0), [&] {
      // In this order, so that little is lost where logits are far apart.
      Val loss = (sum.maximum - hit * kLog2E + k.log2(sum.sum)) * kLn2;
      k.store(select(ignored, k.f32(0), loss), k.wideAddress(losses, index, 4),
              4);
    });
  }
  if (!spec.result)
    return;
  Val row = k.wideAddress(k.argument(next), index, rowBytes);
  writeGradient(row, logSum, share);
  // The thread that wrote the target's element corrects it.
  Val access = target / width;
  Val whole = k.i32(spec.columns / width);
  Val writer = select(access < whole, access, access - whole) % threads;
  k.when(k.wrap(arith::CmpIOp::create(k, arith::CmpIPredicate::eq, k.threadId(),
                                      writer)),
         [&] {
           Val p = k.exp2(fma(hit, k.f32(kLog2E), k.f32(0) - logSum));
           k.storeFloat(spec.element, (p - 1.0) * share,
                        k.address(row, target * bytes));
         });
}

static std::string getName(const CrossEntropySpec &spec) {
  return KernelName("cross_entropy")
      .add(spec.element)
      .add("m", spec.rows)
      .add("n", spec.columns)
      .add("s", spec.rowStride)
      .add("i" + llvm::utohexstr(static_cast<uint32_t>(spec.ignoreIndex)))
      .addIf(spec.losses, "losses")
      .addIf(spec.result, "result")
      .addIf(spec.gradient, "gradient")
      .str();
}

FailureOr<KernelLaunch>
mlir::pi::buildCrossEntropy(gpu::GPUModuleOp module, Location loc,
                            const CrossEntropySpec &spec) {
  if (spec.rows < 1 || spec.columns < 1 || spec.columns > spec.rowStride ||
      spec.rowStride > INT32_MAX / 8)
    return emitError(loc) << "cross-entropy: " << spec.rows << " rows of "
                          << spec.columns << " columns, " << spec.rowStride
                          << " apart";
  std::string name = getName(spec);
  KernelLaunch launch;
  launch.grid = {spec.rows, 1, 1};
  launch.block = {RowKernelBuilder::getThreads(spec), 1, 1};
  launch.sharedBytes = RowKernelBuilder::getSharedBytes(spec);
  launch.programmatic = true;
  launch.kernel = module.lookupSymbol<gpu::GPUFuncOp>(name);
  if (launch.kernel)
    return launch;

  Builder b(module.getContext());
  Type f32 = b.getF32Type();
  Type matrix = MemRefType::get({spec.rows, spec.rowStride}, spec.element);
  SmallVector<Type> arguments = {matrix,
                                 MemRefType::get({spec.rows}, b.getI32Type())};
  if (spec.result)
    arguments.push_back(MemRefType::get({1}, f32));
  if (spec.gradient)
    arguments.push_back(MemRefType::get({}, f32));
  if (spec.losses)
    arguments.push_back(MemRefType::get({spec.rows}, f32));
  if (spec.result)
    arguments.push_back(matrix);
  TileBuilder k(module, loc, name, arguments, launch.block[0]);
  RowKernelBuilder(k, spec).build();
  launch.kernel = k.finish();
  launch.kernel->setAttr(kNoSpillAttr, k.getUnitAttr());
  return launch;
}

//===----------------------------------------------------------------------===//
// Sums over rows
//===----------------------------------------------------------------------===//

/// Builds a kernel of one block, which sums `getNumber` of all rows in an order
/// that their number alone decides, and passes the sum to `finish` in one
/// thread.
static FailureOr<KernelLaunch>
buildSum(gpu::GPUModuleOp module, Location loc, StringRef name,
         ArrayRef<Type> arguments, int64_t rows,
         function_ref<Val(TileBuilder &, Val)> getNumber,
         function_ref<void(TileBuilder &, Val)> finish) {
  if (rows < 1 || rows > INT32_MAX / 8)
    return emitError(loc) << "cross-entropy: " << rows << " rows";
  KernelLaunch launch;
  launch.block = {kSumThreads, 1, 1};
  launch.sharedBytes = kSumThreads / kWarpSize * 4;
  launch.programmatic = true;
  launch.kernel = module.lookupSymbol<gpu::GPUFuncOp>(name);
  if (launch.kernel)
    return launch;

  TileBuilder k(module, loc, name, arguments, kSumThreads);
  k.launchNextKernel();
  k.waitForPreviousKernels();
  Val zero = k.f32(0), end = k.i32(rows);
  Val sum = k.loop(k.threadId(), end, kSumUnroll * kSumThreads, {zero},
                   [&](Val first, ArrayRef<Val> carried) -> Vals {
                     Vals numbers;
                     for (int64_t i = 0; i < kSumUnroll; ++i) {
                       Val row = first + i * kSumThreads;
                       Val number = getNumber(k, min(row, k.i32(rows - 1)));
                       numbers.push_back(select(row < end, number, zero));
                     }
                     Val sum = carried[0];
                     for (Val number : numbers)
                       sum = sum + number;
                     return {sum};
                   })[0];
  sum = k.sumLanes(sum);
  Val mail = k.sharedMemory();
  k.when(equal(k.laneId(), 0),
         [&] { k.store(sum, k.address(mail, k.warpId() * 4), 4); });
  k.blockBarrier();
  sum = k.sumLanes(k.load(k.getF32Type(), k.address(mail, k.laneId() * 4), 4));
  k.when(equal(k.threadId(), 0), [&] { finish(k, sum); });
  launch.kernel = k.finish();
  return launch;
}

FailureOr<KernelLaunch> mlir::pi::buildTargetCount(gpu::GPUModuleOp module,
                                                   Location loc, int64_t rows,
                                                   int32_t ignoreIndex) {
  Builder b(module.getContext());
  std::string name =
      KernelName("target_count")
          .add("m", rows)
          .add("i" + llvm::utohexstr(static_cast<uint32_t>(ignoreIndex)))
          .str();
  return buildSum(
      module, loc, name,
      {MemRefType::get({rows}, b.getI32Type()),
       MemRefType::get({1}, b.getF32Type())},
      rows,
      [&](TileBuilder &k, Val row) {
        Val target =
            k.load(k.getI32Type(), k.address(k.argument(0), row * 4), 4);
        return select(equal(target, ignoreIndex), k.f32(0), k.f32(1));
      },
      [](TileBuilder &k, Val sum) {
        k.store(max(sum, k.f32(1)), k.argument(1), 4);
      });
}

FailureOr<KernelLaunch> mlir::pi::buildMeanLoss(gpu::GPUModuleOp module,
                                                Location loc, int64_t rows) {
  Type f32 = Float32Type::get(module.getContext());
  return buildSum(
      module, loc, KernelName("mean_loss").add("m", rows).str(),
      {MemRefType::get({rows}, f32), MemRefType::get({1}, f32),
       MemRefType::get({}, f32)},
      rows,
      [](TileBuilder &k, Val row) {
        return k.load(k.getF32Type(), k.address(k.argument(0), row * 4), 4);
      },
      [](TileBuilder &k, Val sum) {
        Val count = k.load(k.getF32Type(), k.argument(1), 4);
        k.store(sum / count, k.argument(2), 4);
      });
}
