//===- TrainingPatterns.cpp - Losses to linalg ----------------------------===//
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

using namespace mlir;
using namespace mlir::pi;

//===----------------------------------------------------------------------===//
// Cross-entropy
//===----------------------------------------------------------------------===//

namespace {
/// The rows of logits and their targets.
class CrossEntropyRows {
public:
  CrossEntropyRows(TensorBuilder &b, Value logits, Value targets,
                   int32_t ignoreIndex)
      : logits(b.asMatrix(logits)), targets(b.asVector(targets)),
        ignoreIndex(ignoreIndex) {}

  RankedTensorType getType() const {
    return cast<RankedTensorType>(logits.getType());
  }
  int64_t getNumRows() const { return getType().getDimSize(0); }

  TensorBuilder::Piece getPlace(TensorBuilder &b, Value row) const {
    return {{}, {row, b.attr(0)}, {b.attr(1), b.attr(getType().getDimSize(1))}};
  }

  /// A row of logits in the type that the loss has.
  Value getRow(TensorBuilder &b, Value row, Type type) const {
    TensorBuilder::Piece place = getPlace(b, row);
    Value slice = b.slice(logits, place.offsets, place.sizes, 1);
    return b.convert(slice, type);
  }

  /// Whether row `row` counts, and its target: 0 if it does not.
  std::pair<Value, Value> getTarget(TensorBuilder &b, Value row) const {
    Value target = tensor::ExtractOp::create(b, targets, row);
    Value counts = isCounted(b, target);
    Value zero = b.index(0);
    Value index = arith::IndexCastOp::create(b, b.getIndexType(), target);
    return {counts, arith::SelectOp::create(b, counts, index, zero)};
  }

  /// The number of rows that count, but at least 1.
  Value count(TensorBuilder &b, Type type) const {
    Value ones = b.elementwise(targets, b.empty(b.attr(getNumRows()), type),
                               [&](TensorBuilder &b, ValueRange args) -> Value {
                                 return arith::SelectOp::create(
                                     b, isCounted(b, args[0]),
                                     b.real(1.0, type), b.real(0.0, type));
                               });
    return arith::MaximumFOp::create(b, b.sum(ones), b.real(1.0, type));
  }

private:
  Value isCounted(TensorBuilder &b, Value target) const {
    Value ignored =
        arith::ConstantOp::create(b, b.getI32IntegerAttr(ignoreIndex));
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, target, ignored);
  }

  Value logits, targets;
  int32_t ignoreIndex;
};

struct CrossEntropyLowering : OpRewritePattern<CrossEntropyOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(CrossEntropyOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    Type type = op.getResult().getType().getElementType();
    CrossEntropyRows rows(b, op.getLogits(), op.getTargets(),
                          op.getIgnoreIndex());
    auto losses = b.parallel(
        rows.getNumRows(), b.empty(b.attr(rows.getNumRows()), type),
        [&](TensorBuilder &b, ValueRange at, ValueRange out) {
          TensorBuilder::Piece piece{{}, {at[0]}, {b.attr(1)}};
          Value place = b.slice(out[0], piece.offsets, piece.sizes, 1);
          Value row = rows.getRow(b, at[0], type);
          auto [counts, target] = rows.getTarget(b, at[0]);
          Value logSum = buildLogSumExp(b, row, b.real(1.0, type));
          Value loss = arith::SubFOp::create(b, logSum, b.extract(row, target));
          loss = arith::SelectOp::create(b, counts, loss, b.real(0.0, type));
          piece.value = tensor::InsertOp::create(b, loss, place, b.index(0));
          return SmallVector<TensorBuilder::Piece>{piece};
        });
    Value mean =
        arith::DivFOp::create(b, b.sum(losses[0]), rows.count(b, type));
    rewriter.replaceOp(op, b.scalar(mean));
    return success();
  }
};

struct CrossEntropyGradLowering : OpRewritePattern<CrossEntropyGradOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(CrossEntropyGradOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    Type type = op.getGradient().getType().getElementType();
    CrossEntropyRows rows(b, op.getLogits(), op.getTargets(),
                          op.getIgnoreIndex());
    Value share = arith::DivFOp::create(b, b.extract(op.getGradient()),
                                        rows.count(b, type));
    Value destination = b.empty(
        {b.attr(rows.getNumRows()), b.attr(rows.getType().getDimSize(1))},
        rows.getType().getElementType());
    auto result =
        b.parallel(rows.getNumRows(), destination,
                   [&](TensorBuilder &b, ValueRange at, ValueRange out) {
                     TensorBuilder::Piece piece = rows.getPlace(b, at[0]);
                     Value place =
                         b.slice(out[0], piece.offsets, piece.sizes, 1);
                     piece.value = buildRow(b, rows, at[0], share, place);
                     return SmallVector<TensorBuilder::Piece>{piece};
                   });
    rewriter.replaceOp(op, b.fromMatrix(result[0], op.getResult().getType()));
    return success();
  }

  /// share * (softmax(row) - onehot(target)), or 0 where the row is ignored.
  static Value buildRow(TensorBuilder &b, const CrossEntropyRows &rows,
                        Value index, Value share, Value place) {
    Type type = share.getType();
    Value row = rows.getRow(b, index, type);
    auto [counts, target] = rows.getTarget(b, index);
    Value factor = arith::SelectOp::create(b, counts, share, b.real(0.0, type));
    Value logSum = buildLogSumExp(b, row, b.real(1.0, type));
    Type stored = cast<RankedTensorType>(place.getType()).getElementType();
    return b.elementwise(
        row, place, [&](TensorBuilder &b, ValueRange args) -> Value {
          Value p =
              math::ExpOp::create(b, arith::SubFOp::create(b, args[0], logSum));
          Value hit =
              arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                    linalg::IndexOp::create(b, 0), target);
          Value one = arith::SelectOp::create(b, hit, b.real(1.0, type),
                                              b.real(0.0, type));
          Value difference = arith::SubFOp::create(b, p, one);
          return b.convertScalar(arith::MulFOp::create(b, factor, difference),
                                 stored);
        });
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// Entropy penalty
//===----------------------------------------------------------------------===//

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
      return b.elementwise({buildMeans(b), op.getThreshold()},
                           b.emptyLike(op.getThreshold()), deviation);
    return buildGeneric(b, {op.getEntropy(), op.getThreshold()},
                        b.emptyLike(op.getEntropy()), deviation);
  }

  /// The sum over batch and rows of fn(a), for each head.
  Value sumByHead(TensorBuilder &b, Value deviations,
                  TensorBuilder::ScalarFn fn) {
    Value zeros = b.zeros(b.emptyLike(op.getThreshold()));
    if (!isPerRow)
      return b.elementwise(deviations, zeros, fn);
    return buildGeneric(b, {deviations}, zeros,
                        [&](TensorBuilder &b, ValueRange args) -> Value {
                          return arith::AddFOp::create(b, args[1],
                                                       fn(b, args[0]));
                        });
  }

  /// fn of the deviation, for each element of the entropy.
  Value spread(TensorBuilder &b, Value deviations, TensorBuilder::ScalarFn fn) {
    return buildGeneric(b, {deviations}, b.emptyLike(op.getEntropy()), fn);
  }

  /// E_max = log T.
  double limit() const { return std::log(double(shape[2])); }
  double numHeads() const { return shape[1]; }
  double numRows() const { return double(shape[0]) * double(shape[2]); }

private:
  /// The mean entropy of each head.
  Value buildMeans(TensorBuilder &b) {
    Value zeros = b.zeros(b.emptyLike(op.getThreshold()));
    Value sums =
        buildGeneric(b, {op.getEntropy()}, zeros,
                     [](TensorBuilder &b, ValueRange args) -> Value {
                       return arith::AddFOp::create(b, args[1], args[0]);
                     });
    return b.elementwise(
        sums, b.emptyLike(sums), [&](TensorBuilder &b, ValueRange args) {
          return arith::DivFOp::create(b, args[0], b.real(numRows(), element));
        });
  }

  /// A loop over B x H x T, in which a tensor is B x H x T or H; a destination
  /// H is summed into.
  static Value buildGeneric(TensorBuilder &b, ValueRange inputs,
                            Value destination, TensorBuilder::ScalarFn fn) {
    auto map = [&](Value tensor) {
      bool isWhole = cast<RankedTensorType>(tensor.getType()).getRank() == 3;
      return isWhole ? b.getDimensionsMap(3, 0, 3)
                     : b.getDimensionsMap(3, 1, 2);
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

  Op op;
  ArrayRef<int64_t> shape;
  Type element;
  bool isPerRow;
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
  patterns.add<CrossEntropyLowering, CrossEntropyGradLowering,
               EntropyPenaltyLowering, EntropyPenaltyGradLowering>(
      patterns.getContext());
}
