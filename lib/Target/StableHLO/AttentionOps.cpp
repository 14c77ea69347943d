//===- AttentionOps.cpp - Attention as StableHLO --------------------------===//
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

/// The third `part` (q, k, v) of a packed projection B x T x 3d, as
/// B x H x T x d / H.
static HloValue getHeads(HloBuilder &b, AttentionOp op, const HloValue &qkv,
                         int64_t part) {
  int64_t batch = qkv.getShape()[0], rows = qkv.getShape()[1];
  int64_t width = op.getWidth(), heads = op.getNumHeads();
  HloValue third =
      b.slice(qkv, {0, 0, part * width}, {batch, rows, (part + 1) * width});
  third = b.reshape(third, {batch, rows, heads, op.getHeadSize()});
  return b.transpose(third, {0, 2, 1, 3});
}

namespace {
struct AttentionExport : ExportModel<AttentionExport, AttentionOp> {
  LogicalResult exportStableHLO(Operation *op,
                                StableHLOEmitter &emitter) const {
    auto attention = cast<AttentionOp>(op);
    if (attention.getEntropy() || attention.getLogSumExp())
      return op->emitError("the entropy and the log-sum-exp of 'pi.attention' "
                           "have no StableHLO form: only training reads them");
    double scale = attention.getScale().convertToDouble();
    HloValue qkv = emitter.lookup(attention.getQkv());
    SmallVector<HloValue> operands = {qkv};
    if (Value temperature = attention.getTemperature())
      operands.push_back(
          emitter.step("factor", emitter.lookup(temperature),
                       [&](HloBuilder &b, ArrayRef<HloValue> arguments) {
                         return buildScoreFactor(b, arguments[0], scale);
                       }));

    HloValue scores = emitter.step(
        "scores", operands, [&](HloBuilder &b, ArrayRef<HloValue> arguments) {
          // Queries are scaled: they are fewer than scores.
          HloValue queries = getHeads(b, attention, arguments[0], 0);
          HloValue factor =
              arguments.size() > 1
                  ? b.broadcast(arguments[1], queries.getShape(), {1, 2})
                  : b.fill(scale, queries.type);
          queries = b.multiply(queries, factor);
          return b.dot(queries, 3, getHeads(b, attention, arguments[0], 1), 3,
                       /*numBatch=*/2);
        });
    HloValue probabilities = emitter.step(
        "softmax", scores, [&](HloBuilder &b, ArrayRef<HloValue> arguments) {
          return buildSoftmax(b, arguments[0], attention.getCausal());
        });
    HloValue context = emitter.step(
        "context", {probabilities, qkv},
        [&](HloBuilder &b, ArrayRef<HloValue> arguments) {
          HloValue heads =
              b.dot(arguments[0], 3, getHeads(b, attention, arguments[1], 2), 2,
                    /*numBatch=*/2);
          return b.reshape(b.transpose(heads, {0, 2, 1, 3}),
                           attention.getResult().getType().getShape());
        });
    emitter.bind(attention.getResult(), context);
    return success();
  }
};
} // namespace

void mlir::pi::registerAttentionExportModels(MLIRContext *context) {
  AttentionOp::attachInterface<AttentionExport>(*context);
}
