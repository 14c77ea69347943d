//===- RowGradientOps.cpp - What operations of gradients do with one row --===//
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

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

namespace {
struct MulRow : BinaryRowModel<MulRow, MulOp> {
  static Value map(MulOp, KernelBuilder &b, Value x, Value y) {
    return b.mul(x, y);
  }
};

struct DivRow : RowModel<DivRow, DivOp> {
  void emitRow(Operation *op, RowEmitter &emitter) const {
    auto quotient = cast<DivOp>(op);
    KernelBuilder &b = emitter.builder();
    RowFragment lhs = emitter.operandRow(quotient.getLhs());
    RowFragment rhs = emitter.operandRow(quotient.getRhs());
    // One quotient for all of the row: a product is far cheaper.
    bool isScaled =
        quotient.getRhs().getType().getRank() == 0 && lhs.size() > 1;
    Value inverse = isScaled ? b.div(b.f32(1), rhs.front()) : Value();
    for (auto [x, y] : llvm::zip_equal(lhs, rhs))
      x = isScaled ? b.mul(x, inverse) : b.div(x, y);
    emitter.setResult(std::move(lhs));
  }
};

/// Its rows are those of the input.
struct ReduceLeadingRow : RowModel<ReduceLeadingRow, ReduceLeadingOp> {
  void emitRow(Operation *op, RowEmitter &emitter) const {
    emitter.addToSum(op->getResult(0), emitter.operandRow(op->getOperand(0)));
  }
  std::pair<int64_t, int64_t> getRowSpace(Operation *op) const {
    RankedTensorType type = cast<ReduceLeadingOp>(op).getInput().getType();
    int64_t columns = type.getRank() == 0 ? 1 : type.getShape().back();
    return {type.getNumElements() / columns, columns};
  }
  bool isRowSum(Operation *, OpResult) const { return true; }
};

/// A change of the number format: arithmetic is f32 in any case.
template <typename Op>
struct ConvertRow : ElementRowModel<ConvertRow<Op>, Op> {
  static Value map(Op, KernelBuilder &, Value x) { return x; }
};

/// A constant whose elements are equal, where it has to be in memory.
struct ConstantRow : RowModel<ConstantRow, arith::ConstantOp> {
  void emitRow(Operation *op, RowEmitter &emitter) const {
    emitter.setResult(emitter.operandRow(op->getResult(0)));
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// Look-ups
//===----------------------------------------------------------------------===//

namespace {
struct PlaceRowsRow : GatherRowModel<PlaceRowsRow, PlaceRowsOp> {
  void emitRow(Operation *op, RowEmitter &emitter) const {
    auto place = cast<PlaceRowsOp>(op);
    KernelBuilder &b = emitter.builder();
    ArrayRef<int64_t> from = place.getRows().getType().getShape().take_back(2);
    Value size = b.index(place.getType().getShape().take_back(2).front());
    Value row = b.rem(emitter.row(), size), batch = b.div(emitter.row(), size);
    if (place.getPosition())
      row = b.sub(row, emitter.element(place.getPosition(), b.index(0)));
    // A row before the first is a very large one as an unsigned number.
    Value end = b.index(from[0]);
    Value isPlaced =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ult, row, end);
    row = b.select(isPlaced, row, b.index(0));
    RowFragment values =
        emitter.loadRow(place.getRows(), b.add(b.mul(batch, end), row), from[1],
                        /*columnOffset=*/0);
    for (Value &value : values)
      value = b.select(isPlaced, value, b.f32(0));
    emitter.setResult(std::move(values));
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// Nonlinear functions
//===----------------------------------------------------------------------===//

namespace {
struct ReluGradRow : BinaryRowModel<ReluGradRow, ReluGradOp> {
  static Value map(ReluGradOp, KernelBuilder &b, Value gradient, Value x) {
    return b.select(b.less(b.f32(0), x), gradient, b.f32(0));
  }
};

struct GeluGradRow : BinaryRowModel<GeluGradRow, GeluGradOp> {
  static Value map(GeluGradOp op, KernelBuilder &b, Value gradient, Value x) {
    // gelu(x) = x (1 + inner(x)) / 2, and slope = inner'(x).
    Value inner, slope, square = b.mul(x, x);
    if (op.getApproximate() == GeluApproximation::tanh) {
      double scale = std::sqrt(2 / M_PI), cubic = 0.044715 * scale;
      Value argument = b.mul(x, b.fma(b.f32(cubic), square, b.f32(scale)));
      inner = math::TanhOp::create(b, argument);
      slope = b.mul(b.fma(b.f32(3 * cubic), square, b.f32(scale)),
                    b.sub(b.f32(1), b.mul(inner, inner)));
    } else {
      inner = math::ErfOp::create(b, b.mul(x, b.f32(1 / std::sqrt(2.0))));
      slope =
          b.mul(b.f32(std::sqrt(2 / M_PI)), b.exp(b.mul(b.f32(-0.5), square)));
    }
    Value twice = b.fma(x, slope, b.add(inner, b.f32(1)));
    return b.mul(gradient, b.mul(b.f32(0.5), twice));
  }
};

struct LayerNormGradRow : RowModel<LayerNormGradRow, LayerNormGradOp> {
  void emitRow(Operation *op, RowEmitter &emitter) const {
    auto norm = cast<LayerNormGradOp>(op);
    KernelBuilder &b = emitter.builder();
    RowFragment gradient = emitter.operandRow(norm.getGradient());
    RowFragment z = emitter.operandRow(norm.getInput());
    Value scale = centerRow(emitter, z, norm.getEpsilon());
    RowFragment weight = emitter.operandRow(norm.getWeight());
    RowFragment g, gz, dWeight;
    for (auto [dy, normalized, w] : llvm::zip_equal(gradient, z, weight)) {
      normalized = b.mul(normalized, scale);
      g.push_back(b.mul(dy, w));
      gz.push_back(b.mul(g.back(), normalized));
      dWeight.push_back(b.mul(dy, normalized));
    }
    emitter.addToSum(norm.getDWeight(), dWeight);
    emitter.addToSum(norm.getDBias(), gradient);
    Value perElement = b.f32(-1.0 / emitter.numColumns());
    Value meanG = b.mul(emitter.sum(g), perElement);
    Value meanGz = b.mul(emitter.sum(gz), perElement);
    for (auto [value, normalized] : llvm::zip_equal(g, z))
      value = b.mul(scale, b.fma(normalized, meanGz, b.add(value, meanG)));
    emitter.setResult(std::move(g));
  }
  bool isRowSum(Operation *, OpResult result) const {
    return result.getResultNumber() > 0;
  }
};
} // namespace

void mlir::pi::attachRowGradientOps(MLIRContext &context) {
  DivOp::attachInterface<DivRow>(context);
  GeluGradOp::attachInterface<GeluGradRow>(context);
  LayerNormGradOp::attachInterface<LayerNormGradRow>(context);
  MulOp::attachInterface<MulRow>(context);
  PlaceRowsOp::attachInterface<PlaceRowsRow>(context);
  ReduceLeadingOp::attachInterface<ReduceLeadingRow>(context);
  ReluGradOp::attachInterface<ReluGradRow>(context);
}

void mlir::pi::attachRowArithOps(MLIRContext &context) {
  arith::ConstantOp::attachInterface<ConstantRow>(context);
  arith::ExtFOp::attachInterface<ConvertRow<arith::ExtFOp>>(context);
  arith::TruncFOp::attachInterface<ConvertRow<arith::TruncFOp>>(context);
}
