//===- NonlinearPatterns.cpp - Nonlinear operations to linalg -------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"
#include "TensorBuilder.h"

#include "pi/Dialect/Pi/IR/Pi.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::pi;

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
               PolynomialLowering, ArgmaxLowering>(patterns.getContext());
}
