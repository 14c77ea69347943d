//===- LinearOps.cpp - Linear operations as StableHLO ---------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExportModel.h"

#include "pi/Dialect/Pi/IR/Pi.h"

using namespace mlir;
using namespace mlir::pi;

namespace {
struct EmbeddingExport : StepModel<EmbeddingExport, EmbeddingOp> {
  /// One-hot rows times the table, since the tokens are secret.
  static HloValue build(HloBuilder &b, EmbeddingOp op,
                        HloOperands<EmbeddingOp> operands) {
    const HloValue &table = operands.getTable();
    int64_t rows = op.getIndices().getType().getNumElements();
    SmallVector<int64_t> shape = {rows, table.getShape()[0]};
    HloValue tokens = b.reshape(operands.getIndices(), rows);
    tokens = b.broadcast(tokens, shape, 0);
    HloValue hot = b.compare("EQ", tokens, b.iota(1, shape));
    HloValue product =
        b.dot(b.convert(hot, table.type.getElementType()), 1, table, 0);
    return b.reshape(product, op.getResult().getType().getShape());
  }
};

struct PositionEmbeddingExport
    : StepModel<PositionEmbeddingExport, PositionEmbeddingOp> {
  static HloValue build(HloBuilder &b, PositionEmbeddingOp op,
                        HloOperands<PositionEmbeddingOp> operands) {
    ArrayRef<int64_t> shape = op.getResult().getType().getShape();
    if (!operands.getPosition())
      return b.slice(operands.getTable(), {0, 0}, shape);
    HloValue zero = b.fill(0, operands.getPosition().type);
    return b.dynamicSlice(operands.getTable(), {operands.getPosition(), zero},
                          shape);
  }
};

struct LinearExport : StepModel<LinearExport, LinearOp> {
  static HloValue build(HloBuilder &b, LinearOp op,
                        HloOperands<LinearOp> operands) {
    HloValue result = b.dot(b.asMatrix(operands.getInput()), 1,
                            operands.getWeight(), op.getTransposed() ? 1 : 0);
    result = b.reshape(result, op.getResult().getType().getShape());
    if (!operands.getBias())
      return result;
    return b.add(result,
                 b.broadcastLeading(operands.getBias(), result.getShape()));
  }
};

struct MatmulExport : StepModel<MatmulExport, MatmulOp> {
  static HloValue build(HloBuilder &b, MatmulOp op,
                        HloOperands<MatmulOp> operands) {
    int64_t rank = operands.getLhs().getRank();
    return b.dot(operands.getLhs(), rank - (op.getLhsTransposed() ? 2 : 1),
                 operands.getRhs(), rank - (op.getRhsTransposed() ? 1 : 2),
                 /*numBatch=*/rank - 2);
  }
};

struct AddExport : StepModel<AddExport, AddOp> {
  static HloValue build(HloBuilder &b, AddOp op, HloOperands<AddOp> operands) {
    const HloValue &lhs = operands.getLhs();
    return b.add(lhs, b.broadcastLeading(operands.getRhs(), lhs.getShape()));
  }
};

struct ScaledResidualExport
    : ExportModel<ScaledResidualExport, ScaledResidualOp> {
  LogicalResult exportStableHLO(Operation *op,
                                StableHLOEmitter &emitter) const {
    auto scaled = cast<ScaledResidualOp>(op);
    // A division is dear on shares, and free where alpha is known.
    HloValue inverse =
        emitter.step("inverse_alpha", emitter.lookup(scaled.getAlpha()),
                     [](HloBuilder &b, ArrayRef<HloValue> alpha) {
                       return b.divide(b.fill(1, alpha[0].type), alpha[0]);
                     });
    emitter.finish(scaled.getResult(), "",
                   {emitter.lookup(scaled.getResidual()),
                    emitter.lookup(scaled.getUpdate()),
                    emitter.lookup(scaled.getBeta()), inverse},
                   build);
    return success();
  }

  static HloValue build(HloBuilder &b, ArrayRef<HloValue> arguments) {
    ArrayRef<int64_t> shape = arguments[0].getShape();
    auto scale = [&](const HloValue &x, const HloValue &factor) {
      return b.multiply(x, b.broadcastLeading(factor, shape));
    };
    HloValue kept = scale(arguments[0], arguments[2]);
    return b.add(kept, scale(arguments[1], arguments[3]));
  }
};

struct SelectPositionExport
    : StepModel<SelectPositionExport, SelectPositionOp> {
  static HloValue build(HloBuilder &b, SelectPositionOp op,
                        HloOperands<SelectPositionOp> operands) {
    HloValue zero = b.fill(0, operands.getPosition().type);
    return b.dynamicSlice(operands.getInput(),
                          {zero, operands.getPosition(), zero},
                          op.getResult().getType().getShape());
  }
};
} // namespace

void mlir::pi::registerLinearExportModels(MLIRContext *context) {
  AddOp::attachInterface<AddExport>(*context);
  EmbeddingOp::attachInterface<EmbeddingExport>(*context);
  LinearOp::attachInterface<LinearExport>(*context);
  MatmulOp::attachInterface<MatmulExport>(*context);
  PositionEmbeddingOp::attachInterface<PositionEmbeddingExport>(*context);
  ScaledResidualOp::attachInterface<ScaledResidualExport>(*context);
  SelectPositionOp::attachInterface<SelectPositionExport>(*context);
}
