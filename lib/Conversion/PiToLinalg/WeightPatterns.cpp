//===- WeightPatterns.cpp - Normalisation of weights to linalg ------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"
#include "TensorBuilder.h"

#include "pi/Dialect/Pi/IR/Pi.h"

using namespace mlir;
using namespace mlir::pi;

/// Columns [begin, end) of a matrix.
static Value getColumns(TensorBuilder &b, Value matrix, int64_t begin,
                        int64_t end) {
  int64_t rows = cast<RankedTensorType>(matrix.getType()).getDimSize(0);
  return b.slice(matrix, {b.attr(0), b.attr(begin)},
                 {b.attr(rows), b.attr(end - begin)}, 2);
}

/// The matrix with columns from `begin` on replaced by `columns`.
static Value setColumns(TensorBuilder &b, Value columns, Value matrix,
                        int64_t begin) {
  auto shape = cast<RankedTensorType>(columns.getType()).getShape();
  return b.insert(columns, matrix, {b.attr(0), b.attr(begin)},
                  {b.attr(shape[0]), b.attr(shape[1])});
}

/// sum_i lhs[i, j] * rhs[i, j] of each column j: a vector.
static Value buildColumnProducts(TensorBuilder &b, Value lhs, Value rhs) {
  auto type = cast<RankedTensorType>(lhs.getType());
  Value zeros =
      b.zeros(b.empty(b.attr(type.getDimSize(1)), type.getElementType()));
  return b.sumLeading({lhs, rhs}, zeros, [](TensorBuilder &b, ValueRange args) {
    return arith::MulFOp::create(b, args[0], args[1]);
  });
}

/// The Euclidean norm of each column of a matrix m x n: a vector of n.
static Value buildColumnNorms(TensorBuilder &b, Value matrix) {
  Value squares = buildColumnProducts(b, matrix, matrix);
  return b.elementwise(squares, b.emptyLike(squares),
                       [](TensorBuilder &b, ValueRange args) {
                         return math::SqrtOp::create(b, args[0]);
                       });
}

/// tensor * factor for a scalar factor.
static Value scale(TensorBuilder &b, Value tensor, Value factor) {
  return b.elementwise(tensor, b.emptyLike(tensor),
                       [&](TensorBuilder &b, ValueRange args) {
                         return arith::MulFOp::create(b, args[0], factor);
                       });
}

/// The Euclidean norm of a matrix with one row or one column.
static Value buildNorm(TensorBuilder &b, Value matrix) {
  auto type = cast<RankedTensorType>(matrix.getType());
  Value vector = tensor::CollapseShapeOp::create(
      b, RankedTensorType::get(type.getNumElements(), type.getElementType()),
      matrix, ArrayRef<ReassociationIndices>{{0, 1}});
  Value squares = b.reduce(vector, 0.0, [](TensorBuilder &b, ValueRange args) {
    return b.addForSum(args[0], arith::MulFOp::create(b, args[1], args[1]));
  });
  return math::SqrtOp::create(b, squares);
}

static Value invert(TensorBuilder &b, Value value) {
  return arith::DivFOp::create(b, b.real(1.0, value.getType()), value);
}

namespace {
/// The largest singular value of a matrix, by the power method, with v (n x 1)
/// as it ends and W v (m x 1).
struct Singular {
  Value norm, v, product;
};
} // namespace

static Singular buildSingular(TensorBuilder &b, Value matrix,
                              int64_t iterations) {
  auto type = cast<RankedTensorType>(matrix.getType());
  Type element = type.getElementType();
  int64_t m = type.getDimSize(0), n = type.getDimSize(1);
  // u = W v as a column m x 1; v is kept as a column n x 1 and W^T u computed
  // as the row u^T W, which has the same elements.
  auto multiply = [&](TensorBuilder &b, Value v) {
    return b.matmul(matrix, v,
                    b.zeros(b.empty({b.attr(m), b.attr(1)}, element)));
  };
  auto reshape = [&](TensorBuilder &b, Value value, int64_t rows,
                     int64_t columns) -> Value {
    auto vector = RankedTensorType::get(rows * columns, element);
    ReassociationIndices both = {0, 1};
    Value flat = tensor::CollapseShapeOp::create(b, vector, value, both);
    return tensor::ExpandShapeOp::create(
        b, RankedTensorType::get({rows, columns}, element), flat, both);
  };
  Value start =
      linalg::FillOp::create(b, b.real(1.0 / std::sqrt(double(n)), element),
                             b.empty({b.attr(n), b.attr(1)}, element))
          .getResult(0);
  Value v = b.loop(
      b.attr(iterations), start,
      [&](TensorBuilder &b, Value, Value v) -> Value {
        Value u = multiply(b, v);
        u = scale(b, u, invert(b, buildNorm(b, u)));
        Value row = b.matmul(reshape(b, u, 1, m), matrix,
                             b.zeros(b.empty({b.attr(1), b.attr(n)}, element)));
        Value factor = invert(b, buildNorm(b, row));
        // Into the vector before, which is not read any more.
        return b.elementwise(reshape(b, row, n, 1), v,
                             [&](TensorBuilder &b, ValueRange args) {
                               return arith::MulFOp::create(b, args[0], factor);
                             });
      });
  Value product = multiply(b, v);
  return {buildNorm(b, product), v, product};
}

namespace {
struct ColumnNormLowering : OpRewritePattern<ColumnNormOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ColumnNormOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    RankedTensorType type = op.getResult().getType();
    Value result = b.empty(b.attr(type.getDimSize(0)), type.getElementType());
    int64_t done = 0;
    for (auto [begin, end] : op.getColumnRanges()) {
      Value norms =
          buildColumnNorms(b, getColumns(b, op.getWeight(), begin, end));
      result = b.insert(norms, result, b.attr(done), b.attr(end - begin));
      done += end - begin;
    }
    rewriter.replaceOp(op, result);
    return success();
  }
};

struct WeightNormLowering : OpRewritePattern<WeightNormOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(WeightNormOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    Value result = op.getWeight();
    int64_t done = 0;
    for (auto [begin, end] : op.getColumnRanges()) {
      Value columns = getColumns(b, op.getWeight(), begin, end);
      Value gain = b.slice(op.getGain(), b.attr(done), b.attr(end - begin), 1);
      Value normalized = b.elementwise(
          {columns, gain, buildColumnNorms(b, columns)}, b.emptyLike(columns),
          [](TensorBuilder &b, ValueRange args) {
            Value factor = arith::DivFOp::create(b, args[1], args[2]);
            return arith::MulFOp::create(b, args[0], factor);
          });
      result = setColumns(b, normalized, result, begin);
      done += end - begin;
    }
    rewriter.replaceOp(op, result);
    return success();
  }
};

struct SpectralNormLowering : OpRewritePattern<SpectralNormOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SpectralNormOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    Value result = op.getWeight();
    for (auto [begin, end] : op.getColumnRanges()) {
      Value columns = getColumns(b, op.getWeight(), begin, end);
      Value norm = buildSingular(b, columns, op.getIterations()).norm;
      result = setColumns(b, scale(b, columns, invert(b, norm)), result, begin);
    }
    rewriter.replaceOp(op, result);
    return success();
  }
};

struct WeightNormGradLowering : OpRewritePattern<WeightNormGradOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(WeightNormGradOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    RankedTensorType gains = op.getGain().getType();
    Value dWeight = op.getGradient();
    Value dGain = b.empty(b.attr(gains.getDimSize(0)), gains.getElementType());
    int64_t done = 0;
    for (auto [begin, end] : op.getColumnRanges()) {
      OpFoldResult first = b.attr(done), count = b.attr(end - begin);
      Value w = getColumns(b, op.getWeight(), begin, end);
      Value g = getColumns(b, op.getGradient(), begin, end);
      Value gain = b.slice(op.getGain(), first, count, 1);
      Value norms = buildColumnNorms(b, w);
      Value share = b.elementwise(
          {buildColumnProducts(b, g, w), norms}, b.emptyLike(norms),
          [](TensorBuilder &b, ValueRange args) {
            return arith::DivFOp::create(b, args[0], args[1]);
          });
      // gain / n * (g - share * w / n)
      Value columns = b.elementwise(
          {g, w, gain, norms, share}, b.emptyLike(w),
          [](TensorBuilder &b, ValueRange args) -> Value {
            Value unit = arith::DivFOp::create(b, args[1], args[3]);
            Value rest = arith::SubFOp::create(
                b, args[0], arith::MulFOp::create(b, args[4], unit));
            Value factor = arith::DivFOp::create(b, args[2], args[3]);
            return arith::MulFOp::create(b, factor, rest);
          });
      dWeight = setColumns(b, columns, dWeight, begin);
      dGain = b.insert(share, dGain, first, count);
      done += end - begin;
    }
    rewriter.replaceOp(op, {dWeight, dGain});
    return success();
  }
};

struct ColumnNormGradLowering : OpRewritePattern<ColumnNormGradOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ColumnNormGradOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    Value result = b.zeros(b.emptyLike(op.getWeight()));
    int64_t done = 0;
    for (auto [begin, end] : op.getColumnRanges()) {
      Value w = getColumns(b, op.getWeight(), begin, end);
      Value gradient =
          b.slice(op.getGradient(), b.attr(done), b.attr(end - begin), 1);
      Value columns =
          b.elementwise({w, gradient, buildColumnNorms(b, w)}, b.emptyLike(w),
                        [](TensorBuilder &b, ValueRange args) {
                          Value factor =
                              arith::DivFOp::create(b, args[1], args[2]);
                          return arith::MulFOp::create(b, args[0], factor);
                        });
      result = setColumns(b, columns, result, begin);
      done += end - begin;
    }
    rewriter.replaceOp(op, result);
    return success();
  }
};

struct SpectralNormGradLowering : OpRewritePattern<SpectralNormGradOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SpectralNormGradOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    Value result = op.getGradient();
    for (auto [begin, end] : op.getColumnRanges()) {
      Value columns = getColumns(b, op.getWeight(), begin, end);
      Value gradient = getColumns(b, op.getGradient(), begin, end);
      result =
          setColumns(b, buildRange(b, columns, gradient, op.getIterations()),
                     result, begin);
    }
    rewriter.replaceOp(op, result);
    return success();
  }

  /// g / sigma - (sum g * w) / sigma^3 * (W v) v^T, where W v = sigma u.
  static Value buildRange(TensorBuilder &b, Value w, Value g,
                          int64_t iterations) {
    Singular singular = buildSingular(b, w, iterations);
    Value inverse = invert(b, singular.norm);
    Value sum = b.sum(buildColumnProducts(b, g, w));
    Value factor = sum;
    for (int power = 0; power < 3; ++power)
      factor = arith::MulFOp::create(b, factor, inverse);
    auto type = cast<RankedTensorType>(w.getType());
    Value outer = b.matmul(singular.product, singular.v,
                           b.zeros(b.empty({b.attr(type.getDimSize(0)),
                                            b.attr(type.getDimSize(1))},
                                           type.getElementType())),
                           /*rhsTransposed=*/true);
    return b.elementwise(
        {g, outer}, b.emptyLike(w), [&](TensorBuilder &b, ValueRange args) {
          Value direct = arith::MulFOp::create(b, args[0], inverse);
          Value change = arith::MulFOp::create(b, args[1], factor);
          return arith::SubFOp::create(b, direct, change);
        });
  }
};
} // namespace

void mlir::pi::populateWeightPatterns(RewritePatternSet &patterns) {
  patterns.add<ColumnNormLowering, ColumnNormGradLowering, WeightNormLowering,
               WeightNormGradLowering, SpectralNormLowering,
               SpectralNormGradLowering>(patterns.getContext());
}
