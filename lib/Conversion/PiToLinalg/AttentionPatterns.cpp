//===- AttentionPatterns.cpp - Attention to linalg ------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One head at a time: scores by a product of two column ranges of the packed
// projection, softmax in place, then a product that writes where the output
// projection reads. Only the scores of the heads at work are in memory.
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"
#include "RowPatterns.h"

#include "pi/Dialect/Pi/IR/Pi.h"

using namespace mlir;
using namespace mlir::pi;

/// Where head `head` of batch element `batch` starts in the third `part` (q,
/// k, v) of a packed projection of heads of `headSize`.
static SmallVector<OpFoldResult> getHeadOffsets(TensorBuilder &b, Value batch,
                                                Value head, int64_t headSize,
                                                int64_t part, int64_t width) {
  Value column = arith::MulIOp::create(b, head, b.index(headSize));
  if (part > 0)
    column = arith::AddIOp::create(b, column, b.index(part * width));
  return {batch, b.attr(0), column};
}

/// scale / temperature[head, position]: what scores are multiplied by.
static Value getScoreFactor(TensorBuilder &b, Value temperature, double scale,
                            Type type, Value head, Value position) {
  Value factor = b.real(scale, type);
  if (!temperature)
    return factor;
  return arith::DivFOp::create(b, factor,
                               b.extract(temperature, {head, position}));
}

/// The slice of one head of a value B x H x T, as a vector.
static TensorBuilder::Piece getRowPlace(TensorBuilder &b, Value batch,
                                        Value head, int64_t rows) {
  return {{}, {batch, head, b.attr(0)}, {b.attr(1), b.attr(1), b.attr(rows)}};
}

namespace {
struct AttentionLowering : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(AttentionOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    RankedTensorType type = op.getResult().getType();
    SmallVector<Value> destinations;
    for (Value result : op.getResults())
      if (auto tensor = dyn_cast_if_present<RankedTensorType>(result.getType()))
        destinations.push_back(
            b.empty(getAsIndexOpFoldResult(op.getContext(), tensor.getShape()),
                    tensor.getElementType()));
    auto results = b.parallel(
        {type.getDimSize(0), int64_t(op.getNumHeads())}, destinations,
        [&](TensorBuilder &b, ValueRange at, ValueRange out) {
          return buildHead(b, op, at[0], at[1], out);
        });
    rewriter.replaceOp(op, results);
    return success();
  }

  static SmallVector<TensorBuilder::Piece> buildHead(TensorBuilder &b,
                                                     AttentionOp op,
                                                     Value batch, Value head,
                                                     ValueRange out) {
    int64_t rows = op.getResult().getType().getDimSize(1);
    int64_t headSize = op.getHeadSize(), width = op.getWidth();
    Type element = op.getResult().getType().getElementType();
    SmallVector<OpFoldResult> sizes = {b.attr(1), b.attr(rows),
                                       b.attr(headSize)};
    auto part = [&](int64_t index) {
      return b.slice(op.getQkv(),
                     getHeadOffsets(b, batch, head, headSize, index, width),
                     sizes, 2);
    };
    Value scores =
        b.matmul(part(0), part(1),
                 b.zeros(b.empty({b.attr(rows), b.attr(rows)}, element)),
                 /*transposed=*/true);
    OpFoldResult first;
    if (op.getCausal())
      first = b.attr(0);
    auto getFactor = [&](TensorBuilder &b, Value row) {
      return getScoreFactor(b, op.getTemperature(),
                            op.getScale().convertToDouble(), element, head,
                            row);
    };
    // The scores are overwritten by the probabilities below.
    TensorBuilder::Piece logSums;
    if (op.getLogSumExp())
      logSums = buildForEachRow(
          b, rows, batch, head, out.back(), [&](TensorBuilder &b, Value row) {
            OpFoldResult seen = b.attr(rows);
            if (op.getCausal())
              seen = Value(arith::AddIOp::create(b, row, b.index(1)));
            Value x = b.slice(scores, {row, b.attr(0)}, {b.attr(1), seen}, 1);
            return buildLogSumExp(b, x, getFactor(b, row));
          });
    Value probabilities =
        buildSoftmaxRows(b, scores, rows, b.attr(rows), first, getFactor);
    SmallVector<TensorBuilder::Piece> pieces;
    TensorBuilder::Piece context{
        {}, getHeadOffsets(b, batch, head, headSize, 0, width), sizes};
    context.value =
        b.matmul(probabilities, part(2),
                 b.zeros(b.slice(out[0], context.offsets, sizes, 2)));
    pieces.push_back(context);
    if (op.getEntropy())
      pieces.push_back(buildForEachRow(
          b, rows, batch, head, out[1], [&](TensorBuilder &b, Value row) {
            return buildEntropy(b, b.slice(probabilities, {row, b.attr(0)},
                                           {b.attr(1), b.attr(rows)}, 1));
          }));
    if (op.getLogSumExp())
      pieces.push_back(logSums);
    return pieces;
  }

  /// What `buildRow` gives for each row, at the place of a head in `out`.
  static TensorBuilder::Piece
  buildForEachRow(TensorBuilder &b, int64_t rows, Value batch, Value head,
                  Value out,
                  function_ref<Value(TensorBuilder &, Value)> buildRow) {
    TensorBuilder::Piece piece = getRowPlace(b, batch, head, rows);
    Value target = b.slice(out, piece.offsets, piece.sizes, 1);
    piece.value =
        b.loop(b.attr(rows), target, [&](TensorBuilder &b, Value i, Value all) {
          return tensor::InsertOp::create(b, buildRow(b, i), all, i);
        });
    return piece;
  }
};

struct UpdateCacheLowering : OpRewritePattern<UpdateCacheOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(UpdateCacheOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    auto qkv = op.getQkv().getType().getShape();
    int64_t width = op.getCache().getType().getDimSize(3);
    OpFoldResult first = b.attr(0);
    if (op.getPosition())
      first = b.extract(op.getPosition());
    Value cache = op.getCache();
    for (int64_t part : {0, 1}) {
      Value rows = b.slice(op.getQkv(),
                           {b.attr(0), b.attr(0), b.attr((part + 1) * width)},
                           {b.attr(qkv[0]), b.attr(qkv[1]), b.attr(width)}, 3);
      cache =
          b.insert(rows, cache, {b.attr(part), b.attr(0), first, b.attr(0)},
                   {b.attr(1), b.attr(qkv[0]), b.attr(qkv[1]), b.attr(width)});
    }
    rewriter.replaceOp(op, cache);
    return success();
  }
};

struct CachedAttentionLowering : OpRewritePattern<CachedAttentionOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(CachedAttentionOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    RankedTensorType type = op.getResult().getType();
    Value position = b.extract(op.getPosition());
    // The cache rows that the last new row sees.
    Value seen =
        arith::AddIOp::create(b, position, b.index(type.getDimSize(1)));
    Value destination =
        b.empty(getAsIndexOpFoldResult(op.getContext(), type.getShape()),
                type.getElementType());
    auto results =
        b.parallel({type.getDimSize(0), int64_t(op.getNumHeads())}, destination,
                   [&](TensorBuilder &b, ValueRange at, ValueRange out) {
                     return SmallVector<TensorBuilder::Piece>{buildHead(
                         b, op, position, seen, at[0], at[1], out[0])};
                   });
    rewriter.replaceOp(op, results);
    return success();
  }

  static TensorBuilder::Piece buildHead(TensorBuilder &b, CachedAttentionOp op,
                                        Value position, Value seen, Value batch,
                                        Value head, Value out) {
    RankedTensorType type = op.getResult().getType();
    Type element = type.getElementType();
    int64_t rows = type.getDimSize(1), headSize = op.getHeadSize();
    OpFoldResult one = b.attr(1), columns = b.attr(headSize);
    SmallVector<OpFoldResult> sizes = {one, b.attr(rows), columns};
    auto offsets = getHeadOffsets(b, batch, head, headSize, 0, op.getWidth());
    auto cached = [&](int64_t part) {
      return b.slice(op.getCache(),
                     {b.attr(part), batch, b.attr(0), offsets.back()},
                     {one, one, seen, columns}, 2);
    };
    // Room for all positions, so that its size is static.
    int64_t capacity = op.getCache().getType().getDimSize(2);
    Value room = b.empty({b.attr(rows), b.attr(capacity)}, element);
    Value scores =
        b.slice(room, {b.attr(0), b.attr(0)}, {b.attr(rows), seen}, 2);
    scores = b.matmul(b.slice(op.getQkv(), offsets, sizes, 2), cached(0),
                      b.zeros(scores), /*transposed=*/true);
    Value probabilities = buildSoftmaxRows(
        b, scores, rows, seen, position, [&](TensorBuilder &b, Value row) {
          return getScoreFactor(b, op.getTemperature(),
                                op.getScale().convertToDouble(), element, head,
                                arith::AddIOp::create(b, position, row));
        });
    Value context = b.matmul(probabilities, cached(1),
                             b.zeros(b.slice(out, offsets, sizes, 2)));
    return {context, offsets, sizes};
  }
};
} // namespace

void mlir::pi::populateAttentionPatterns(RewritePatternSet &patterns) {
  patterns.add<AttentionLowering, UpdateCacheLowering, CachedAttentionLowering>(
      patterns.getContext());
}
