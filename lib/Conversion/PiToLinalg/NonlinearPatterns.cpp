//===- NonlinearPatterns.cpp - Nonlinear operations to linalg -------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"
#include "RowPatterns.h"

#include "pi/Dialect/Pi/IR/Pi.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::pi;

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

/// The largest element of factor * row.
static Value buildMaximum(TensorBuilder &b, Value row, Value factor) {
  return b.reduce(row, -std::numeric_limits<double>::infinity(),
                  [&](TensorBuilder &b, ValueRange args) {
                    Value x = arith::MulFOp::create(b, args[1], factor);
                    return arith::MaximumFOp::create(b, args[0], x);
                  });
}

Value mlir::pi::buildLogSumExp(TensorBuilder &b, Value row, Value factor) {
  Value max = buildMaximum(b, row, factor);
  Value sum = b.reduce(row, 0.0, [&](TensorBuilder &b, ValueRange args) {
    Value x = arith::MulFOp::create(b, args[1], factor);
    Value power = math::ExpOp::create(b, arith::SubFOp::create(b, x, max));
    return b.addForSum(args[0], power);
  });
  return arith::AddFOp::create(b, max, math::LogOp::create(b, sum));
}

Value mlir::pi::buildSoftmaxRow(TensorBuilder &b, Value row, Value factor) {
  Value max = buildMaximum(b, row, factor);
  Value powers = b.elementwise(
      {}, row,
      [&](TensorBuilder &b, ValueRange args) {
        Value x = arith::MulFOp::create(b, args[0], factor);
        return math::ExpOp::create(b, arith::SubFOp::create(b, x, max));
      },
      /*readsDestination=*/true);
  Value inverse =
      arith::DivFOp::create(b, b.real(1.0, factor.getType()), b.sum(powers));
  return b.elementwise(
      {}, powers,
      [&](TensorBuilder &b, ValueRange args) {
        return arith::MulFOp::create(b, args[0], inverse);
      },
      /*readsDestination=*/true);
}

Value mlir::pi::buildEntropy(TensorBuilder &b, Value probabilities) {
  return b.reduce(probabilities, 0.0, [](TensorBuilder &b, ValueRange args) {
    // 0 * log(0) counts as 0, its limit.
    Value zero = b.real(0.0, args[1].getType());
    Value positive =
        arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, args[1], zero);
    Value safe = arith::SelectOp::create(b, positive, args[1],
                                         b.real(1.0, args[1].getType()));
    Value term =
        arith::MulFOp::create(b, args[1], math::LogOp::create(b, safe));
    return b.addForSum(args[0], arith::NegFOp::create(b, term));
  });
}

Value mlir::pi::buildSoftmaxRows(
    TensorBuilder &b, Value scores, int64_t rows, OpFoldResult columns,
    OpFoldResult first, function_ref<Value(TensorBuilder &, Value)> getFactor) {
  return b.loop(
      b.attr(rows), scores,
      [&](TensorBuilder &b, Value i, Value matrix) -> Value {
        OpFoldResult one = b.attr(1), seen = columns;
        if (first) {
          Value start = getValueOrCreateConstantIndexOp(b, b.getLoc(), first);
          Value next = arith::AddIOp::create(b, start, b.index(1));
          seen = Value(arith::AddIOp::create(b, i, next));
        }
        Value row = b.slice(matrix, {i, b.attr(0)}, {one, seen}, 1);
        row = buildSoftmaxRow(b, row, getFactor(b, i));
        matrix = b.insert(row, matrix, {i, b.attr(0)}, {one, seen});
        if (!first)
          return matrix;
        Value end = getValueOrCreateConstantIndexOp(b, b.getLoc(), columns);
        OpFoldResult hidden =
            Value(arith::SubIOp::create(b, end, cast<Value>(seen)));
        Value rest = b.slice(matrix, {i, seen}, {one, hidden}, 1);
        return b.insert(b.zeros(rest), matrix, {i, seen}, {one, hidden});
      });
}

//===----------------------------------------------------------------------===//
// Elementwise operations
//===----------------------------------------------------------------------===//

/// erf or tanh of GELU's argument, which is 2 gelu(x) / x - 1.
static Value buildGeluInner(TensorBuilder &b, Value x, bool withTanh) {
  Type type = x.getType();
  if (!withTanh)
    return math::ErfOp::create(
        b, arith::MulFOp::create(b, x, b.real(std::sqrt(0.5), type)));
  // sqrt(2 / pi) (x + 0.044715 x^3) = x (c + 0.044715 c x^2)
  double c = std::sqrt(2.0 / M_PI);
  Value square = arith::MulFOp::create(b, x, x);
  Value factor = math::FmaOp::create(b, square, b.real(0.044715 * c, type),
                                     b.real(c, type));
  return math::TanhOp::create(b, arith::MulFOp::create(b, x, factor));
}

/// x (1 + f(x)) / 2, where f is erf or tanh of GELU's argument.
static Value buildGelu(TensorBuilder &b, Value x, bool withTanh) {
  Value half = arith::MulFOp::create(b, x, b.real(0.5, x.getType()));
  return math::FmaOp::create(b, half, buildGeluInner(b, x, withTanh), half);
}

/// (1 + f(x)) / 2 + x f'(x) / 2, with f as in `buildGelu`.
static Value buildGeluDerivative(TensorBuilder &b, Value x, bool withTanh) {
  Type type = x.getType();
  Value inner = buildGeluInner(b, x, withTanh);
  Value square = arith::MulFOp::create(b, x, x), slope;
  if (withTanh) {
    // (1 - tanh^2) (c + 3 * 0.044715 c x^2)
    double c = std::sqrt(2.0 / M_PI);
    Value factor = math::FmaOp::create(
        b, square, b.real(3.0 * 0.044715 * c, type), b.real(c, type));
    Value rest = math::FmaOp::create(b, arith::NegFOp::create(b, inner), inner,
                                     b.real(1.0, type));
    slope = arith::MulFOp::create(b, rest, factor);
  } else {
    // sqrt(2 / pi) exp(-x^2 / 2)
    Value power = math::ExpOp::create(
        b, arith::MulFOp::create(b, square, b.real(-0.5, type)));
    slope =
        arith::MulFOp::create(b, power, b.real(std::sqrt(2.0 / M_PI), type));
  }
  Value one = arith::AddFOp::create(b, inner, b.real(1.0, type));
  return arith::MulFOp::create(b, math::FmaOp::create(b, x, slope, one),
                               b.real(0.5, type));
}

namespace {
struct GeluLowering : OpRewritePattern<GeluOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(GeluOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    bool withTanh = op.getApproximate() == GeluApproximation::tanh;
    rewriter.replaceOp(op,
                       b.elementwise(op.getInput(), b.emptyLike(op.getInput()),
                                     [&](TensorBuilder &b, ValueRange args) {
                                       return buildGelu(b, args[0], withTanh);
                                     }));
    return success();
  }
};

struct ReluLowering : OpRewritePattern<ReluOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReluOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    rewriter.replaceOp(
        op, b.elementwise(op.getInput(), b.emptyLike(op.getInput()),
                          [](TensorBuilder &b, ValueRange args) {
                            Value zero = b.real(0.0, args[0].getType());
                            return arith::MaximumFOp::create(b, args[0], zero);
                          }));
    return success();
  }
};

struct GeluGradLowering : OpRewritePattern<GeluGradOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(GeluGradOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    bool withTanh = op.getApproximate() == GeluApproximation::tanh;
    rewriter.replaceOp(
        op, b.elementwise(
                {op.getGradient(), op.getInput()}, b.emptyLike(op.getInput()),
                [&](TensorBuilder &b, ValueRange args) {
                  return arith::MulFOp::create(
                      b, args[0], buildGeluDerivative(b, args[1], withTanh));
                }));
    return success();
  }
};

struct ReluGradLowering : OpRewritePattern<ReluGradOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReluGradOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    rewriter.replaceOp(
        op, b.elementwise(
                {op.getGradient(), op.getInput()}, b.emptyLike(op.getInput()),
                [](TensorBuilder &b, ValueRange args) {
                  Value zero = b.real(0.0, args[0].getType());
                  Value positive = arith::CmpFOp::create(
                      b, arith::CmpFPredicate::OGT, args[1], zero);
                  return arith::SelectOp::create(b, positive, args[0], zero);
                }));
    return success();
  }
};

struct PolynomialLowering : OpRewritePattern<PolynomialOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(PolynomialOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    // Horner's scheme.
    auto evaluate = [&](TensorBuilder &b, ValueRange args) {
      ArrayRef<double> c = op.getCoefficients();
      Type type = args[0].getType();
      Value value = b.real(c.back(), type);
      for (double coefficient : llvm::reverse(c.drop_back()))
        value =
            math::FmaOp::create(b, value, args[0], b.real(coefficient, type));
      return value;
    };
    rewriter.replaceOp(
        op, b.elementwise(op.getInput(), b.emptyLike(op.getInput()), evaluate));
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Reductions over rows
//===----------------------------------------------------------------------===//

struct LayerNormLowering : OpRewritePattern<LayerNormOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(LayerNormOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    RankedTensorType type = op.getResult().getType();
    Value input = b.asMatrix(op.getInput());
    auto shape = cast<RankedTensorType>(input.getType()).getShape();
    auto rows =
        b.parallel(shape[0], b.emptyLike(input),
                   [&](TensorBuilder &b, ValueRange indices, ValueRange out) {
                     TensorBuilder::Piece piece{{},
                                                {indices[0], b.attr(0)},
                                                {b.attr(1), b.attr(shape[1])}};
                     Value x = b.slice(input, piece.offsets, piece.sizes, 1);
                     Value y = b.slice(out[0], piece.offsets, piece.sizes, 1);
                     piece.value = normalize(b, op, x, y);
                     return SmallVector<TensorBuilder::Piece>{piece};
                   });
    rewriter.replaceOp(op, b.fromMatrix(rows[0], type));
    return success();
  }

  static Value normalize(TensorBuilder &b, LayerNormOp op, Value x, Value y) {
    auto type = cast<RankedTensorType>(x.getType());
    Type element = type.getElementType();
    Value count = b.real(type.getDimSize(0), element);
    Value mean = arith::DivFOp::create(b, b.sum(x), count);
    Value squares = b.reduce(x, 0.0, [&](TensorBuilder &b, ValueRange args) {
      Value centred = arith::SubFOp::create(b, args[1], mean);
      return b.addForSum(args[0], arith::MulFOp::create(b, centred, centred));
    });
    Value variance = arith::DivFOp::create(b, squares, count);
    Value epsilon = b.real(op.getEpsilon().convertToDouble(), element);
    Value deviation =
        math::SqrtOp::create(b, arith::AddFOp::create(b, variance, epsilon));
    Value inverse = arith::DivFOp::create(b, b.real(1.0, element), deviation);
    return b.elementwise(
        {x, op.getWeight(), op.getBias()}, y,
        [&](TensorBuilder &b, ValueRange args) {
          Value centred = arith::SubFOp::create(b, args[0], mean);
          Value scaled = arith::MulFOp::create(b, centred, inverse);
          return math::FmaOp::create(b, scaled, args[1], args[2]);
        });
  }
};

struct SoftmaxLowering : OpRewritePattern<SoftmaxOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SoftmaxOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    RankedTensorType type = op.getResult().getType();
    int64_t rows = type.getDimSize(2), columns = type.getDimSize(3);
    OpFoldResult first;
    if (op.getCausal()) {
      if (columns < rows)
        return rewriter.notifyMatchFailure(op, "rows without columns");
      first = b.attr(0);
    }
    auto result = b.parallel(
        type.getShape().take_front(2), b.emptyLike(op.getInput()),
        [&](TensorBuilder &b, ValueRange at, ValueRange out) {
          TensorBuilder::Piece piece{
              {},
              {at[0], at[1], b.attr(0), b.attr(0)},
              {b.attr(1), b.attr(1), b.attr(rows), b.attr(columns)}};
          Value source = b.slice(op.getInput(), piece.offsets, piece.sizes, 2);
          Value target = b.slice(out[0], piece.offsets, piece.sizes, 2);
          Value copy = b.elementwise(
              source, target,
              [](TensorBuilder &, ValueRange args) { return args[0]; });
          piece.value = buildSoftmaxRows(
              b, copy, rows, b.attr(columns), first,
              [&](TensorBuilder &b, Value row) -> Value {
                Value one = b.real(1.0, type.getElementType());
                if (!op.getTemperature())
                  return one;
                return arith::DivFOp::create(
                    b, one, b.extract(op.getTemperature(), {at[1], row}));
              });
          return SmallVector<TensorBuilder::Piece>{piece};
        });
    rewriter.replaceOp(op, result);
    return success();
  }
};

struct ArgmaxLowering : OpRewritePattern<ArgmaxOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ArgmaxOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    RankedTensorType type = op.getResult().getType();
    int64_t rank = type.getRank();
    Type element = op.getInput().getType().getElementType();
    auto sizes = getAsIndexOpFoldResult(op.getContext(), type.getShape());
    Value lowest =
        linalg::FillOp::create(
            b, b.real(-std::numeric_limits<double>::infinity(), element),
            b.empty(sizes, element))
            .getResult(0);
    Value zero = arith::ConstantOp::create(b, b.getI32IntegerAttr(0));
    Value first =
        linalg::FillOp::create(b, zero, b.empty(sizes, b.getI32Type()))
            .getResult(0);
    AffineMap whole = b.getDimensionsMap(rank + 1, 0, rank + 1);
    AffineMap row = b.getDimensionsMap(rank + 1, 0, rank);
    SmallVector<utils::IteratorType> iterators(rank,
                                               utils::IteratorType::parallel);
    iterators.push_back(utils::IteratorType::reduction);
    auto generic = linalg::GenericOp::create(
        b, TypeRange{lowest.getType(), first.getType()}, op.getInput(),
        ValueRange{lowest, first}, ArrayRef{whole, row, row}, iterators,
        [&](OpBuilder &nested, Location loc, ValueRange args) {
          // Strictly larger: the first of equal elements stays.
          TensorBuilder b(loc, nested);
          Value larger = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT,
                                               args[0], args[1]);
          Value position = arith::IndexCastOp::create(
              b, b.getI32Type(), linalg::IndexOp::create(b, rank));
          Value value = arith::SelectOp::create(b, larger, args[0], args[1]);
          Value index = arith::SelectOp::create(b, larger, position, args[2]);
          linalg::YieldOp::create(b, ValueRange{value, index});
        });
    rewriter.replaceOp(op, generic.getResult(1));
    return success();
  }
};
} // namespace

void mlir::pi::populateNonlinearPatterns(RewritePatternSet &patterns) {
  patterns.add<GeluLowering, GeluGradLowering, ReluLowering, ReluGradLowering,
               PolynomialLowering, LayerNormLowering, SoftmaxLowering,
               ArgmaxLowering>(patterns.getContext());
}
