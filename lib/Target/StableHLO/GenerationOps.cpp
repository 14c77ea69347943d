//===- GenerationOps.cpp - Token-by-token operations as StableHLO ---------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExportModel.h"
#include "Softmax.h"

using namespace mlir;
using namespace mlir::pi;

/// Every second element along the last dimension, from `first` on, of `x`,
/// whose last dimension is even.
static HloValue getEverySecond(HloBuilder &b, const HloValue &x,
                               int64_t first) {
  SmallVector<int64_t> pairs(x.getShape()), result(x.getShape());
  pairs.back() /= 2;
  result.back() /= 2;
  pairs.push_back(2);
  SmallVector<int64_t> starts(pairs.size(), 0), limits(pairs);
  starts.back() = first;
  limits.back() = first + 1;
  return b.reshape(b.slice(b.reshape(x, pairs), starts, limits), result);
}

namespace {
struct ArgmaxExport : StepModel<ArgmaxExport, ArgmaxOp> {
  /// A tournament of neighbours, so that the first of equal elements wins.
  static HloValue build(HloBuilder &b, ArgmaxOp op,
                        HloOperands<ArgmaxOp> operands) {
    HloValue values = operands.getInput();
    int64_t last = values.getRank() - 1, count = values.getShape().back();
    HloValue indices = b.iota(last, values.getShape());
    while (count > 1) {
      int64_t even = count / 2 * 2;
      HloValue tailValue = values, tailIndex = indices;
      if (even < count) {
        tailValue = b.sliceColumns(values, even, count);
        tailIndex = b.sliceColumns(indices, even, count);
        values = b.sliceColumns(values, 0, even);
        indices = b.sliceColumns(indices, 0, even);
      }
      HloValue left = getEverySecond(b, values, 0);
      HloValue right = getEverySecond(b, values, 1);
      HloValue isLeft = b.compare("GE", left, right);
      indices = b.select(isLeft, getEverySecond(b, indices, 0),
                         getEverySecond(b, indices, 1));
      values = b.select(isLeft, left, right);
      if (even < count) {
        values = b.concatenate({values, tailValue}, last);
        indices = b.concatenate({indices, tailIndex}, last);
      }
      count = values.getShape().back();
    }
    return b.reshape(indices, op.getResult().getType().getShape());
  }
};

struct UpdateCacheExport : StepModel<UpdateCacheExport, UpdateCacheOp> {
  static HloValue build(HloBuilder &b, UpdateCacheOp op,
                        HloOperands<UpdateCacheOp> operands) {
    const HloValue &cache = operands.getCache(), &qkv = operands.getQkv();
    int64_t batch = qkv.getShape()[0], rows = qkv.getShape()[1];
    int64_t width = cache.getShape().back();
    auto getPart = [&](int64_t part) {
      return b.reshape(
          b.slice(qkv, {0, 0, part * width}, {batch, rows, (part + 1) * width}),
          {1, batch, rows, width});
    };
    HloValue update = b.concatenate({getPart(1), getPart(2)}, 0);
    if (HloValue position = operands.getPosition()) {
      HloValue zero = b.fill(0, position.type);
      return b.dynamicUpdateSlice(cache, update, {zero, zero, position, zero});
    }
    int64_t capacity = cache.getShape()[2];
    if (rows == capacity)
      return update;
    return b.concatenate(
        {update, b.slice(cache, {0, 0, rows, 0}, {2, batch, capacity, width})},
        2);
  }
};

struct CachedAttentionExport
    : ExportModel<CachedAttentionExport, CachedAttentionOp> {
  LogicalResult exportStableHLO(Operation *op,
                                StableHLOEmitter &emitter) const {
    auto attention = cast<CachedAttentionOp>(op);
    HloValue qkv = emitter.lookup(attention.getQkv());
    HloValue cache = emitter.lookup(attention.getCache());
    HloValue position = emitter.lookup(attention.getPosition());
    double scale = attention.getScale().convertToDouble();
    SmallVector<HloValue> operands = {qkv, cache};
    if (Value temperature = attention.getTemperature()) {
      operands.push_back(
          emitter.step("factor", emitter.lookup(temperature),
                       [&](HloBuilder &b, ArrayRef<HloValue> arguments) {
                         return buildScoreFactor(b, arguments[0], scale);
                       }));
      operands.push_back(position);
    }
    int64_t rows = qkv.getShape()[1], columns = cache.getShape()[2];
    HloValue scores = emitter.step(
        "scores", operands, [&](HloBuilder &b, ArrayRef<HloValue> arguments) {
          HloValue packed =
              b.slice(arguments[0], {0, 0, 0},
                      {qkv.getShape()[0], rows, int64_t(attention.getWidth())});
          HloValue queries = getHeads(b, attention, packed);
          HloValue factor = b.fill(scale, queries.type);
          if (arguments.size() > 2) {
            HloValue zero = b.fill(0, arguments[3].type);
            factor = b.dynamicSlice(arguments[2], {zero, arguments[3]},
                                    {int64_t(attention.getNumHeads()), rows});
            factor = b.broadcast(factor, queries.getShape(), {1, 2});
          }
          return b.dot(b.multiply(queries, factor), 3,
                       getCached(b, attention, arguments[1], 0), 3,
                       /*numBatch=*/2);
        });
    HloValue probabilities = emitter.step(
        "softmax", {scores, position},
        [&](HloBuilder &b, ArrayRef<HloValue> arguments) {
          RowBlock all = {0, rows, columns};
          return SoftmaxBuilder(b, arguments[1], all,
                                EvaluationAttr::getDefault(op->getContext()))
              .buildProbabilities(arguments[0]);
        });
    emitter.finish(
        attention.getResult(), "context", {probabilities, cache},
        [&](HloBuilder &b, ArrayRef<HloValue> arguments) {
          HloValue heads =
              b.dot(arguments[0], 3, getCached(b, attention, arguments[1], 1),
                    2, /*numBatch=*/2);
          return b.reshape(b.transpose(heads, {0, 2, 1, 3}),
                           attention.getResult().getType().getShape());
        });
    return success();
  }

private:
  /// B x R x d as B x H x R x d / H.
  static HloValue getHeads(HloBuilder &b, CachedAttentionOp op,
                           const HloValue &x) {
    HloValue heads =
        b.reshape(x, {x.getShape()[0], x.getShape()[1],
                      int64_t(op.getNumHeads()), op.getHeadSize()});
    return b.transpose(heads, {0, 2, 1, 3});
  }

  /// Keys (`part` 0) or values (1) of the cache, as B x H x C x d / H.
  static HloValue getCached(HloBuilder &b, CachedAttentionOp op,
                            const HloValue &cache, int64_t part) {
    SmallVector<int64_t> shape(cache.getShape()), starts(4, 0);
    starts[0] = part;
    shape[0] = part + 1;
    HloValue half = b.slice(cache, starts, shape);
    return getHeads(b, op, b.reshape(half, cache.getShape().drop_front()));
  }
};
} // namespace

void mlir::pi::registerGenerationExportModels(MLIRContext *context) {
  ArgmaxOp::attachInterface<ArgmaxExport>(*context);
  CachedAttentionOp::attachInterface<CachedAttentionExport>(*context);
  UpdateCacheOp::attachInterface<UpdateCacheExport>(*context);
}
