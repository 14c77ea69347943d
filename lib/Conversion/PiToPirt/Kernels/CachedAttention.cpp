//===- CachedAttention.cpp - Attention of one new position ----------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One block for each sequence and head. Keys and values are read once, from L2
// or memory: at position 512 of a head of 64 in bf16, 131 KB, which one
// multiprocessor reads in about 1.3 us.
//
// A row of keys is read by a team of lanes, 16 bytes each. Every team keeps a
// running maximum, sum and weighted values of its rows (online softmax), and
// the teams of a block are combined at the end, in a fixed order.
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"
#include "pi/Conversion/PiToPirt/Kernels.h"
#include "pi/Target/Cubin/Cubin.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::pi;

namespace {

constexpr int64_t kNumThreads = 512;
constexpr int64_t kNumWarps = kNumThreads / KernelBuilder::kWarpSize;
/// Rows whose loads a team issues at once.
constexpr int64_t kRowsInFlight = 4;
/// The score of a row that does not take part: finite, so that the difference
/// of two such scores is 0 and not NaN.
constexpr double kMasked = -1e30;

/// What a team knows of the rows it has seen: largest score, sum of
/// e^(score - largest), and the values weighted by that.
struct Running {
  Value largest, sum;
  SmallVector<Value> values;
};

class CachedAttention {
public:
  CachedAttention(gpu::GPUModuleOp module, Location loc, StringRef name,
                  const CachedAttentionSpec &spec)
      : spec(spec), width(elementsPerAccess(spec)),
        lanesPerRow(lanesPerTeam(spec)),
        b(module, loc, name, getArgumentTypes(spec), kNumThreads) {}

  static int64_t elementsPerAccess(const CachedAttentionSpec &spec) {
    return KernelBuilder::kAccessBytes * 8 /
           spec.element.getIntOrFloatBitWidth();
  }
  static int64_t lanesPerTeam(const CachedAttentionSpec &spec) {
    return llvm::PowerOf2Ceil(
        llvm::divideCeil(spec.headSize, elementsPerAccess(spec)));
  }

  gpu::GPUFuncOp build();

private:
  static SmallVector<Type> getArgumentTypes(const CachedAttentionSpec &spec);
  int64_t modelWidth() { return spec.heads * spec.headSize; }
  int64_t numTeams() { return kNumThreads / lanesPerRow; }

  void takeArguments();
  void loadQuery();
  Running attend(Value firstRow, ValueRange carried);
  Running combineTeams(Running team);
  void updateCache();
  Running merge(Running x, Running y);
  SmallVector<Value> pack(const Running &running);
  Running unpack(ValueRange values);

  const CachedAttentionSpec &spec;
  int64_t width, lanesPerRow;
  KernelBuilder b;
  Value qkv, cache, temperature, result;
  Value sequence, head, position;
  /// The lane's first column in its head, kept inside it, and in the model;
  /// whether the lane has columns at all.
  Value column, modelColumn, active;
  SmallVector<Value> query, newKey, newValue;
};

} // namespace

SmallVector<Type>
CachedAttention::getArgumentTypes(const CachedAttentionSpec &spec) {
  int64_t d = spec.heads * spec.headSize;
  MLIRContext *context = spec.element.getContext();
  SmallVector<Type> types = {
      MemRefType::get({spec.batch, 1, 3 * d}, spec.element),
      MemRefType::get({2, spec.batch, spec.capacity, d}, spec.element),
      MemRefType::get({}, IntegerType::get(context, 32))};
  if (spec.temperature)
    types.push_back(MemRefType::get({spec.heads, spec.capacity},
                                    Float32Type::get(context)));
  types.push_back(MemRefType::get({spec.batch, 1, d}, spec.element));
  return types;
}

/// Loads the query of this lane, scaled, and the new key and value.
void CachedAttention::loadQuery() {
  Value zero = b.index(0);
  auto load = [&](int64_t part) {
    Value at = b.add(modelColumn, b.index(part * modelWidth()));
    return b.loadVector(qkv, {sequence, zero, at}, width);
  };
  query = load(0);
  newKey = load(1);
  newValue = load(2);
  Value scale = b.f32(spec.scale);
  if (spec.temperature)
    scale = b.div(scale, b.loadScalar(temperature, {head, position}));
  // Lanes beyond the head repeat its last columns; they must not count twice.
  scale = b.select(active, scale, b.f32(0));
  for (Value &element : query)
    element = b.mul(element, scale);
}

SmallVector<Value> CachedAttention::pack(const Running &running) {
  SmallVector<Value> values = {running.largest, running.sum};
  llvm::append_range(values, running.values);
  return values;
}

Running CachedAttention::unpack(ValueRange values) {
  return {values[0], values[1], SmallVector<Value>(values.drop_front(2))};
}

Running CachedAttention::merge(Running x, Running y) {
  Value largest = b.max(x.largest, y.largest);
  Value scaleX = b.exp(b.sub(x.largest, largest));
  Value scaleY = b.exp(b.sub(y.largest, largest));
  Running merged = {largest, b.fma(x.sum, scaleX, b.mul(y.sum, scaleY)), {}};
  for (auto [valueX, valueY] : llvm::zip(x.values, y.values))
    merged.values.push_back(b.fma(valueX, scaleX, b.mul(valueY, scaleY)));
  return merged;
}

/// kRowsInFlight rows from `firstRow` on, numTeams apart.
Running CachedAttention::attend(Value firstRow, ValueRange carried) {
  Value zero = b.index(0), one = b.index(1);
  SmallVector<Value> rows, keys, values;
  for (int64_t i = 0; i < kRowsInFlight; ++i) {
    Value row = b.add(firstRow, b.index(i * numTeams()));
    rows.push_back(row);
    Value inside = b.min(row, position);
    keys.push_back(
        b.loadPacked(cache, {zero, sequence, inside, modelColumn}, width));
    values.push_back(
        b.loadPacked(cache, {one, sequence, inside, modelColumn}, width));
  }
  Running running = unpack(carried);
  SmallVector<Value> scores;
  SmallVector<SmallVector<Value>> rowValues;
  Value largest = running.largest;
  for (int64_t i = 0; i < kRowsInFlight; ++i) {
    // The row of the new position may not have reached the cache yet.
    Value isCached = b.less(rows[i], position);
    auto key = b.unpack(keys[i]);
    rowValues.push_back(b.unpack(values[i]));
    Value score = b.f32(0);
    for (int64_t j = 0; j < width; ++j) {
      score = b.fma(query[j], b.select(isCached, key[j], newKey[j]), score);
      rowValues[i][j] = b.select(isCached, rowValues[i][j], newValue[j]);
    }
    score = b.sumLanes(score, lanesPerRow);
    Value seen = b.less(rows[i], b.add(position, one));
    scores.push_back(b.select(seen, score, b.f32(kMasked)));
    largest = b.max(largest, scores[i]);
  }
  Value rescale = b.exp(b.sub(running.largest, largest));
  running.largest = largest;
  running.sum = b.mul(running.sum, rescale);
  for (Value &value : running.values)
    value = b.mul(value, rescale);
  for (int64_t i = 0; i < kRowsInFlight; ++i) {
    Value weight = b.select(b.less(rows[i], b.add(position, one)),
                            b.exp(b.sub(scores[i], largest)), b.f32(0));
    running.sum = b.add(running.sum, weight);
    for (int64_t j = 0; j < width; ++j)
      running.values[j] = b.fma(weight, rowValues[i][j], running.values[j]);
  }
  return running;
}

/// The teams of a warp by exchange of lanes, the warps through shared memory.
/// Valid in the first team of the block.
Running CachedAttention::combineTeams(Running team) {
  for (int64_t stride = lanesPerRow; stride < KernelBuilder::kWarpSize;
       stride *= 2) {
    SmallVector<Value> other;
    for (Value value : pack(team))
      other.push_back(gpu::ShuffleOp::create(b, value, b.i32(stride),
                                             b.i32(KernelBuilder::kWarpSize),
                                             gpu::ShuffleMode::XOR)
                          .getShuffleResult());
    team = merge(team, unpack(other));
  }
  Value shared =
      b.allocateShared({kNumWarps, width + 2, lanesPerRow}, b.getF32Type());
  Value lane = b.rem(b.thread(), b.index(KernelBuilder::kWarpSize));
  Value warp = b.div(b.thread(), b.index(KernelBuilder::kWarpSize));
  b.ifThen(b.less(lane, b.index(lanesPerRow)), [&] {
    for (auto [i, value] : llvm::enumerate(pack(team)))
      b.storeScalar(value, shared, {warp, b.index(i), lane});
  });
  b.barrier();
  Value mine = b.rem(b.thread(), b.index(lanesPerRow));
  auto load = [&](int64_t w) {
    SmallVector<Value> values;
    for (int64_t i = 0; i < width + 2; ++i)
      values.push_back(b.loadScalar(shared, {b.index(w), b.index(i), mine}));
    return unpack(values);
  };
  Running block = load(0);
  for (int64_t w = 1; w < kNumWarps; ++w)
    block = merge(block, load(w));
  return block;
}

void CachedAttention::takeArguments() {
  qkv = b.takeArgument();
  cache = b.takeArgument();
  Value positionBuffer = b.takeArgument();
  if (spec.temperature)
    temperature = b.takeArgument();
  result = b.takeArgument();
  b.launchNext();
  b.waitForPrevious();
  head = b.block(gpu::Dimension::x);
  sequence = b.block(gpu::Dimension::y);
  position = arith::IndexCastOp::create(b, b.getIndexType(),
                                        b.loadScalar(positionBuffer));
  column = b.mul(b.rem(b.thread(), b.index(lanesPerRow)), b.index(width));
  active = b.less(column, b.index(spec.headSize));
  column = b.min(column, b.index(spec.headSize - width));
  modelColumn = b.add(b.mul(head, b.index(spec.headSize)), column);
}

/// The new key and value, by the first team.
void CachedAttention::updateCache() {
  b.storeVector(newKey, cache, {b.index(0), sequence, position, modelColumn});
  b.storeVector(newValue, cache, {b.index(1), sequence, position, modelColumn});
}

gpu::GPUFuncOp CachedAttention::build() {
  b.getKernel()->setAttr(kNoSpillAttr, b.getUnitAttr());
  takeArguments();
  loadQuery();
  Value team = b.div(b.thread(), b.index(lanesPerRow));
  Running start = {b.f32(kMasked), b.f32(0),
                   SmallVector<Value>(width, b.f32(0))};
  // Teams whose first row is past the position go round once too, so that
  // all lanes of a warp take part in its exchanges.
  Value end = b.add(b.add(position, b.index(1)), team);
  SmallVector<Value> seen =
      b.loop(team, end, b.index(numTeams() * kRowsInFlight), pack(start),
             [&](Value row, ValueRange carried) {
               return pack(attend(row, carried));
             });
  Running total = combineTeams(unpack(seen));
  Value writes = arith::AndIOp::create(
      b, b.less(b.thread(), b.index(lanesPerRow)), active);
  b.ifThen(writes, [&] {
    Value inverse = b.div(b.f32(1), total.sum);
    for (Value &value : total.values)
      value = b.mul(value, inverse);
    b.storeVector(total.values, result, {sequence, b.index(0), modelColumn});
    if (spec.updatesCache)
      updateCache();
  });
  return b.getKernel();
}

static std::string getKernelName(const CachedAttentionSpec &spec) {
  std::string name =
      "cached_attention_" + getTypeName(spec.element) + "_b" +
      Twine(spec.batch).str() + "_c" + Twine(spec.capacity).str() + "_h" +
      Twine(spec.heads).str() + "_s" + Twine(spec.headSize).str() + "_scale" +
      llvm::utohexstr(llvm::bit_cast<uint64_t>(spec.scale));
  if (spec.temperature)
    name += "_temperature";
  if (spec.updatesCache)
    name += "_update";
  return name;
}

FailureOr<KernelLaunch>
mlir::pi::buildCachedAttention(gpu::GPUModuleOp module, Location loc,
                               const CachedAttentionSpec &spec) {
  if (spec.headSize % CachedAttention::elementsPerAccess(spec) ||
      CachedAttention::lanesPerTeam(spec) > KernelBuilder::kWarpSize)
    return emitError(loc) << "cached attention: heads of " << spec.headSize
                          << " elements of " << spec.element
                          << " are no multiple of 16 bytes, or more than "
                          << "512 bytes";
  std::string name = getKernelName(spec);
  KernelLaunch launch;
  launch.kernel = lookupKernel(module, name);
  if (!launch.kernel)
    launch.kernel = CachedAttention(module, loc, name, spec).build();
  launch.grid = {spec.heads, spec.batch, 1};
  launch.block = {kNumThreads, 1, 1};
  launch.programmatic = true;
  return launch;
}
