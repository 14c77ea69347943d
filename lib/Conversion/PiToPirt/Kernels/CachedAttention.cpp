//===- CachedAttention.cpp - Attention of one row over a cache ------------===//
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
// never from the cache, where the first block puts them. The first rows of the
// cache, all of them up to 1024 in bf16, are loaded before the wait for the
// projection, which does not change them.
//
// Roofline at C = 1024, d = 768, B = 1: 3.1 MB of bf16 are 0.7 us at 4.25 TB/s;
// what counts is the latency of one load, three barriers and the launch.
//
//===----------------------------------------------------------------------===//

#include "AttentionForward.h"
#include "ClusterMailbox.h"
#include "KernelNames.h"

#include "pi/Target/Cubin/Cubin.h"

using namespace mlir;
using namespace mlir::pi;

static constexpr int64_t kClusterSize = 8, kThreads = 128, kWarps = 4;
/// Keys that a group of lanes has in flight.
static constexpr int64_t kUnroll = 8;

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

/// Bytes of a result, a maximum and a sum in shared memory, whose accesses of
/// 16 bytes take a padded one, and in the mailbox.
static int64_t getEntryBytes(const CachedAttentionSpec &spec) {
  return 4 * (spec.headSize + 4);
}
static int64_t getMailWords(const CachedAttentionSpec &spec) {
  return spec.headSize + 2;
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

/// The lane's vectors of some keys and values in the cache, as words.
struct CachedRows {
  Vals indices;
  SmallVector<Vals, 0> keys, values;
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
  void loadNewRow();
  void updateCache();
  CachedRows loadRows(Val firstKey);
  Partial visitKeys(const CachedRows &firstRows);
  Partial visit(const CachedRows &rows, Partial state);
  Vals selectRow(Val index, ArrayRef<Val> cached, ArrayRef<Val> newWords);
  void combineGroups(Partial &state);
  void combineWarps(const Partial &state);
  void combineBlocks();
  void forEachElement(function_ref<void(Val)> body);

  /// Groups of lanes in a block, each of which holds a key.
  int64_t groups() const { return kThreads / lanesPerKey; }
  /// Keys that the cluster visits at once.
  int64_t keysPerStep() const { return kUnroll * kClusterSize * groups(); }
  ClusterMailbox mailbox() {
    return ClusterMailbox(
        k, k.address(k.sharedMemory(), kWarps * getEntryBytes(spec)), rank,
        kClusterSize * getMailWords(spec));
  }

  const CachedAttentionSpec &spec;
  Type type;

  int64_t bytes, vector, vectors, lanesPerKey, width;
  TileBuilder k;

  Val lane, warp, rank, head, batch, position;
  Val part, partOffset; // the lane's vector of a key, its bytes
  Val newQuery, newKey, newValue, keyCache, valueCache, result;
  Vals query, newKeyWords, newValueWords;
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
  newQuery = k.address(k.wideAddress(k.argument(0), batch, 3 * width * bytes),
                       headOffset);
  newKey = k.address(newQuery, width * bytes);
  newValue = k.address(newQuery, 2 * width * bytes);
  int64_t cacheBytes = spec.capacity * width * bytes;
  keyCache =
      k.address(k.wideAddress(k.argument(1), batch, cacheBytes), headOffset);
  valueCache = k.wideAddress(keyCache, k.i32(spec.batch), cacheBytes);
  result = k.address(
      k.wideAddress(k.argument(3 + spec.temperature), batch, width * bytes),
      headOffset);

  position = k.load(k.getI32Type(), k.argument(2), 4);
}

void CachedAttentionKernel::loadNewRow() {
  Val factor = k.f32(spec.scale * kLog2E);
  if (spec.temperature)
    factor = factor / k.load(k.getF32Type(),
                             k.address(k.argument(3),
                                       (head * spec.capacity + position) * 4),
                             4);
  // Lanes past the head's width contribute nothing to a score.
  factor = select(part < static_cast<double>(vectors), factor, k.f32(0));
  query = k.unpack(type, k.loadWords(k.address(newQuery, partOffset), 4));
  for (Val &q : query)
    q = q * factor;
  newKeyWords = k.loadWords(k.address(newKey, partOffset), 4);
  newValueWords = k.loadWords(k.address(newValue, partOffset), 4);
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

/// Loads the keys `firstKey + i * stride` of each group; past the new row, that
/// row's place.
CachedRows CachedAttentionKernel::loadRows(Val firstKey) {
  CachedRows rows;
  auto load = [&](Val cache, Val index) {
    Val row = k.wideAddress(cache, min(index, position), width * bytes);
    return k.loadWords(k.address(row, partOffset), 4);
  };
  for (int64_t i = 0; i < kUnroll; ++i)
    rows.indices.push_back(firstKey + i * (keysPerStep() / kUnroll));
  for (Val index : rows.indices)
    rows.keys.push_back(load(keyCache, index));
  for (Val index : rows.indices)
    rows.values.push_back(load(valueCache, index));
  return rows;
}

/// Words of a cached row, or of the new one in its place and past it.
Vals CachedAttentionKernel::selectRow(Val index, ArrayRef<Val> cached,
                                      ArrayRef<Val> newWords) {
  Vals words;
  for (auto [old, other] : llvm::zip_equal(cached, newWords))
    words.push_back(select(index < position, old, other));
  return words;
}

Partial CachedAttentionKernel::visit(const CachedRows &rows, Partial state) {
  Vals scores;
  Val maximum = state.maximum;
  for (auto [index, key] : llvm::zip_equal(rows.indices, rows.keys)) {
    Vals words = selectRow(index, key, newKeyWords);
    Val score = k.f32(0);
    for (auto [q, x] : llvm::zip(query, k.unpack(type, words)))
      score = fma(q, x, score);
    score = k.sumLanes(score, lanesPerKey - 1);
    score = select(position < index, k.f32(kMaskedScore), score);
    scores.push_back(score);
    maximum = max(maximum, score);
  }
  Val correction = k.exp2(state.maximum - maximum);
  state.maximum = maximum;
  state.sum = state.sum * correction;
  for (Val &r : state.result)
    r = r * correction;
  for (auto [index, score, value] :
       llvm::zip_equal(rows.indices, scores, rows.values)) {
    Vals words = selectRow(index, value, newValueWords);
    Val p = k.exp2(score - maximum);
    state.sum = state.sum + p;
    for (auto [r, x] : llvm::zip(state.result, k.unpack(type, words)))
      r = fma(p, x, r);
  }
  return state;
}

/// Whole blocks of keys are dealt out, so that all lanes of a warp take part
/// in its shuffles; keys past the position are masked.
Partial CachedAttentionKernel::visitKeys(const CachedRows &firstRows) {
  Vals zeros(vector, k.f32(0));
  Partial state =
      visit(firstRows, {k.f32(kMaskedScore), k.f32(0), std::move(zeros)});
  if (spec.capacity <= keysPerStep())
    return state;
  Val group = k.threadId() / lanesPerKey;
  Vals inits = {state.maximum, state.sum};
  inits.append(state.result);
  Vals carried =
      k.loop(rank * groups() + keysPerStep(), position + 1, keysPerStep(),
             inits, [&](Val start, ArrayRef<Val> values) {
               Partial next =
                   visit(loadRows(start + group),
                         {values[0], values[1], Vals(values.drop_front(2))});
               Vals results = {next.maximum, next.sum};
               results.append(next.result);
               return results;
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

/// Runs `body` for the elements of the result, dealt out to the threads.
void CachedAttentionKernel::forEachElement(function_ref<void(Val)> body) {
  for (int64_t first = 0; first < spec.headSize; first += kThreads) {
    Val element = k.threadId() + first;
    k.when(element < static_cast<double>(spec.headSize),
           [&] { body(element); });
  }
}

/// Combines the warps of a block and sends what comes out.
void CachedAttentionKernel::combineWarps(const Partial &state) {
  int64_t entryBytes = getEntryBytes(spec);
  Val shared = k.sharedMemory();
  k.when(lane < static_cast<double>(vectors), [&] {
    Val entry = k.address(shared, warp * entryBytes);
    Val place = k.address(entry, part * (4 * vector));
    for (int64_t i = 0; i < vector; i += 4)
      k.storeWords(ArrayRef(state.result).slice(i, 4), k.address(place, 4 * i));
    k.when(equal(part, 0), [&] {
      k.store(state.maximum, k.address(entry, 4 * spec.headSize), 4);
      k.store(state.sum, k.address(entry, 4 * spec.headSize + 4), 4);
    });
  });
  k.blockBarrier();
  Vals entries;
  for (int64_t w = 0; w < kWarps; ++w)
    entries.push_back(k.address(shared, w * entryBytes));
  Val mail = rank * (4 * getMailWords(spec));
  forEachElement([&](Val element) {
    Partial total = combineEntries(k, entries, element, spec.headSize);
    mailbox().send(total.result[0], mail + element * 4);
    k.when(equal(element, 0), [&] {
      mailbox().send(total.maximum, mail + 4 * spec.headSize);
      mailbox().send(total.sum, mail + (4 * spec.headSize + 4));
    });
  });
}

void CachedAttentionKernel::combineBlocks() {
  k.when(equal(rank, 0), [&] {
    mailbox().await();
    Vals entries;
    for (int64_t block = 0; block < kClusterSize; ++block)
      entries.push_back(
          k.address(mailbox().words(), block * 4 * getMailWords(spec)));
    forEachElement([&](Val element) {
      Partial total = combineEntries(k, entries, element, spec.headSize);
      k.storeFloat(type, total.result[0] / total.sum,
                   k.address(result, element * bytes));
    });
  });
}

gpu::GPUFuncOp CachedAttentionKernel::build() {
  k.launchNextKernel();
  computePlace();
  CachedRows rows = loadRows(rank * groups() + k.threadId() / lanesPerKey);
  mailbox().open();
  k.waitForPreviousKernels();
  loadNewRow();
  if (spec.updatesCache)
    updateCache();
  Partial state = visitKeys(rows);
  combineGroups(state);
  combineWarps(state);
  combineBlocks();
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
  launch.sharedBytes =
      kWarps * getEntryBytes(spec) +
      ClusterMailbox::getBytes(kClusterSize * getMailWords(spec));
  launch.programmatic = true;
  return launch;
}
