//===- GenerationOps.cpp - Token-by-token operations as StableHLO ---------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExportModel.h"

#include "pi/Dialect/Pi/IR/Pi.h"

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
} // namespace

void mlir::pi::registerGenerationExportModels(MLIRContext *context) {
  ArgmaxOp::attachInterface<ArgmaxExport>(*context);
  UpdateCacheOp::attachInterface<UpdateCacheExport>(*context);
}
