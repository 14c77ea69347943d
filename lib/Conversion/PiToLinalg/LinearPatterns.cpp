//===- LinearPatterns.cpp - Linear operations to linalg -------------------===//
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

/// bias in every row of a matrix of the destination's shape, or zeros.
static Value buildAccumulator(TensorBuilder &b, Value bias, Value destination) {
  if (!bias)
    return b.zeros(destination);
  return b.elementwise(bias, destination, [](TensorBuilder &, ValueRange args) {
    return args[0];
  });
}

namespace {
struct LinearLowering : OpRewritePattern<LinearOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(LinearOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    RankedTensorType type = op.getResult().getType();
    Value empty =
        b.empty({b.attr(op.getNumRows()), b.attr(op.getOutFeatures())},
                type.getElementType());
    Value result =
        b.matmul(b.asMatrix(op.getInput()), op.getWeight(),
                 buildAccumulator(b, op.getBias(), empty), op.getTransposed());
    rewriter.replaceOp(op, b.fromMatrix(result, type));
    return success();
  }
};

/// x + linear(y, w, bias) -> a product that accumulates onto x + bias.
struct AccumulateOntoAddend : OpRewritePattern<AddOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(AddOp op,
                                PatternRewriter &rewriter) const override {
    for (bool linearIsRhs : {true, false}) {
      Value product = linearIsRhs ? op.getRhs() : op.getLhs();
      Value addend = linearIsRhs ? op.getLhs() : op.getRhs();
      auto linear = product.getDefiningOp<LinearOp>();
      if (!linear || !linear->hasOneUse() ||
          product.getType() != addend.getType())
        continue;
      rewriter.replaceOp(op, build(rewriter, linear, addend));
      rewriter.eraseOp(linear);
      return success();
    }
    return failure();
  }

  static Value build(PatternRewriter &rewriter, LinearOp linear, Value addend) {
    TensorBuilder b(linear.getLoc(), rewriter);
    RankedTensorType type = linear.getResult().getType();
    Value rows = b.asMatrix(addend);
    SmallVector<Value> inputs = {rows};
    if (linear.getBias())
      inputs.push_back(linear.getBias());
    Value start = b.elementwise(
        inputs, b.emptyLike(rows), [](TensorBuilder &b, ValueRange args) {
          return args.size() == 1
                     ? args[0]
                     : Value(arith::AddFOp::create(b, args[0], args[1]));
        });
    Value result = b.matmul(b.asMatrix(linear.getInput()), linear.getWeight(),
                            start, linear.getTransposed());
    return b.fromMatrix(result, type);
  }
};

struct MatmulLowering : OpRewritePattern<MatmulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MatmulOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    RankedTensorType type = op.getResult().getType();
    Type element = type.getElementType();
    auto batch = type.getShape().drop_back(2);
    Value lhs = op.getLhs(), rhs = op.getRhs();
    if (batch.empty()) {
      Value zeros = b.zeros(b.empty(
          {b.attr(type.getDimSize(0)), b.attr(type.getDimSize(1))}, element));
      rewriter.replaceOp(op, b.matmul(lhs, rhs, zeros, op.getRhsTransposed(),
                                      op.getLhsTransposed()));
      return success();
    }
    auto getPiece = [&](TensorBuilder &b, Value tensor, ValueRange indices) {
      TensorBuilder::Piece piece{tensor, {}, {}};
      llvm::append_range(piece.offsets, indices);
      piece.offsets.append(2, b.attr(0));
      piece.sizes.append(indices.size(), b.attr(1));
      for (int64_t size :
           cast<RankedTensorType>(tensor.getType()).getShape().take_back(2))
        piece.sizes.push_back(b.attr(size));
      return piece;
    };
    Value destination = b.empty(
        getAsIndexOpFoldResult(op.getContext(), type.getShape()), element);
    rewriter.replaceOp(
        op,
        b.parallel(batch, destination,
                   [&](TensorBuilder &b, ValueRange indices, ValueRange out) {
                     auto slice = [&](Value tensor) {
                       auto piece = getPiece(b, tensor, indices);
                       return b.slice(tensor, piece.offsets, piece.sizes, 2);
                     };
                     auto piece = getPiece(b, out[0], indices);
                     piece.value = b.matmul(
                         slice(lhs), slice(rhs), b.zeros(slice(out[0])),
                         op.getRhsTransposed(), op.getLhsTransposed());
                     return SmallVector<TensorBuilder::Piece>{piece};
                   }));
    return success();
  }
};

/// An operation that broadcasts rhs to lhs.
template <typename Op, typename ScalarOp>
struct BroadcastLowering : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    rewriter.replaceOp(
        op, b.elementwise({op.getLhs(), op.getRhs()}, b.emptyLike(op.getLhs()),
                          [](TensorBuilder &b, ValueRange args) {
                            return ScalarOp::create(b, args[0], args[1]);
                          }));
    return success();
  }
};

struct ReduceLeadingLowering : OpRewritePattern<ReduceLeadingOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReduceLeadingOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    RankedTensorType type = op.getResult().getType();
    if (type.getRank() == 0) {
      rewriter.replaceOp(op, b.scalar(sumAll(b, op.getInput())));
      return success();
    }
    Value rows = op.getInput();
    int64_t numLeading = op.getInput().getType().getRank() - type.getRank();
    SmallVector<ReassociationIndices> groups(1);
    for (int64_t i = 0; i < op.getInput().getType().getRank(); ++i) {
      if (i < numLeading)
        groups[0].push_back(i);
      else
        groups.push_back({i});
    }
    if (numLeading > 1)
      rows = tensor::CollapseShapeOp::create(b, rows, groups);
    Value zeros = b.zeros(
        b.empty(getAsIndexOpFoldResult(op.getContext(), type.getShape()),
                type.getElementType()));
    rewriter.replaceOp(
        op, b.sumLeading(rows, zeros, [](TensorBuilder &, ValueRange args) {
          return args[0];
        }));
    return success();
  }

  /// Row by row first: partial sums keep the error of a long sum small.
  static Value sumAll(TensorBuilder &b, Value input) {
    auto type = cast<RankedTensorType>(input.getType());
    if (type.getRank() <= 1)
      return b.sum(b.asVector(input));
    Value rows = b.asMatrix(input);
    auto shape = cast<RankedTensorType>(rows.getType()).getShape();
    auto sums = b.parallel(
        shape[0], b.empty(b.attr(shape[0]), type.getElementType()),
        [&](TensorBuilder &b, ValueRange at, ValueRange out) {
          TensorBuilder::Piece piece{{}, {at[0]}, {b.attr(1)}};
          Value place = b.slice(out[0], piece.offsets, piece.sizes, 1);
          Value row = b.slice(rows, {at[0], b.attr(0)},
                              {b.attr(1), b.attr(shape[1])}, 1);
          piece.value =
              tensor::InsertOp::create(b, b.sum(row), place, b.index(0));
          return SmallVector<TensorBuilder::Piece>{piece};
        });
    return b.sum(sums[0]);
  }
};

struct ScaledResidualLowering : OpRewritePattern<ScaledResidualOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ScaledResidualOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    Type element = op.getResult().getType().getElementType();
    Value beta = b.extract(op.getBeta());
    Value inverse = arith::DivFOp::create(b, b.real(1.0, element),
                                          b.extract(op.getAlpha()));
    Value result = b.elementwise(
        {op.getResidual(), op.getUpdate()}, b.emptyLike(op.getResidual()),
        [&](TensorBuilder &b, ValueRange args) -> Value {
          Value kept = arith::MulFOp::create(b, beta, args[0]);
          Value added = arith::MulFOp::create(b, inverse, args[1]);
          return arith::AddFOp::create(b, kept, added);
        });
    rewriter.replaceOp(op, result);
    return success();
  }
};

struct EmbeddingLowering : OpRewritePattern<EmbeddingOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(EmbeddingOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    RankedTensorType type = op.getResult().getType();
    auto positions = type.getShape().drop_back();
    OpFoldResult width = b.attr(type.getShape().back());
    Value destination =
        b.empty(getAsIndexOpFoldResult(op.getContext(), type.getShape()),
                type.getElementType());
    auto rows =
        b.parallel(positions, destination,
                   [&](TensorBuilder &b, ValueRange indices, ValueRange) {
                     Value token = b.extract(op.getIndices(), indices);
                     TensorBuilder::Piece piece;
                     piece.value = b.slice(op.getTable(), {token, b.attr(0)},
                                           {b.attr(1), width}, 1);
                     llvm::append_range(piece.offsets, indices);
                     piece.offsets.push_back(b.attr(0));
                     piece.sizes.append(indices.size(), b.attr(1));
                     piece.sizes.push_back(width);
                     return SmallVector<TensorBuilder::Piece>{piece};
                   });
    rewriter.replaceOp(op, rows);
    return success();
  }
};

struct EmbeddingGradLowering : OpRewritePattern<EmbeddingGradOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(EmbeddingGradOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    RankedTensorType type = op.getResult().getType();
    OpFoldResult one = b.attr(1), width = b.attr(type.getDimSize(1));
    Value indices = b.asVector(op.getIndices());
    Value gradient = b.asMatrix(op.getGradient());
    Value zeros = b.zeros(
        b.empty({b.attr(type.getDimSize(0)), width}, type.getElementType()));
    rewriter.replaceOp(
        op,
        b.loop(
            b.attr(op.getIndices().getType().getNumElements()), zeros,
            [&](TensorBuilder &b, Value i, Value table) {
              Value token = b.extract(indices, i);
              Value added = b.slice(gradient, {i, b.attr(0)}, {one, width}, 1);
              Value row = b.slice(table, {token, b.attr(0)}, {one, width}, 1);
              row = b.elementwise(
                  added, row,
                  [](TensorBuilder &b, ValueRange args) {
                    return arith::AddFOp::create(b, args[1], args[0]);
                  },
                  /*readsDestination=*/true);
              return b.insert(row, table, {token, b.attr(0)}, {one, width});
            }));
    return success();
  }
};

struct PositionEmbeddingLowering : OpRewritePattern<PositionEmbeddingOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(PositionEmbeddingOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    RankedTensorType type = op.getResult().getType();
    OpFoldResult first = b.attr(0);
    if (op.getPosition())
      first = b.extract(op.getPosition());
    rewriter.replaceOp(
        op,
        b.slice(op.getTable(), {first, b.attr(0)},
                {b.attr(type.getDimSize(0)), b.attr(type.getDimSize(1))}, 2));
    return success();
  }
};

struct PlaceRowsLowering : OpRewritePattern<PlaceRowsOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(PlaceRowsOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    RankedTensorType type = op.getResult().getType();
    Value zeros = b.zeros(
        b.empty(getAsIndexOpFoldResult(op.getContext(), type.getShape()),
                type.getElementType()));
    SmallVector<OpFoldResult> offsets(type.getRank(), b.attr(0));
    if (op.getPosition())
      offsets[type.getRank() - 2] = b.extract(op.getPosition());
    rewriter.replaceOp(
        op, b.insert(op.getRows(), zeros, offsets,
                     getAsIndexOpFoldResult(
                         op.getContext(), op.getRows().getType().getShape())));
    return success();
  }
};

struct SelectPositionLowering : OpRewritePattern<SelectPositionOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SelectPositionOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    RankedTensorType type = op.getResult().getType();
    rewriter.replaceOp(
        op,
        b.slice(op.getInput(),
                {b.attr(0), b.extract(op.getPosition()), b.attr(0)},
                getAsIndexOpFoldResult(op.getContext(), type.getShape()), 3));
    return success();
  }
};
} // namespace

void mlir::pi::populateLinearPatterns(RewritePatternSet &patterns) {
  patterns.add<
      LinearLowering, MatmulLowering, BroadcastLowering<AddOp, arith::AddFOp>,
      BroadcastLowering<MulOp, arith::MulFOp>,
      BroadcastLowering<DivOp, arith::DivFOp>, ReduceLeadingLowering,
      ScaledResidualLowering, EmbeddingLowering, EmbeddingGradLowering,
      PositionEmbeddingLowering, PlaceRowsLowering, SelectPositionLowering>(
      patterns.getContext());
}

void mlir::pi::populateAccumulationPatterns(RewritePatternSet &patterns) {
  patterns.add<AccumulateOntoAddend>(patterns.getContext());
}
