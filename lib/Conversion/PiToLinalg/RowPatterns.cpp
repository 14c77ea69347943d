//===- RowPatterns.cpp - Normalisation of rows to linalg ------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RowPatterns.h"
#include "Patterns.h"

#include "pi/Dialect/Pi/IR/Pi.h"

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
// Operations
//===----------------------------------------------------------------------===//

namespace {
/// Mean and 1 / sqrt(variance + epsilon) of a row.
struct RowMoments {
  RowMoments(TensorBuilder &b, Value x, double epsilon) {
    auto type = cast<RankedTensorType>(x.getType());
    Type element = type.getElementType();
    Value count = b.real(type.getDimSize(0), element);
    mean = arith::DivFOp::create(b, b.sum(x), count);
    Value squares = b.reduce(x, 0.0, [&](TensorBuilder &b, ValueRange args) {
      Value centred = arith::SubFOp::create(b, args[1], mean);
      return b.addForSum(args[0], arith::MulFOp::create(b, centred, centred));
    });
    Value variance = arith::DivFOp::create(b, squares, count);
    Value deviation = math::SqrtOp::create(
        b, arith::AddFOp::create(b, variance, b.real(epsilon, element)));
    inverse = arith::DivFOp::create(b, b.real(1.0, element), deviation);
  }

  Value normalize(TensorBuilder &b, Value element) const {
    Value centred = arith::SubFOp::create(b, element, mean);
    return arith::MulFOp::create(b, centred, inverse);
  }

  Value mean, inverse;
};

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
    RowMoments moments(b, x, op.getEpsilon().convertToDouble());
    return b.elementwise({x, op.getWeight(), op.getBias()}, y,
                         [&](TensorBuilder &b, ValueRange args) {
                           return math::FmaOp::create(
                               b, moments.normalize(b, args[0]), args[1],
                               args[2]);
                         });
  }
};

struct LayerNormGradLowering : OpRewritePattern<LayerNormGradOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(LayerNormGradOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    Value input = b.asMatrix(op.getInput());
    Value gradient = b.asMatrix(op.getGradient());
    auto shape = cast<RankedTensorType>(input.getType()).getShape();
    // d_input, and what d_weight is the sum of.
    auto rows =
        b.parallel(shape[0], {b.emptyLike(input), b.emptyLike(input)},
                   [&](TensorBuilder &b, ValueRange at, ValueRange out) {
                     TensorBuilder::Piece piece{
                         {}, {at[0], b.attr(0)}, {b.attr(1), b.attr(shape[1])}};
                     auto slice = [&](Value matrix) {
                       return b.slice(matrix, piece.offsets, piece.sizes, 1);
                     };
                     return buildRow(b, op, slice(input), slice(gradient),
                                     slice(out[0]), slice(out[1]), piece);
                   });
    auto sumRows = [&](Value matrix) {
      Value zeros = b.zeros(b.emptyLike(op.getWeight()));
      return b.sumLeading(matrix, zeros, [](TensorBuilder &, ValueRange args) {
        return args[0];
      });
    };
    rewriter.replaceOp(op, {b.fromMatrix(rows[0], op.getDInput().getType()),
                            sumRows(rows[1]), sumRows(gradient)});
    return success();
  }

  static SmallVector<TensorBuilder::Piece>
  buildRow(TensorBuilder &b, LayerNormGradOp op, Value x, Value dy, Value dx,
           Value products, const TensorBuilder::Piece &place) {
    auto type = cast<RankedTensorType>(x.getType());
    Value count = b.real(type.getDimSize(0), type.getElementType());
    RowMoments moments(b, x, op.getEpsilon().convertToDouble());
    Value scaled = multiply(b, dy, op.getWeight(), b.emptyLike(dy));
    Value normalized = b.elementwise(x, b.emptyLike(x),
                                     [&](TensorBuilder &b, ValueRange args) {
                                       return moments.normalize(b, args[0]);
                                     });
    Value mean = arith::DivFOp::create(b, b.sum(scaled), count);
    Value slope = arith::DivFOp::create(b, b.dot(scaled, normalized), count);
    dx = b.elementwise({scaled, normalized}, dx,
                       [&](TensorBuilder &b, ValueRange args) -> Value {
                         Value rest = arith::SubFOp::create(b, args[0], mean);
                         rest = arith::SubFOp::create(
                             b, rest, arith::MulFOp::create(b, args[1], slope));
                         return arith::MulFOp::create(b, rest, moments.inverse);
                       });
    products = multiply(b, dy, normalized, products);
    return {{dx, place.offsets, place.sizes},
            {products, place.offsets, place.sizes}};
  }

  static Value multiply(TensorBuilder &b, Value lhs, Value rhs, Value out) {
    return b.elementwise({lhs, rhs}, out,
                         [](TensorBuilder &b, ValueRange args) {
                           return arith::MulFOp::create(b, args[0], args[1]);
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

struct SoftmaxGradLowering : OpRewritePattern<SoftmaxGradOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SoftmaxGradOp op,
                                PatternRewriter &rewriter) const override {
    TensorBuilder b(op.getLoc(), rewriter);
    RankedTensorType type = op.getInput().getType();
    Type element = type.getElementType();
    SmallVector<Value> destinations = {b.emptyLike(op.getInput())};
    if (op.getTemperature()) // For each batch element, to be summed.
      destinations.push_back(b.empty(
          getAsIndexOpFoldResult(op.getContext(), type.getShape().drop_back()),
          element));
    auto results =
        b.parallel(type.getShape().drop_back(), destinations,
                   [&](TensorBuilder &b, ValueRange at, ValueRange out) {
                     return buildRow(b, op, at, out);
                   });
    if (op.getTemperature())
      results[1] = b.sumLeading(
          results[1], b.zeros(b.emptyLike(op.getTemperature())),
          [](TensorBuilder &, ValueRange args) { return args[0]; });
    rewriter.replaceOp(op, results);
    return success();
  }

  static SmallVector<TensorBuilder::Piece>
  buildRow(TensorBuilder &b, SoftmaxGradOp op, ValueRange at, ValueRange out) {
    RankedTensorType type = op.getInput().getType();
    Type element = type.getElementType();
    TensorBuilder::Piece piece{{}, {at[0], at[1], at[2]}, {}};
    piece.sizes.append(3, b.attr(1));
    TensorBuilder::Piece temperature = piece;
    piece.offsets.push_back(b.attr(0));
    piece.sizes.push_back(b.attr(type.getDimSize(3)));
    auto slice = [&](Value tensor) {
      return b.slice(tensor, piece.offsets, piece.sizes, 1);
    };
    Value p = slice(op.getProbabilities()), dp = slice(op.getGradient());
    Value mean = b.dot(p, dp), inverse = b.real(1.0, element);
    if (op.getTemperature())
      inverse = arith::DivFOp::create(
          b, inverse, b.extract(op.getTemperature(), {at[1], at[2]}));
    piece.value = b.elementwise(
        {p, dp}, slice(out[0]), [&](TensorBuilder &b, ValueRange args) {
          Value rest = arith::SubFOp::create(b, args[1], mean);
          Value change = arith::MulFOp::create(b, args[0], rest);
          return arith::MulFOp::create(b, change, inverse);
        });
    if (!op.getTemperature())
      return {piece};
    Value share = arith::MulFOp::create(
        b, b.dot(piece.value, slice(op.getInput())), inverse);
    temperature.value = tensor::InsertOp::create(
        b, arith::NegFOp::create(b, share),
        b.slice(out[1], temperature.offsets, temperature.sizes, 1), b.index(0));
    return {piece, temperature};
  }
};
} // namespace

void mlir::pi::populateRowPatterns(RewritePatternSet &patterns) {
  patterns.add<LayerNormLowering, LayerNormGradLowering, SoftmaxLowering,
               SoftmaxGradLowering>(patterns.getContext());
}
