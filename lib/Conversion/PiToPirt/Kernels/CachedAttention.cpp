//===- CachedAttention.cpp - Attention of one row over a cache ----*- C++
//-*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A cluster of blocks takes one head of one sequence and deals out the keys in
// turn. A group of lanes holds one vector of 16 bytes each of a key, several
// keys at a time; groups, warps and blocks combine their maximum, sum and
// result in a fixed order. K and V of the new row are read from the projection,
// never from the cache, where the first block puts them.
//
// Roofline at C = 1024, d = 768, B = 1: 3.1 MB of bf16 are 0.7 us at 4.25 TB/s;
// what counts is the latency of two loads, four barriers and the launch.
//
//===----------------------------------------------------------------------===//

#include "AttentionForward.h"
#include "KernelNames.h"

#include "pi/Target/Cubin/Cubin.h"

using namespace mlir;
using namespace mlir::pi;

static constexpr int64_t kClusterSize = 8, kThreads = 128, kWarps = 4;
/// Keys that a group of lanes has in flight.
static constexpr int64_t kUnroll = 4;

static std::string getName(const CachedAttentionSpec &spec) {
  return KernelName("cached_attention")
      .add(spec.element)
      .add("b", spec.batch)
      .add("c", spec.capacity)
      .add("h", spec.heads)
      .add("d", spec.headSize)
      .add("s", spec.scale)
      .addIf(spec.temperature, "temperature")
      .addIf(spec.updatesCache, "update")
      .str();
}

/// Bytes of a maximum, a sum and a result in shared memory.
static int64_t getEntryBytes(const CachedAttentionSpec &spec) {
  return 4 * (spec.headSize + 4);
}

/// The memrefs that the kernel takes.
static SmallVector<Type> getArgumentTypes(const CachedAttentionSpec &spec) {
  int64_t width = spec.heads * spec.headSize;
  Type f32 = Float32Type::get(spec.element.getContext());
  Type i32 = IntegerType::get(spec.element.getContext(), 32);
  SmallVector<Type> types = {
      MemRefType::get({spec.batch, 1, 3 * width}, spec.element),
      MemRefType::get({2, spec.batch, spec.capacity, width}, spec.element),
      MemRefType::get({}, i32)};
  if (spec.temperature)
    types.push_back(MemRefType::get({spec.heads, spec.capacity}, f32));
  types.push_back(MemRefType::get({spec.batch, 1, width}, spec.element));
  return types;
}

namespace {

/// An attention over some of the keys: result is not yet divided by the sum.
struct Partial {
  Val maximum, sum;
  Vals result;
};

class CachedAttentionKernel {
public:
  CachedAttentionKernel(gpu::GPUModuleOp module, Location loc, StringRef name,
                        const CachedAttentionSpec &spec)
      : spec(spec), type(spec.element), bytes(type.isF32() ? 4 : 2),
        vector(16 / bytes), vectors(spec.headSize / vector),
        lanesPerKey(llvm::PowerOf2Ceil(vectors)),
        width(spec.heads * spec.headSize),
        k(module, loc, name, getArgumentTypes(spec), kThreads, kClusterSize) {}

  gpu::GPUFuncOp build();

private:
  void computePlace();
  void updateCache();
  Partial visitKeys();
  Partial visit(Val firstKey, Partial state);
  Vals loadVector(Val newRow, Val cached, Val key);
  void combineGroups(Partial &state);
  void combineWarps(const Partial &state);
  void combineBlocks();
  void storeEntry(const Partial &state, Val entry, Val element);

  const CachedAttentionSpec &spec;
  Type type;
  int64_t bytes, vector, vectors, lanesPerKey, width;
  TileBuilder k;

  Val lane, warp, rank, head, batch, position;
  Val part, partOffset; // the lane's vector of a key, its bytes
  Val newKey, newValue, keyCache, valueCache, result;
  Vals query;
};

} // namespace

void CachedAttentionKernel::computePlace() {
  lane = k.laneId();
  warp = k.warpId();
  Val block = k.blockId(gpu::Dimension::x);
  rank = block % kClusterSize;
  Val batchHead = block / kClusterSize;
  batch = batchHead / spec.heads;
  head = batchHead % spec.heads;
  part = lane % lanesPerKey;
  partOffset = min(part, k.i32(vectors - 1)) * 16;

  Val headOffset = head * (spec.headSize * bytes);
  Val row = k.address(k.wideAddress(k.argument(0), batch, 3 * width * bytes),
                      headOffset);
  newKey = k.address(row, width * bytes);
  newValue = k.address(row, 2 * width * bytes);
  int64_t cacheBytes = spec.capacity * width * bytes;
  keyCache =
      k.address(k.wideAddress(k.argument(1), batch, cacheBytes), headOffset);
  valueCache = k.wideAddress(keyCache, k.i32(spec.batch), cacheBytes);
  result = k.address(
      k.wideAddress(k.argument(3 + spec.temperature), batch, width * bytes),
      headOffset);

  position = k.load(k.getI32Type(), k.argument(2), 4);
  Val factor = k.f32(spec.scale * kLog2E);
  if (spec.temperature)
    factor = factor / k.load(k.getF32Type(),
                             k.address(k.argument(3),
                                       (head * spec.capacity + position) * 4),
                             4);
  // Lanes past the head's width contribute nothing to a score.
  factor = select(part < static_cast<double>(vectors), factor, k.f32(0));
  query = k.unpack(type, k.loadWords(k.address(row, partOffset), 4));
  for (Val &q : query)
    q = q * factor;
}

void CachedAttentionKernel::updateCache() {
  Val thread = k.threadId();
  k.when(equal(rank, 0) & (thread < static_cast<double>(2 * vectors)), [&] {
    Val isKey = thread < static_cast<double>(vectors);
    Val offset = (thread % vectors) * 16;
    Val source = select(isKey, newKey, newValue);
    Val target = select(isKey, keyCache, valueCache);
    target = k.wideAddress(target, position, width * bytes);
    k.storeWords(k.loadWords(k.address(source, offset), 4),
                 k.address(target, offset));
  });
}

Vals CachedAttentionKernel::loadVector(Val newRow, Val cached, Val key) {
  Val clamped = min(key, position);
  Val row = select(position < key + 1, newRow,
                   k.wideAddress(cached, clamped, width * bytes));
  return k.loadWords(k.address(row, partOffset), 4);
}

/// Adds the keys `firstKey + i * stride` of each group.
Partial CachedAttentionKernel::visit(Val firstKey, Partial state) {
  int64_t groups = kThreads / lanesPerKey;
  SmallVector<Vals, 0> keys, values;
  Vals scores, indices;
  for (int64_t i = 0; i < kUnroll; ++i) {
    indices.push_back(firstKey + i * groups * kClusterSize);
    keys.push_back(loadVector(newKey, keyCache, indices[i]));
  }
  for (Val index : indices)
    values.push_back(loadVector(newValue, valueCache, index));
  Val maximum = state.maximum;
  for (int64_t i = 0; i < kUnroll; ++i) {
    Val score = k.f32(0);
    for (auto [q, x] : llvm::zip(query, k.unpack(type, keys[i])))
      score = fma(q, x, score);
    score = k.sumLanes(score, lanesPerKey - 1);
    score = select(position < indices[i], k.f32(kMaskedScore), score);
    scores.push_back(score);
    maximum = max(maximum, score);
  }
  Val correction = k.exp2(state.maximum - maximum);
  state.maximum = maximum;
  state.sum = state.sum * correction;
  for (Val &r : state.result)
    r = r * correction;
  for (int64_t i = 0; i < kUnroll; ++i) {
    Val p = k.exp2(scores[i] - maximum);
    state.sum = state.sum + p;
    for (auto [r, x] : llvm::zip(state.result, k.unpack(type, values[i])))
      r = fma(p, x, r);
  }
  return state;
}

Partial CachedAttentionKernel::visitKeys() {
  int64_t groups = kThreads / lanesPerKey;
  Vals inits = {k.f32(kMaskedScore), k.f32(0)};
  inits.append(vector, k.f32(0));
  Val group = k.threadId() / lanesPerKey;
  // Whole blocks of keys are dealt out, so that all lanes of a warp take part
  // in its shuffles; keys past the position are masked.
  Val blockStart = rank * groups;
  Vals carried =
      k.loop(blockStart, position + 1, kUnroll * groups * kClusterSize, inits,
             [&](Val start, ArrayRef<Val> values) {
               Partial state =
                   visit(start + group,
                         {values[0], values[1], Vals(values.drop_front(2))});
               Vals next = {state.maximum, state.sum};
               next.append(state.result);
               return next;
             });
  return {carried[0], carried[1], Vals(ArrayRef(carried).drop_front(2))};
}

void CachedAttentionKernel::combineGroups(Partial &state) {
  int64_t others = 31 & ~(lanesPerKey - 1);
  Val maximum = k.reduceLanes(state.maximum, others,
                              [](Val a, Val b) { return max(a, b); });
  Val correction = k.exp2(state.maximum - maximum);
  state.maximum = maximum;
  state.sum = k.sumLanes(state.sum * correction, others);
  for (Val &r : state.result)
    r = k.sumLanes(r * correction, others);
}

/// An entry of shared memory: the result, then the maximum and the sum.
void CachedAttentionKernel::storeEntry(const Partial &state, Val entry,
                                       Val element) {
  Val place = k.address(entry, element * 4);
  for (size_t i = 0; i < state.result.size(); i += 4) {
    size_t count = std::min<size_t>(4, state.result.size() - i);
    k.storeWords(ArrayRef(state.result).slice(i, count),
                 k.address(place, static_cast<int64_t>(4 * i)));
  }
  k.when(equal(element, 0), [&] {
    k.store(state.maximum, k.address(entry, 4 * spec.headSize), 4);
    k.store(state.sum, k.address(entry, 4 * spec.headSize + 4), 4);
  });
}

/// Combines column `element` of entries that lie at the given places.
static Partial combineEntries(TileBuilder &k, ArrayRef<Val> entries,
                              Val element, int64_t headSize) {
  Type f32 = k.getF32Type();
  Vals maxima, sums, results;
  for (Val entry : entries) {
    maxima.push_back(k.load(f32, k.address(entry, 4 * headSize), 4));
    sums.push_back(k.load(f32, k.address(entry, 4 * headSize + 4), 4));
    results.push_back(k.load(f32, k.address(entry, element * 4), 4));
  }
  Partial total{maxima[0], k.f32(0), {k.f32(0)}};
  for (Val maximum : maxima)
    total.maximum = max(total.maximum, maximum);
  for (size_t i = 0; i < entries.size(); ++i) {
    Val correction = k.exp2(maxima[i] - total.maximum);
    total.sum = fma(sums[i], correction, total.sum);
    total.result[0] = fma(results[i], correction, total.result[0]);
  }
  return total;
}

void CachedAttentionKernel::combineWarps(const Partial &state) {
  int64_t entryBytes = getEntryBytes(spec);
  Val shared = k.sharedMemory();
  k.when(lane < static_cast<double>(vectors), [&] {
    storeEntry(state, k.address(shared, warp * entryBytes), part * vector);
  });
  k.blockBarrier();
  Vals entries;
  for (int64_t w = 0; w < kWarps; ++w)
    entries.push_back(k.address(shared, w * entryBytes));
  for (int64_t first = 0; first < spec.headSize; first += kThreads) {
    Val element = k.threadId() + first;
    k.when(element < static_cast<double>(spec.headSize), [&] {
      storeEntry(combineEntries(k, entries, element, spec.headSize),
                 k.address(shared, kWarps * entryBytes), element);
    });
  }
}

void CachedAttentionKernel::combineBlocks() {
  Val entry = k.address(k.sharedMemory(), kWarps * getEntryBytes(spec));
  for (int64_t first = 0; first < spec.headSize; first += kThreads) {
    Val element = k.threadId() + first;
    Val mine = equal(rank, 0) & (element < static_cast<double>(spec.headSize));
    k.when(mine, [&] {
      Vals entries;
      for (int64_t other = 0; other < kClusterSize; ++other)
        entries.push_back(k.inCluster(entry, k.i32(other)));
      Partial total = combineEntries(k, entries, element, spec.headSize);
      k.storeFloat(type, total.result[0] / total.sum,
                   k.address(result, element * bytes));
    });
  }
}

gpu::GPUFuncOp CachedAttentionKernel::build() {
  k.waitForPreviousKernels();
  computePlace();
  if (spec.updatesCache)
    updateCache();
  Partial state = visitKeys();
  combineGroups(state);
  combineWarps(state);
  k.clusterBarrier();
  combineBlocks();
  k.clusterBarrier();
  gpu::GPUFuncOp function = k.finish();
  function->setAttr(kNoSpillAttr, k.getUnitAttr());
  return function;
}

FailureOr<KernelLaunch>
mlir::pi::buildCachedAttention(gpu::GPUModuleOp module, Location loc,
                               const CachedAttentionSpec &spec) {
  int64_t bits = spec.headSize * spec.element.getIntOrFloatBitWidth();
  if (bits % 128 || bits > 512 * 8)
    return emitError(loc) << "cached attention: heads of " << spec.headSize
                          << " elements of " << spec.element
                          << " are no multiple of 16 bytes, or more than "
                          << "512 bytes";
  std::string name = getName(spec);
  KernelLaunch launch;
  launch.kernel = module.lookupSymbol<gpu::GPUFuncOp>(name);
  if (!launch.kernel)
    launch.kernel = CachedAttentionKernel(module, loc, name, spec).build();
  launch.grid = {kClusterSize * spec.heads * spec.batch, 1, 1};
  launch.block = {kThreads, 1, 1};
  launch.sharedBytes = (kWarps + 1) * getEntryBytes(spec);
  launch.programmatic = true;
  return launch;
}
