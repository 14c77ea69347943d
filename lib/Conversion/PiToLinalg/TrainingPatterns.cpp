//===- TrainingPatterns.cpp - Losses to linalg ----------------------------===//
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

using namespace mlir;
using namespace mlir::pi;

//===----------------------------------------------------------------------===//
// Entropy penalty
//===----------------------------------------------------------------------===//

/// A loop over B x H x T, in which a tensor is B x H x T or H; a destination H
/// is summed into.
static Value buildByHead(TensorBuilder &b, ValueRange inputs, Value destination,
                         TensorBuilder::ScalarFn fn) {
  auto map = [&](Value tensor) {
    bool isWhole = cast<RankedTensorType>(tensor.getType()).getRank() == 3;
    return isWhole ? b.getDimensionsMap(3, 0, 3) : b.getDimensionsMap(3, 1, 2);
  };
  SmallVector<AffineMap> maps = llvm::map_to_vector(inputs, map);
  maps.push_back(map(destination));
  auto outer = maps.back().getNumResults() == 3
                   ? utils::IteratorType::parallel
                   : utils::IteratorType::reduction;
  auto generic = linalg::GenericOp::create(
      b, TypeRange{destination.getType()}, inputs, ValueRange{destination},
      maps, ArrayRef{outer, utils::IteratorType::parallel, outer},
      [&](OpBuilder &nested, Location loc, ValueRange args) {
        TensorBuilder body(loc, nested);
        linalg::YieldOp::create(body, fn(body, args));
      });
  return generic.getResult(0);
}

/// The mean entropy of each head over batch and rows.
static Value buildMeans(TensorBuilder &b, Value entropy) {
  auto type = cast<RankedTensorType>(entropy.getType());
  Type element = type.getElementType();
  Value zeros = b.zeros(b.empty(b.attr(type.getDimSize(1)), element));
  Value sums = buildByHead(b, {entropy}, zeros,
                           [](TensorBuilder &b, ValueRange args) -> Value {
                             return arith::AddFOp::create(b, args[1], args[0]);
                           });
  double rows = double(type.getDimSize(0)) * double(type.getDimSize(2));
  return b.elementwise(
      sums, b.emptyLike(sums), [&](TensorBuilder &b, ValueRange args) {
        return arith::DivFOp::create(b, args[0], b.real(rows, element));
      });
}

namespace {
/// The deviations that `pi.entropy_penalty` punishes.
template <typename Op>
class Penalty {
public:
  Penalty(TensorBuilder &b, Op op)
      : op(op), shape(op.getEntropy().getType().getShape()),
        element(op.getEntropy().getType().getElementType()),
        isPerRow(op.getReading() == EntropyReading::per_row) {}

  /// `a`: delta where it passes the margin, else 0. Per row B x H x T, per
  /// head H.
  Value buildDeviations(TensorBuilder &b) {
    auto deviation = [&](TensorBuilder &b, ValueRange args) -> Value {
      Value target =
          arith::MulFOp::create(b, args[1], b.real(limit(), element));
      Value delta = arith::SubFOp::create(b, args[0], target);
      Value margin = b.real(op.getGamma().convertToDouble() * limit(), element);
      Value outside = arith::CmpFOp::create(
          b, arith::CmpFPredicate::OGT, math::AbsFOp::create(b, delta), margin);
      return arith::SelectOp::create(b, outside, delta, b.real(0.0, element));
    };
    if (!isPerRow)
      return b.elementwise({buildMeans(b, op.getEntropy()), op.getThreshold()},
                           b.emptyLike(op.getThreshold()), deviation);
    return buildByHead(b, {op.getEntropy(), op.getThreshold()},
                       b.emptyLike(op.getEntropy()), deviation);
  }

  /// The sum over batch and rows of fn(a), for each head.
  Value sumByHead(TensorBuilder &b, Value deviations,
                  TensorBuilder::ScalarFn fn) {
    Value zeros = b.zeros(b.emptyLike(op.getThreshold()));
    if (!isPerRow)
      return b.elementwise(deviations, zeros, fn);
    return buildByHead(b, {deviations}, zeros,
                       [&](TensorBuilder &b, ValueRange args) -> Value {
                         return arith::AddFOp::create(b, args[1],
                                                      fn(b, args[0]));
                       });
  }

  /// fn of the deviation, for each element of the entropy.
  Value spread(TensorBuilder &b, Value deviations, TensorBuilder::ScalarFn fn) {
    return buildByHead(b, {deviations}, b.emptyLike(op.getEntropy()), fn);
  }

  /// E_max = log T.
  double limit() const { return std::log(double(shape[2])); }
  double numHeads() const { return shape[1]; }
  double numRows() const { return double(shape[0]) * double(shape[2]); }

private:
  Op op;
  ArrayRef<int64_t> shape;
  Type element;
  bool isPerRow;
};

struct MeanEntropyLowering : OpRewritePattern<MeanEntropyOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MeanEntropyOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    rewriter.replaceOp(op, buildMeans(b, op.getEntropy()));
    return success();
  }
};

struct EntropyPenaltyLowering : OpRewritePattern<EntropyPenaltyOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(EntropyPenaltyOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    Penalty<EntropyPenaltyOp> penalty(b, op);
    Value squares = penalty.sumByHead(
        b, penalty.buildDeviations(b), [](TensorBuilder &b, ValueRange args) {
          return arith::MulFOp::create(b, args[0], args[0]);
        });
    double factor = op.getLambda().convertToDouble() / penalty.numHeads();
    Value sum = b.sum(squares);
    rewriter.replaceOp(op, b.scalar(arith::MulFOp::create(
                               b, sum, b.real(factor, sum.getType()))));
    return success();
  }
};

struct EntropyPenaltyGradLowering : OpRewritePattern<EntropyPenaltyGradOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(EntropyPenaltyGradOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    Penalty<EntropyPenaltyGradOp> penalty(b, op);
    Value deviations = penalty.buildDeviations(b);
    Value gradient = b.extract(op.getGradient());
    auto scale = [&](double factor) {
      return arith::MulFOp::create(b, gradient,
                                   b.real(factor, gradient.getType()));
    };
    double c = 2.0 * op.getLambda().convertToDouble() / penalty.numHeads();
    bool isPerRow = op.getReading() == EntropyReading::per_row;
    Value share = scale(isPerRow ? c : c / penalty.numRows());
    Value dEntropy =
        penalty.spread(b, deviations, [&](TensorBuilder &b, ValueRange args) {
          return arith::MulFOp::create(b, args[0], share);
        });
    Value slope = scale(-c * penalty.limit());
    Value sums =
        penalty.sumByHead(b, deviations, [](TensorBuilder &, ValueRange args) {
          return args[0];
        });
    Value dThreshold = b.elementwise(
        sums, b.emptyLike(sums), [&](TensorBuilder &b, ValueRange args) {
          return arith::MulFOp::create(b, args[0], slope);
        });
    rewriter.replaceOp(op, {dEntropy, dThreshold});
    return success();
  }
};
} // namespace

void mlir::pi::populateTrainingPatterns(RewritePatternSet &patterns) {
  patterns.add<EntropyPenaltyLowering, EntropyPenaltyGradLowering,
               MeanEntropyLowering>(patterns.getContext());
}
