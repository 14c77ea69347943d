//===- AttentionGradPatterns.cpp - Gradient of attention to linalg --------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One head at a time, by the formulas of `pi.attention_grad`: scores and their
// gradients of the heads at work are in memory, and no others.
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"
#include "RowPatterns.h"

#include "pi/Dialect/Pi/IR/Pi.h"

using namespace mlir;
using namespace mlir::pi;

namespace {
/// The gradient of one head of one batch element.
class HeadGradient {
public:
  HeadGradient(AttentionGradOp op, Value batch, Value head)
      : op(op), batch(batch), head(head),
        rows(op.getQkv().getType().getDimSize(1)), headSize(op.getHeadSize()),
        element(op.getQkv().getType().getElementType()) {}

  /// Pieces of dQ, dK, dV (each B x T x d) and, with a temperature, of its
  /// gradient for this batch element (B x H x T).
  SmallVector<TensorBuilder::Piece> build(TensorBuilder &b, ValueRange out);

private:
  Value getHead(TensorBuilder &b, Value tensor, int64_t part = 0) {
    TensorBuilder::Piece place = getPlace(b, part);
    return b.slice(tensor, place.offsets, place.sizes, 2);
  }
  TensorBuilder::Piece getPlace(TensorBuilder &b, int64_t part) {
    Value column = arith::MulIOp::create(b, head, b.index(headSize));
    if (part > 0)
      column = arith::AddIOp::create(b, column, b.index(part * op.getWidth()));
    return {{},
            {batch, b.attr(0), column},
            {b.attr(1), b.attr(rows), b.attr(headSize)}};
  }
  /// A row of a matrix of this head.
  Value getRow(TensorBuilder &b, Value matrix, Value row) {
    int64_t columns = cast<RankedTensorType>(matrix.getType()).getDimSize(1);
    return b.slice(matrix, {row, b.attr(0)}, {b.attr(1), b.attr(columns)}, 1);
  }
  /// The matrix with each row replaced by what `buildRow` makes of it.
  Value mapRows(TensorBuilder &b, Value matrix,
                function_ref<Value(TensorBuilder &, Value, Value)> buildRow);
  /// scale / t of a row.
  Value getFactor(TensorBuilder &b, Value row);
  Value buildProbabilities(TensorBuilder &b, Value scores);
  Value buildScoreGradients(TensorBuilder &b, Value scores, Value p, Value dp,
                            Value o, Value dout);
  TensorBuilder::Piece buildTemperature(TensorBuilder &b, Value q, Value dq,
                                        Value out);
  /// lhs * rhs^T of two matrices of this head: rows x rows.
  Value buildProducts(TensorBuilder &b, Value lhs, Value rhs) {
    Value room = b.empty({b.attr(rows), b.attr(rows)}, element);
    return b.matmul(lhs, rhs, b.zeros(room), /*rhsTransposed=*/true);
  }

  AttentionGradOp op;
  Value batch, head;
  int64_t rows, headSize;
  Type element;
};
} // namespace

Value HeadGradient::mapRows(
    TensorBuilder &b, Value matrix,
    function_ref<Value(TensorBuilder &, Value, Value)> buildRow) {
  int64_t columns = cast<RankedTensorType>(matrix.getType()).getDimSize(1);
  return b.loop(
      b.attr(rows), matrix, [&](TensorBuilder &b, Value i, Value all) {
        Value row = buildRow(b, i, getRow(b, all, i));
        return b.insert(row, all, {i, b.attr(0)}, {b.attr(1), b.attr(columns)});
      });
}

Value HeadGradient::getFactor(TensorBuilder &b, Value row) {
  Value factor = b.real(op.getScale().convertToDouble(), element);
  if (!op.getTemperature())
    return factor;
  return arith::DivFOp::create(b, factor,
                               b.extract(op.getTemperature(), {head, row}));
}

/// exp(s - log_sum_exp) where a column is seen, else 0.
Value HeadGradient::buildProbabilities(TensorBuilder &b, Value scores) {
  Value room = b.empty({b.attr(rows), b.attr(rows)}, element);
  return mapRows(b, room, [&](TensorBuilder &b, Value i, Value row) {
    Value factor = getFactor(b, i);
    Value logSum = b.extract(op.getLogSumExp(), {batch, head, i});
    return b.elementwise(
        getRow(b, scores, i), row,
        [&](TensorBuilder &b, ValueRange args) -> Value {
          Value s = arith::MulFOp::create(b, args[0], factor);
          Value p = math::ExpOp::create(b, arith::SubFOp::create(b, s, logSum));
          if (!op.getCausal())
            return p;
          Value seen = arith::CmpIOp::create(b, arith::CmpIPredicate::ule,
                                             linalg::IndexOp::create(b, 0), i);
          return arith::SelectOp::create(b, seen, p, b.real(0.0, element));
        });
  });
}

/// scale / t * P * (dP - dE * (s - log_sum_exp) - D), in place of dP.
Value HeadGradient::buildScoreGradients(TensorBuilder &b, Value scores, Value p,
                                        Value dp, Value o, Value dout) {
  return mapRows(b, dp, [&](TensorBuilder &b, Value i, Value row) {
    Value factor = getFactor(b, i);
    Value mean = b.dot(getRow(b, o, i), getRow(b, dout, i));
    Value logSum, dEntropy;
    if (op.getEntropy()) {
      logSum = b.extract(op.getLogSumExp(), {batch, head, i});
      dEntropy = b.extract(op.getEntropyGradient(), {batch, head, i});
      Value entropy = b.extract(op.getEntropy(), {batch, head, i});
      mean = arith::AddFOp::create(b, mean,
                                   arith::MulFOp::create(b, dEntropy, entropy));
    }
    return b.elementwise(
        {getRow(b, p, i), getRow(b, scores, i)}, row,
        [&](TensorBuilder &b, ValueRange args) -> Value {
          Value rest = arith::SubFOp::create(b, args[2], mean);
          if (dEntropy) {
            Value s = arith::MulFOp::create(b, args[1], factor);
            Value logP = arith::SubFOp::create(b, s, logSum);
            rest = arith::SubFOp::create(
                b, rest, arith::MulFOp::create(b, dEntropy, logP));
          }
          Value ds = arith::MulFOp::create(b, args[0], rest);
          return arith::MulFOp::create(b, ds, factor);
        },
        /*readsDestination=*/true);
  });
}

/// -(q_i . dq_i) / t_i of each row.
TensorBuilder::Piece HeadGradient::buildTemperature(TensorBuilder &b, Value q,
                                                    Value dq, Value out) {
  TensorBuilder::Piece piece{
      {}, {batch, head, b.attr(0)}, {b.attr(1), b.attr(1), b.attr(rows)}};
  Value target = b.slice(out, piece.offsets, piece.sizes, 1);
  piece.value =
      b.loop(b.attr(rows), target, [&](TensorBuilder &b, Value i, Value all) {
        Value product = b.dot(getRow(b, q, i), getRow(b, dq, i));
        Value share = arith::DivFOp::create(
            b, product, b.extract(op.getTemperature(), {head, i}));
        return tensor::InsertOp::create(b, arith::NegFOp::create(b, share), all,
                                        i);
      });
  return piece;
}

SmallVector<TensorBuilder::Piece> HeadGradient::build(TensorBuilder &b,
                                                      ValueRange out) {
  Value q = getHead(b, op.getQkv(), 0), k = getHead(b, op.getQkv(), 1),
        v = getHead(b, op.getQkv(), 2);
  Value o = getHead(b, op.getResult()), dout = getHead(b, op.getGradient());
  Value scores = buildProducts(b, q, k);
  Value p = buildProbabilities(b, scores);
  Value dp = buildProducts(b, dout, v);
  Value ds = buildScoreGradients(b, scores, p, dp, o, dout);
  SmallVector<TensorBuilder::Piece> pieces(3, getPlace(b, 0));
  // Each where it belongs, so that nothing is copied.
  auto multiply = [&](Value lhs, Value rhs, Value out, bool lhsTransposed) {
    return b.matmul(lhs, rhs, b.zeros(getHead(b, out)),
                    /*rhsTransposed=*/false, lhsTransposed);
  };
  pieces[0].value = multiply(ds, k, out[0], false);
  pieces[1].value = multiply(ds, q, out[1], true);
  pieces[2].value = multiply(p, dout, out[2], true);
  if (op.getTemperature())
    pieces.push_back(buildTemperature(b, q, pieces[0].value, out[3]));
  return pieces;
}

namespace {
struct AttentionGradLowering : OpRewritePattern<AttentionGradOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(AttentionGradOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    RankedTensorType type = op.getGradient().getType();
    auto sizes = getAsIndexOpFoldResult(op.getContext(), type.getShape());
    int64_t heads = op.getNumHeads();
    SmallVector<Value> destinations;
    for (int part = 0; part < 3; ++part)
      destinations.push_back(b.empty(sizes, type.getElementType()));
    if (op.getTemperature())
      destinations.push_back(
          b.empty({sizes[0], b.attr(heads), sizes[1]}, type.getElementType()));
    auto parts =
        b.parallel({type.getDimSize(0), heads}, destinations,
                   [&](TensorBuilder &b, ValueRange at, ValueRange out) {
                     return HeadGradient(op, at[0], at[1]).build(b, out);
                   });

    Value packed = b.emptyLike(op.getQkv());
    for (int64_t part = 0; part < 3; ++part)
      packed =
          b.insert(parts[part], packed,
                   {b.attr(0), b.attr(0), b.attr(part * op.getWidth())}, sizes);
    SmallVector<Value> results = {packed};
    if (op.getTemperature())
      results.push_back(b.sumLeading(
          parts[3], b.zeros(b.emptyLike(op.getTemperature())),
          [](TensorBuilder &, ValueRange args) { return args[0]; }));
    rewriter.replaceOp(op, results);
    return success();
  }
};
} // namespace

void mlir::pi::populateAttentionGradPatterns(RewritePatternSet &patterns) {
  patterns.add<AttentionGradLowering>(patterns.getContext());
}
