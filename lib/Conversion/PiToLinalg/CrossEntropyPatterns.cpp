//===- CrossEntropyPatterns.cpp - Cross-entropies to linalg ---------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"
#include "RowPatterns.h"

#include "pi/Dialect/Pi/IR/Pi.h"

using namespace mlir;
using namespace mlir::pi;

//===----------------------------------------------------------------------===//
// Rows of logits
//===----------------------------------------------------------------------===//

namespace {
/// A row's target. `counts` is false where it is ignored; `index` is 0 then.
struct Target {
  Value counts, index;
};

/// The targets of all rows.
class Targets {
public:
  Targets(TensorBuilder &b, Value targets, int32_t ignoreIndex)
      : targets(b.asVector(targets)), ignoreIndex(ignoreIndex) {}

  Target get(TensorBuilder &b, Value row) const {
    Value target = tensor::ExtractOp::create(b, targets, row);
    Value counts = isCounted(b, target);
    Value zero = b.index(0);
    Value index = arith::IndexCastOp::create(b, b.getIndexType(), target);
    return {counts, arith::SelectOp::create(b, counts, index, zero)};
  }

  /// The number of rows that count, but at least 1.
  Value count(TensorBuilder &b, Type type) const {
    Value ones = b.elementwise(
        targets, b.empty(tensor::getMixedSizes(b, b.getLoc(), targets), type),
        [&](TensorBuilder &b, ValueRange args) -> Value {
          return arith::SelectOp::create(b, isCounted(b, args[0]),
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

  Value targets;
  int32_t ignoreIndex;
};
} // namespace

static RankedTensorType getTensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// The place of row `row` in a matrix.
static TensorBuilder::Piece getRowPlace(TensorBuilder &b, Value matrix,
                                        Value row) {
  int64_t columns = getTensorType(matrix).getDimSize(1);
  return {{}, {row, b.attr(0)}, {b.attr(1), b.attr(columns)}};
}

static Value getRow(TensorBuilder &b, Value matrix, Value row) {
  TensorBuilder::Piece place = getRowPlace(b, matrix, row);
  return b.slice(matrix, place.offsets, place.sizes, 1);
}

/// The place of element `row` of a vector, which holds the loss of a row:
/// log_sum_exp - row[target], or 0 where the row is ignored.
static TensorBuilder::Piece buildRowLoss(TensorBuilder &b, Value row,
                                         Value logSum, Target target,
                                         Value losses, Value index) {
  TensorBuilder::Piece piece{{}, {index}, {b.attr(1)}};
  Value place = b.slice(losses, piece.offsets, piece.sizes, 1);
  Value loss = arith::SubFOp::create(b, logSum, b.extract(row, target.index));
  Value zero = b.real(0.0, logSum.getType());
  loss = arith::SelectOp::create(b, target.counts, loss, zero);
  piece.value = tensor::InsertOp::create(b, loss, place, b.index(0));
  return piece;
}

/// share * (softmax(row) - onehot(target)), or 0 where the row is ignored.
static Value buildRowGradient(TensorBuilder &b, Value row, Value logSum,
                              Target target, Value share, Value place) {
  Type type = share.getType();
  Type stored = getTensorType(place).getElementType();
  Value factor =
      arith::SelectOp::create(b, target.counts, share, b.real(0.0, type));
  auto gradient = [&](TensorBuilder &b, ValueRange args) -> Value {
    Value logP =
        arith::SubFOp::create(b, b.convertScalar(args[0], type), logSum);
    Value hit =
        arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                              linalg::IndexOp::create(b, 0), target.index);
    Value one =
        arith::SelectOp::create(b, hit, b.real(1.0, type), b.real(0.0, type));
    Value difference =
        arith::SubFOp::create(b, math::ExpOp::create(b, logP), one);
    return b.convertScalar(arith::MulFOp::create(b, factor, difference),
                           stored);
  };
  if (row == place)
    return b.elementwise({}, place, gradient, /*readsDestination=*/true);
  return b.elementwise(row, place, gradient);
}

//===----------------------------------------------------------------------===//
// CrossEntropyOp, CrossEntropyGradOp
//===----------------------------------------------------------------------===//

namespace {
struct CrossEntropyLowering : OpRewritePattern<CrossEntropyOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(CrossEntropyOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    Type type = op.getResult().getType().getElementType();
    Value logits = b.asMatrix(op.getLogits());
    Targets targets(b, op.getTargets(), op.getIgnoreIndex());
    int64_t numRows = getTensorType(logits).getDimSize(0);
    auto losses =
        b.parallel(numRows, b.empty(b.attr(numRows), type),
                   [&](TensorBuilder &b, ValueRange at, ValueRange out) {
                     Value row = b.convert(getRow(b, logits, at[0]), type);
                     Target target = targets.get(b, at[0]);
                     Value logSum = buildLogSumExp(b, row, b.real(1.0, type));
                     return SmallVector<TensorBuilder::Piece>{
                         buildRowLoss(b, row, logSum, target, out[0], at[0])};
                   });
    Value mean =
        arith::DivFOp::create(b, b.sum(losses[0]), targets.count(b, type));
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
    Value logits = b.asMatrix(op.getLogits());
    Targets targets(b, op.getTargets(), op.getIgnoreIndex());
    Value share = arith::DivFOp::create(b, b.extract(op.getGradient()),
                                        targets.count(b, type));
    auto result =
        b.parallel(getTensorType(logits).getDimSize(0), b.emptyLike(logits),
                   [&](TensorBuilder &b, ValueRange at, ValueRange out) {
                     TensorBuilder::Piece piece = getRowPlace(b, logits, at[0]);
                     Value row = b.convert(getRow(b, logits, at[0]), type);
                     Target target = targets.get(b, at[0]);
                     Value logSum = buildLogSumExp(b, row, b.real(1.0, type));
                     piece.value =
                         buildRowGradient(b, row, logSum, target, share,
                                          getRow(b, out[0], at[0]));
                     return SmallVector<TensorBuilder::Piece>{piece};
                   });
    rewriter.replaceOp(op, b.fromMatrix(result[0], op.getResult().getType()));
    return success();
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// LinearCrossEntropyOp
//===----------------------------------------------------------------------===//

/// What the logits of a chunk may take: enough for products to run at full
/// speed, little beside the weights.
static constexpr int64_t kChunkBytes = int64_t(64) << 20;

namespace {
/// The loss, and its gradients if they are asked for, chunk by chunk. What the
/// chunks give is carried from one to the next: the losses of all rows, d_input
/// and the sum d_weight.
class ChunkedLoss {
public:
  ChunkedLoss(TensorBuilder &b, LinearCrossEntropyOp op)
      : op(op), input(b.asMatrix(op.getInput())),
        targets(b, op.getTargets(), op.getIgnoreIndex()),
        type(op.getLoss().getType().getElementType()),
        stored(op.getWeight().getType().getElementType()),
        count(targets.count(b, type)) {
    if (op.getDInput())
      share = arith::DivFOp::create(b, b.real(1.0, type), count);
  }

  /// The results of the operation.
  TensorBuilder::Values build(TensorBuilder &b) {
    int64_t numRows = op.getNumRows(), size = getChunkRows();
    TensorBuilder::Values carried = {b.empty(b.attr(numRows), type)};
    if (op.getDInput()) {
      carried.push_back(b.emptyLike(input));
      auto gradient = cast<RankedTensorType>(op.getDWeight().getType());
      carried.push_back(b.zeros(
          b.empty(getAsIndexOpFoldResult(b.getContext(), gradient.getShape()),
                  gradient.getElementType())));
    }
    if (numRows / size == 1)
      carried = buildChunk(b, b.index(0), size, carried);
    else
      carried = b.loop(b.attr(numRows / size), ValueRange(carried),
                       [&](TensorBuilder &b, Value i, ValueRange carried) {
                         Value first =
                             arith::MulIOp::create(b, i, b.index(size));
                         return buildChunk(b, first, size, carried);
                       });
    if (int64_t rest = numRows % size)
      carried = buildChunk(b, b.index(numRows - rest), rest, carried);

    TensorBuilder::Values results = {
        b.scalar(arith::DivFOp::create(b, b.sum(carried[0]), count))};
    if (op.getDInput()) {
      results.push_back(b.fromMatrix(carried[1], op.getInput().getType()));
      results.push_back(carried[2]);
    }
    return results;
  }

private:
  int64_t getChunkRows() {
    int64_t rowBytes =
        op.getNumClasses() * int64_t(stored.getIntOrFloatBitWidth() / 8);
    return op.getChunkRows(kChunkBytes, rowBytes);
  }

  /// Adds rows [first, first + size) to what is carried.
  TensorBuilder::Values buildChunk(TensorBuilder &b, Value first, int64_t size,
                                   ValueRange carried) {
    auto getRows = [&](Value matrix) {
      int64_t columns = getTensorType(matrix).getDimSize(1);
      return b.slice(matrix, {first, b.attr(0)},
                     {b.attr(size), b.attr(columns)}, 2);
    };
    bool transposed = op.getTransposed();
    Value weight = op.getWeight(), x = getRows(input);
    Value room = b.empty({b.attr(size), b.attr(op.getNumClasses())}, stored);
    Value logits = b.matmul(x, weight, b.zeros(room), transposed);
    Value losses = b.slice(carried[0], {first}, {b.attr(size)}, 1);
    TensorBuilder::Values rows = buildRows(b, first, logits, losses);
    TensorBuilder::Values next = {
        b.insert(rows[0], carried[0], {first}, {b.attr(size)})};
    if (!op.getDInput())
      return next;
    Value dInput = b.matmul(rows[1], weight, b.zeros(getRows(carried[1])),
                            /*rhsTransposed=*/!transposed);
    next.push_back(b.insert(dInput, carried[1], {first, b.attr(0)},
                            {b.attr(size), b.attr(op.getInFeatures())}));
    next.push_back(transposed ? b.matmul(rows[1], x, carried[2], false, true)
                              : b.matmul(x, rows[1], carried[2], false, true));
    return next;
  }

  /// The losses of rows of logits and, in their place, their gradients.
  TensorBuilder::Values buildRows(TensorBuilder &b, Value first, Value logits,
                                  Value losses) {
    TensorBuilder::Values destinations = {losses};
    if (share)
      destinations.push_back(logits);
    return b.parallel(
        getTensorType(logits).getDimSize(0), destinations,
        [&](TensorBuilder &b, ValueRange at, ValueRange out) {
          Value stored = getRow(b, share ? out[1] : logits, at[0]);
          Value row = b.convert(stored, type);
          Target target =
              targets.get(b, arith::AddIOp::create(b, first, at[0]));
          Value logSum = buildLogSumExp(b, row, b.real(1.0, type));
          SmallVector<TensorBuilder::Piece> pieces = {
              buildRowLoss(b, row, logSum, target, out[0], at[0])};
          if (share) {
            pieces.push_back(getRowPlace(b, logits, at[0]));
            pieces.back().value =
                buildRowGradient(b, stored, logSum, target, share, stored);
          }
          return pieces;
        });
  }

  LinearCrossEntropyOp op;
  Value input;
  Targets targets;
  /// The element types of the loss and of logits.
  Type type, stored;
  /// The number of rows that count and, if gradients are asked for, 1 over it.
  Value count, share;
};

struct LinearCrossEntropyLowering : OpRewritePattern<LinearCrossEntropyOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(LinearCrossEntropyOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    rewriter.replaceOp(op, ChunkedLoss(b, op).build(b));
    return success();
  }
};
} // namespace

void mlir::pi::populateCrossEntropyPatterns(RewritePatternSet &patterns) {
  patterns.add<CrossEntropyLowering, CrossEntropyGradLowering,
               LinearCrossEntropyLowering>(patterns.getContext());
}
