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
      rewriter.replaceOp(op, b.matmul(lhs, rhs, zeros));
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
                     piece.value = b.matmul(slice(lhs), slice(rhs),
                                            b.zeros(slice(out[0])));
                     return SmallVector<TensorBuilder::Piece>{piece};
                   }));
    return success();
  }
};

struct AddLowering : OpRewritePattern<AddOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(AddOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    rewriter.replaceOp(
        op, b.elementwise({op.getLhs(), op.getRhs()}, b.emptyLike(op.getLhs()),
                          [](TensorBuilder &b, ValueRange args) {
                            return arith::AddFOp::create(b, args[0], args[1]);
                          }));
    return success();
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
  patterns.add<LinearLowering, MatmulLowering, AddLowering,
               ScaledResidualLowering, EmbeddingLowering,
               PositionEmbeddingLowering, SelectPositionLowering>(
      patterns.getContext());
}

void mlir::pi::populateAccumulationPatterns(RewritePatternSet &patterns) {
  patterns.add<AccumulateOntoAddend>(patterns.getContext());
}
