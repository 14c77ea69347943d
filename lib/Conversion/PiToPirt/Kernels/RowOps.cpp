//===- RowOps.cpp - What operations of pi do with one row -----------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RowModels.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "pi/Dialect/Pi/IR/Pi.h"

#include <cmath>

using namespace mlir;
using namespace mlir::pi;

namespace {

struct ReluRow : ElementRowModel<ReluRow, ReluOp> {
  static Value map(ReluOp, KernelBuilder &b, Value x) {
    // As torch does, a NaN stays one.
    return arith::MaximumFOp::create(b, x, b.f32(0));
  }
};

struct GeluRow : ElementRowModel<GeluRow, GeluOp> {
  static Value map(GeluOp op, KernelBuilder &b, Value x) {
    Value half = b.mul(b.f32(0.5), x);
    if (op.getApproximate() == GeluApproximation::none) {
      Value erf = math::ErfOp::create(b, b.mul(x, b.f32(1 / std::sqrt(2.0))));
      return b.fma(half, erf, half);
    }
    double scale = std::sqrt(2 / M_PI);
    Value inner = b.fma(b.mul(b.f32(0.044715 * scale), b.mul(x, x)), x,
                        b.mul(b.f32(scale), x));
    return b.fma(half, math::TanhOp::create(b, inner), half);
  }
};

struct PolynomialRow : ElementRowModel<PolynomialRow, PolynomialOp> {
  static Value map(PolynomialOp op, KernelBuilder &b, Value x) {
    // Horner's scheme.
    ArrayRef<double> coefficients = op.getCoefficients();
    Value sum = b.f32(coefficients.back());
    for (double coefficient : llvm::reverse(coefficients.drop_back()))
      sum = b.fma(sum, x, b.f32(coefficient));
    return sum;
  }
};

struct AddRow : BinaryRowModel<AddRow, AddOp> {
  static Value map(AddOp, KernelBuilder &b, Value x, Value y) {
    return b.add(x, y);
  }
};

struct ScaledResidualRow : RowModel<ScaledResidualRow, ScaledResidualOp> {
  void emitRow(Operation *op, RowEmitter &emitter) const {
    auto scaled = cast<ScaledResidualOp>(op);
    KernelBuilder &b = emitter.builder();
    Value zero = b.index(0);
    Value beta = emitter.element(scaled.getBeta(), zero);
    Value scale = b.div(b.f32(1), emitter.element(scaled.getAlpha(), zero));
    RowFragment residual = emitter.operandRow(scaled.getResidual());
    RowFragment update = emitter.operandRow(scaled.getUpdate());
    for (auto [x, u] : llvm::zip_equal(residual, update))
      x = b.fma(beta, x, b.mul(scale, u));
    emitter.setResult(std::move(residual));
  }
};

struct LayerNormRow : RowModel<LayerNormRow, LayerNormOp> {
  void emitRow(Operation *op, RowEmitter &emitter) const {
    auto norm = cast<LayerNormOp>(op);
    KernelBuilder &b = emitter.builder();
    RowFragment row = emitter.operandRow(norm.getInput());
    Value scale = centerRow(emitter, row, norm.getEpsilon());
    RowFragment weight = emitter.operandRow(norm.getWeight());
    RowFragment bias = emitter.operandRow(norm.getBias());
    for (auto [x, w, c] : llvm::zip_equal(row, weight, bias))
      x = b.fma(b.mul(x, scale), w, c);
    emitter.setResult(std::move(row));
  }
};

struct ClipCoefficientRow : RowModel<ClipCoefficientRow, ClipCoefficientOp> {
  void emitRow(Operation *op, RowEmitter &emitter) const {
    auto clip = cast<ClipCoefficientOp>(op);
    KernelBuilder &b = emitter.builder();
    Value norm = emitter.operandRow(clip.getNorm()).front();
    Value limit = emitter.operandRow(clip.getMaxNorm()).front();
    Value ratio = b.div(limit, b.add(norm, b.f32(1e-6)));
    Value coefficient = b.select(b.less(ratio, b.f32(1)), ratio, b.f32(1));
    // NaN where the norm is infinite or NaN.
    emitter.setResult({b.add(coefficient, b.sub(norm, norm))});
  }
};

struct EmbeddingRow : GatherRowModel<EmbeddingRow, EmbeddingOp> {
  void emitRow(Operation *op, RowEmitter &emitter) const {
    auto embedding = cast<EmbeddingOp>(op);
    Value token = emitter.element(embedding.getIndices(), emitter.row());
    emitter.setResult(emitter.loadRow(
        embedding.getTable(), token,
        embedding.getTable().getType().getDimSize(1), /*columnOffset=*/0));
  }
};

struct PositionEmbeddingRow
    : GatherRowModel<PositionEmbeddingRow, PositionEmbeddingOp> {
  void emitRow(Operation *op, RowEmitter &emitter) const {
    auto embedding = cast<PositionEmbeddingOp>(op);
    KernelBuilder &b = emitter.builder();
    Value row = emitter.row();
    if (Value position = embedding.getPosition())
      row = b.add(row, emitter.element(position, b.index(0)));
    emitter.setResult(emitter.loadRow(
        embedding.getTable(), row, embedding.getTable().getType().getDimSize(1),
        /*columnOffset=*/0));
  }
};

struct SelectPositionRow : GatherRowModel<SelectPositionRow, SelectPositionOp> {
  void emitRow(Operation *op, RowEmitter &emitter) const {
    auto select = cast<SelectPositionOp>(op);
    KernelBuilder &b = emitter.builder();
    RankedTensorType type = select.getInput().getType();
    Value row = b.add(b.mul(emitter.row(), b.index(type.getDimSize(1))),
                      emitter.element(select.getPosition(), b.index(0)));
    emitter.setResult(emitter.loadRow(select.getInput(), row,
                                      type.getDimSize(2),
                                      /*columnOffset=*/0));
  }
};

/// Rows are numbered as in [B, T, 2]: the keys of a position, then its values,
/// which lie behind one another in the packed projection.
struct UpdateCacheRow : GatherRowModel<UpdateCacheRow, UpdateCacheOp> {
  void emitRow(Operation *op, RowEmitter &emitter) const {
    auto update = cast<UpdateCacheOp>(op);
    KernelBuilder &b = emitter.builder();
    RankedTensorType cache = update.getCache().getType();
    int64_t width = cache.getDimSize(3), capacity = cache.getDimSize(2);
    int64_t tokens = update.getQkv().getType().getDimSize(1);
    Value row = emitter.row();
    Value part = b.rem(row, b.index(2)), token = b.div(row, b.index(2));
    // Skips the query: row `3 * token + 1 + part` of rows of d elements.
    Value source = b.add(b.mul(token, b.index(3)), b.add(part, b.index(1)));
    RowFragment values = emitter.loadRow(update.getQkv(), source, width,
                                         /*columnOffset=*/0);
    Value position = b.rem(token, b.index(tokens));
    if (update.getPosition())
      position =
          b.add(position, emitter.element(update.getPosition(), b.index(0)));
    Value batch = b.add(b.mul(part, b.index(cache.getDimSize(1))),
                        b.div(token, b.index(tokens)));
    emitter.storeRow(values, update.getCache(),
                     b.add(b.mul(batch, b.index(capacity)), position));
  }
  std::pair<int64_t, int64_t> getRowSpace(Operation *op) const {
    auto update = cast<UpdateCacheOp>(op);
    RankedTensorType qkv = update.getQkv().getType();
    return {2 * qkv.getDimSize(0) * qkv.getDimSize(1),
            update.getCache().getType().getDimSize(3)};
  }
  OpOperand *getUpdatedOperand(Operation *op) const {
    return &cast<UpdateCacheOp>(op).getCacheMutable();
  }
};

} // namespace

Value mlir::pi::centerRow(RowEmitter &emitter, RowFragment &row,
                          const APFloat &epsilon) {
  KernelBuilder &b = emitter.builder();
  Value perElement = b.f32(1.0 / emitter.numColumns());
  Value mean = b.mul(emitter.sum(row), perElement);
  RowFragment squares;
  for (Value &x : row) {
    x = b.sub(x, mean);
    squares.push_back(b.mul(x, x));
  }
  Value variance = b.mul(emitter.sum(squares), perElement);
  return math::RsqrtOp::create(
      b, b.add(variance, b.f32(epsilon.convertToDouble())));
}

void mlir::pi::registerRowOpModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, PIDialect *) {
    AddOp::attachInterface<AddRow>(*context);
    ClipCoefficientOp::attachInterface<ClipCoefficientRow>(*context);
    EmbeddingOp::attachInterface<EmbeddingRow>(*context);
    GeluOp::attachInterface<GeluRow>(*context);
    LayerNormOp::attachInterface<LayerNormRow>(*context);
    PolynomialOp::attachInterface<PolynomialRow>(*context);
    PositionEmbeddingOp::attachInterface<PositionEmbeddingRow>(*context);
    ReluOp::attachInterface<ReluRow>(*context);
    ScaledResidualOp::attachInterface<ScaledResidualRow>(*context);
    SelectPositionOp::attachInterface<SelectPositionRow>(*context);
    UpdateCacheOp::attachInterface<UpdateCacheRow>(*context);
    attachRowGradientOps(*context);
  });
  registry.addExtension(+[](MLIRContext *context, arith::ArithDialect *) {
    attachRowArithOps(*context);
  });
}
