//===- AttentionOps.cpp - Attention as StableHLO --------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExportModel.h"
#include "Softmax.h"

using namespace mlir;
using namespace mlir::pi;

namespace {
/// The sizes of an attention, whose heads are grouped into products of `group`
/// heads.
struct Heads {
  explicit Heads(AttentionOp op)
      : batch(op.getQkv().getType().getDimSize(0)),
        rows(op.getQkv().getType().getDimSize(1)), count(op.getNumHeads()),
        width(op.getHeadSize()),
        group(op.getEvaluationOrDefault().getHeadsPerProduct()),
        numGroups(count / group) {}

  int64_t batch, rows, count, width, group, numGroups;

  /// The third `part` (q, k, v) of a packed projection B x T x 3d, as B x G x T
  /// x (H / G) d_h for G groups.
  HloValue get(HloBuilder &b, const HloValue &qkv, int64_t part) const {
    int64_t total = count * width;
    HloValue third =
        b.slice(qkv, {0, 0, part * total}, {batch, rows, (part + 1) * total});
    third = b.reshape(third, {batch, rows, numGroups, group * width});
    return b.transpose(third, {0, 2, 1, 3});
  }

  /// The heads of each group, B x G x T x (H / G) d_h, as the blocks of a
  /// diagonal below each other.
  HloValue getBlockDiagonal(HloBuilder &b, const HloValue &heads) const {
    SmallVector<HloValue> parts;
    for (int64_t i = 0; i < group; ++i) {
      HloValue head = b.slice(heads, {0, 0, 0, i * width},
                              {batch, numGroups, rows, (i + 1) * width});
      parts.push_back(b.pad(head, {0, 0, 0, i * width},
                            {0, 0, 0, (group - 1 - i) * width}));
    }
    return b.concatenate(parts, 2);
  }

  /// Matrices B x H x T x T of a group beside each other, B x G x T x
  /// (H / G) T.
  HloValue putBeside(HloBuilder &b, const HloValue &matrices) const {
    if (group == 1)
      return matrices;
    HloValue grouped =
        b.reshape(matrices, {batch, numGroups, group, rows, rows});
    return b.reshape(b.transpose(grouped, {0, 1, 3, 2, 4}),
                     {batch, numGroups, rows, group * rows});
  }

  /// The inverse of `putBeside`.
  HloValue separate(HloBuilder &b, const HloValue &matrices) const {
    if (group == 1)
      return matrices;
    HloValue grouped =
        b.reshape(matrices, {batch, numGroups, rows, group, rows});
    return b.reshape(b.transpose(grouped, {0, 1, 3, 2, 4}),
                     {batch, count, rows, rows});
  }

  /// Factors B x H x T of rows, as diagonal matrices beside each other, B x G x
  /// T x (H / G) T. B may be 1.
  HloValue getDiagonals(HloBuilder &b, const HloValue &factors) const {
    int64_t size = factors.getShape()[0];
    SmallVector<int64_t> shape = {size, numGroups, rows, group, rows};
    HloValue all =
        b.broadcast(b.reshape(factors, {size, numGroups, group, rows}), shape,
                    {0, 1, 3, 2});
    HloValue isDiagonal = b.compare("EQ", b.iota(2, shape), b.iota(4, shape));
    all = b.select(isDiagonal, all, b.fill(0, all.type));
    return b.reshape(all, {size, numGroups, rows, group * rows});
  }

  /// The rows of `heads`, B x G x T x (H / G) d_h, times the factors that
  /// `getDiagonals` arranged.
  HloValue scaleRows(HloBuilder &b, const HloValue &diagonals,
                     const HloValue &heads) const {
    HloValue factors =
        b.broadcastLeading(diagonals, {batch, numGroups, rows, group * rows});
    return b.dot(factors, 3, getBlockDiagonal(b, heads), 2, /*numBatch=*/2);
  }
};

struct AttentionExport : ExportModel<AttentionExport, AttentionOp> {
  LogicalResult exportStableHLO(Operation *op,
                                StableHLOEmitter &emitter) const {
    auto attention = cast<AttentionOp>(op);
    if (attention.getEntropy() || attention.getLogSumExp())
      return op->emitError("the entropy and the log-sum-exp of 'pi.attention' "
                           "have no StableHLO form: only training reads them");
    Heads heads(attention);
    EvaluationAttr evaluation = attention.getEvaluationOrDefault();
    HloValue qkv = emitter.lookup(attention.getQkv());
    HloValue scores = exportScores(attention, heads, qkv, emitter);

    SmallVector<RowBlock> blocks = attention.getRowBlocks();
    auto getSoftmax = [&](HloBuilder &b) {
      return SoftmaxBuilder(b, attention.getCausal(), blocks, evaluation);
    };
    bool isDeferred = evaluation.getDeferNormalization();
    HloValue weights = emitter.step(
        "softmax", scores, [&](HloBuilder &b, ArrayRef<HloValue> arguments) {
          return isDeferred ? getSoftmax(b).buildPowers(arguments[0])
                            : getSoftmax(b).buildProbabilities(arguments[0]);
        });
    SmallVector<HloValue> operands = {weights, qkv};
    if (isDeferred)
      operands.push_back(
          emitter.step("reciprocal", weights,
                       [&](HloBuilder &b, ArrayRef<HloValue> arguments) {
                         return getSoftmax(b).buildReciprocals(arguments[0]);
                       }));
    emitter.finish(
        attention.getResult(), "context", operands,
        [&](HloBuilder &b, ArrayRef<HloValue> arguments) {
          HloValue values =
              heads.getBlockDiagonal(b, heads.get(b, arguments[1], 2));
          HloValue product = b.dot(heads.putBeside(b, arguments[0]), 3, values,
                                   2, /*numBatch=*/2);
          bool byProduct = evaluation.getNormalizeByProduct();
          if (byProduct)
            product = heads.scaleRows(b, heads.getDiagonals(b, arguments[2]),
                                      product);
          ArrayRef<int64_t> shape = attention.getResult().getType().getShape();
          product = b.reshape(b.transpose(product, {0, 2, 1, 3}), shape);
          if (!isDeferred || byProduct)
            return product;
          HloValue factors = b.broadcastRows(
              b.transpose(arguments[2], {0, 2, 1}),
              {heads.batch, heads.rows, heads.count, heads.width});
          return b.multiply(product, b.reshape(factors, shape));
        });
    return success();
  }

private:
  static HloValue exportScores(AttentionOp attention, const Heads &heads,
                               const HloValue &qkv, StableHLOEmitter &emitter) {
    EvaluationAttr evaluation = attention.getEvaluationOrDefault();
    bool byProduct = evaluation.getTemperatureByProduct();
    double scale = attention.getScale().convertToDouble();
    ExponentialAttr exponential = evaluation.getExponential();
    SmallVector<HloValue> operands = {qkv};
    if (Value temperature = attention.getTemperature())
      operands.push_back(emitter.step(
          "factor", emitter.lookup(temperature),
          [&](HloBuilder &b, ArrayRef<HloValue> arguments) {
            HloValue factors = buildScoreFactor(b, arguments[0], scale);
            if (!byProduct)
              return factors;
            return heads.getDiagonals(
                b, b.reshape(factors, {1, heads.count, heads.rows}));
          }));
    return emitter.step(
        "scores", operands, [&](HloBuilder &b, ArrayRef<HloValue> arguments) {
          // Queries are scaled: they are fewer than scores.
          HloValue queries = heads.get(b, arguments[0], 0);
          if (byProduct)
            queries = heads.scaleRows(b, arguments[1], queries);
          else
            queries =
                b.multiply(queries, arguments.size() > 1
                                        ? getRowFactors(b, heads, arguments[1])
                                        : b.fill(scale, queries.type));
          HloValue keys = heads.get(b, arguments[0], 1);
          // The keys take the factor of an exponential's chain: scores would
          // need a truncation each for it, and queries lose digits.
          if (exponential)
            keys = b.multiply(
                keys,
                b.fill(exponential.getScale().convertToDouble(), keys.type));
          keys = heads.getBlockDiagonal(b, keys);
          return heads.separate(b, b.dot(queries, 3, keys, 3, /*numBatch=*/2));
        });
  }

  /// Factors H x T of rows for each element of the queries of `heads`.
  static HloValue getRowFactors(HloBuilder &b, const Heads &heads,
                                const HloValue &factors) {
    if (heads.group == 1)
      return b.broadcast(
          factors, {heads.batch, heads.count, heads.rows, heads.width}, {1, 2});
    HloValue all = b.broadcast(
        b.reshape(factors, {heads.numGroups, heads.group, heads.rows}),
        {heads.batch, heads.numGroups, heads.rows, heads.group, heads.width},
        {1, 3, 2});
    return b.reshape(all, {heads.batch, heads.numGroups, heads.rows,
                           heads.group * heads.width});
  }
};
} // namespace

void mlir::pi::registerAttentionExportModels(MLIRContext *context) {
  AttentionOp::attachInterface<AttentionExport>(*context);
}
