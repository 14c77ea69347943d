//===- OptimizerPatterns.cpp - Updates of parameters to linalg ------------===//
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

/// sum_i fn(tensor[i]), in an order that the shape alone decides: threads sum
/// rows, and then one sums what they give.
static Value buildSum(TensorBuilder &b, Value tensor,
                      function_ref<Value(TensorBuilder &, Value)> fn) {
  auto sumRow = [&](TensorBuilder &b, Value row) {
    return b.reduce(row, 0.0, [&](TensorBuilder &b, ValueRange args) {
      return b.addForSum(args[0], fn(b, args[1]));
    });
  };
  auto type = cast<RankedTensorType>(tensor.getType());
  if (type.getRank() < 2)
    return sumRow(b, b.asVector(tensor));
  Value matrix = b.asMatrix(tensor);
  ArrayRef<int64_t> shape = cast<RankedTensorType>(matrix.getType()).getShape();
  int64_t rows = shape[0], columns = shape[1];
  auto sums =
      b.parallel(rows, b.empty(b.attr(rows), type.getElementType()),
                 [&](TensorBuilder &b, ValueRange at, ValueRange out) {
                   TensorBuilder::Piece piece{{}, {at[0]}, {b.attr(1)}};
                   Value row = b.slice(matrix, {at[0], b.attr(0)},
                                       {b.attr(1), b.attr(columns)}, 1);
                   Value place = b.slice(out[0], piece.offsets, piece.sizes, 1);
                   piece.value = tensor::InsertOp::create(b, sumRow(b, row),
                                                          place, b.index(0));
                   return SmallVector<TensorBuilder::Piece>{piece};
                 });
  return b.sum(sums[0]);
}

namespace {
struct GlobalNormLowering : OpRewritePattern<GlobalNormOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(GlobalNormOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    Value total;
    for (Value input : op.getInputs()) {
      Value sum = buildSum(b, input, [](TensorBuilder &b, Value value) {
        return arith::MulFOp::create(b, value, value);
      });
      total = total ? arith::AddFOp::create(b, total, sum) : sum;
    }
    rewriter.replaceOp(op, b.scalar(math::SqrtOp::create(b, total)));
    return success();
  }
};

struct ClipCoefficientLowering : OpRewritePattern<ClipCoefficientOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ClipCoefficientOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    Type type = b.getF32Type();
    Value norm = b.extract(op.getNorm());
    Value ratio = arith::DivFOp::create(
        b, b.extract(op.getMaxNorm()),
        arith::AddFOp::create(b, norm, b.real(1e-6, type)));
    Value clipped = arith::MinimumFOp::create(b, ratio, b.real(1.0, type));
    Value isFinite = arith::CmpFOp::create(
        b, arith::CmpFPredicate::OLT, math::AbsFOp::create(b, norm),
        b.real(std::numeric_limits<double>::infinity(), type));
    Value nothing = b.real(std::numeric_limits<double>::quiet_NaN(), type);
    Value result = arith::SelectOp::create(b, isFinite, clipped, nothing);
    rewriter.replaceOp(op, b.scalar(result));
    return success();
  }
};

/// The factors of an update that are the same for all elements.
struct AdamWFactors {
  AdamWFactors(TensorBuilder &b, AdamWOp op)
      : coefficient(b.extract(op.getCoefficient())) {
    Type f32 = b.getF32Type(), f64 = b.getF64Type();
    auto wide = [&](Value scalar) {
      return b.convertScalar(b.extract(scalar), f64);
    };
    Value one = b.real(1.0, f64), rate = wide(op.getLearningRate());
    Value step = arith::SIToFPOp::create(
        b, f64, tensor::ExtractOp::create(b, op.getStep(), ValueRange()));
    auto correction = [&](APFloat beta) -> Value {
      Value power =
          math::PowFOp::create(b, b.real(beta.convertToDouble(), f64), step);
      return arith::SubFOp::create(b, one, power);
    };
    stepSize = b.convertScalar(
        arith::DivFOp::create(b, rate, correction(op.getBeta1())), f32);
    rootCorrection = b.convertScalar(
        math::SqrtOp::create(b, correction(op.getBeta2())), f32);
    Value decayed = arith::MulFOp::create(b, rate, wide(op.getWeightDecay()));
    keep = b.convertScalar(arith::SubFOp::create(b, one, decayed), f32);
    isKept = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, coefficient,
                                   coefficient);
  }

  Value coefficient, stepSize, rootCorrection;
  /// 1 - learning_rate * weight_decay.
  Value keep;
  /// Whether everything stays as it is.
  Value isKept;
};

struct AdamWLowering : OpRewritePattern<AdamWOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(AdamWOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    AdamWFactors factors(b, op);
    int64_t rank = op.getWeight().getType().getRank();
    SmallVector<AffineMap> maps(
        4, AffineMap::getMultiDimIdentityMap(rank, b.getContext()));
    SmallVector<utils::IteratorType> iterators(rank,
                                               utils::IteratorType::parallel);
    auto update = linalg::GenericOp::create(
        b, op.getResultTypes(), ValueRange{op.getGradient()},
        ValueRange{op.getWeight(), op.getExpAvg(), op.getExpAvgSq()}, maps,
        iterators, [&](OpBuilder &nested, Location loc, ValueRange args) {
          TensorBuilder body(loc, nested);
          SmallVector<Value> updated = buildElement(body, op, factors, args);
          for (auto [value, old] : llvm::zip_equal(updated, args.drop_front()))
            value = arith::SelectOp::create(body, factors.isKept, old, value);
          linalg::YieldOp::create(body, updated);
        });
    rewriter.replaceOp(op, update.getResults());
    return success();
  }

private:
  /// The new weight and moments of one element, whose gradient, weight and
  /// moments are `args`.
  static SmallVector<Value> buildElement(TensorBuilder &b, AdamWOp op,
                                         const AdamWFactors &factors,
                                         ValueRange args) {
    auto number = [&](double value) { return b.real(value, b.getF32Type()); };
    auto add = [&](Value x, Value y) -> Value {
      return arith::AddFOp::create(b, x, y);
    };
    auto mul = [&](Value x, Value y) -> Value {
      return arith::MulFOp::create(b, x, y);
    };
    Value weight = args[1], expAvg = args[2], expAvgSq = args[3];
    double beta1 = op.getBeta1().convertToDouble();
    double beta2 = op.getBeta2().convertToDouble();
    Value gradient = mul(factors.coefficient, args[0]);
    Value change = arith::SubFOp::create(b, gradient, expAvg);
    expAvg = add(expAvg, mul(number(1.0 - beta1), change));
    expAvgSq = add(mul(number(beta2), expAvgSq),
                   mul(mul(number(1.0 - beta2), gradient), gradient));
    Value root = arith::DivFOp::create(b, math::SqrtOp::create(b, expAvgSq),
                                       factors.rootCorrection);
    Value denominator = add(root, number(op.getEpsilon().convertToDouble()));
    if (op.getDecay())
      weight = mul(weight, factors.keep);
    Value step =
        arith::DivFOp::create(b, mul(factors.stepSize, expAvg), denominator);
    weight = arith::SubFOp::create(b, weight, step);
    return {weight, expAvg, expAvgSq};
  }
};

struct IsFiniteLowering : OpRewritePattern<IsFiniteOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(IsFiniteOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    Value all;
    for (Value input : op.getInputs()) {
      // x * 0 is NaN unless x is finite, and no sum of zeros is.
      Value sum = buildSum(b, input, [](TensorBuilder &b, Value value) {
        return arith::MulFOp::create(b, value, b.real(0.0, value.getType()));
      });
      Value isFinite =
          arith::CmpFOp::create(b, arith::CmpFPredicate::ORD, sum, sum);
      all = all ? arith::AndIOp::create(b, all, isFinite) : isFinite;
    }
    Value result = arith::ExtUIOp::create(b, b.getI32Type(), all);
    rewriter.replaceOp(op, b.scalar(result));
    return success();
  }
};
} // namespace

void mlir::pi::populateOptimizerPatterns(RewritePatternSet &patterns) {
  patterns.add<AdamWLowering, ClipCoefficientLowering, GlobalNormLowering,
               IsFiniteLowering>(patterns.getContext());
}
