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
/// The sizes of an attention of `rows` positions over `columns`, whose heads
/// are grouped into products of `group` heads.
struct Heads {
  template <typename AttentionLike>
  Heads(AttentionLike op, int64_t columns)
      : batch(op.getQkv().getType().getDimSize(0)),
        rows(op.getQkv().getType().getDimSize(1)), columns(columns),
        count(op.getNumHeads()), width(op.getHeadSize()),
        group(op.getEvaluationOrDefault().getHeadsPerProduct()),
        numGroups(count / group) {}

  int64_t batch, rows, columns, count, width, group, numGroups;

  /// B x N x d as B x G x N x (H / G) d_h for G groups.
  HloValue arrange(HloBuilder &b, const HloValue &x) const {
    HloValue heads =
        b.reshape(x, {batch, x.getShape()[1], numGroups, group * width});
    return b.transpose(heads, {0, 2, 1, 3});
  }

  /// The heads of each group, B x G x N x (H / G) d_h, as the blocks of a
  /// diagonal below each other.
  HloValue getBlockDiagonal(HloBuilder &b, const HloValue &heads) const {
    SmallVector<HloValue> parts;
    for (int64_t i = 0; i < group; ++i) {
      HloValue head =
          b.slice(heads, {0, 0, 0, i * width},
                  {batch, numGroups, heads.getShape()[2], (i + 1) * width});
      parts.push_back(b.pad(head, {0, 0, 0, i * width},
                            {0, 0, 0, (group - 1 - i) * width}));
    }
    return b.concatenate(parts, 2);
  }

  /// Matrices B x H x R x S of a group beside each other, B x G x R x
  /// (H / G) S.
  HloValue putBeside(HloBuilder &b, const HloValue &matrices) const {
    if (group == 1)
      return matrices;
    HloValue grouped =
        b.reshape(matrices, {batch, numGroups, group, rows, columns});
    return b.reshape(b.transpose(grouped, {0, 1, 3, 2, 4}),
                     {batch, numGroups, rows, group * columns});
  }

  /// The inverse of `putBeside`.
  HloValue separate(HloBuilder &b, const HloValue &matrices) const {
    if (group == 1)
      return matrices;
    HloValue grouped =
        b.reshape(matrices, {batch, numGroups, rows, group, columns});
    return b.reshape(b.transpose(grouped, {0, 1, 3, 2, 4}),
                     {batch, count, rows, columns});
  }

  /// Factors B x H x R of rows, as diagonal matrices beside each other, B x G x
  /// R x (H / G) R. B may be 1.
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

  /// The rows of `heads`, B x G x R x (H / G) d_h, times the factors that
  /// `getDiagonals` arranged.
  HloValue scaleRows(HloBuilder &b, const HloValue &diagonals,
                     const HloValue &heads) const {
    HloValue factors =
        b.broadcastLeading(diagonals, {batch, numGroups, rows, group * rows});
    return b.dot(factors, 3, getBlockDiagonal(b, heads), 2, /*numBatch=*/2);
  }

  /// Factors H x R of rows for each element of arranged queries.
  HloValue spreadFactors(HloBuilder &b, const HloValue &factors) const {
    if (group == 1)
      return b.broadcast(factors, {batch, count, rows, width}, {1, 2});
    HloValue all =
        b.broadcast(b.reshape(factors, {numGroups, group, rows}),
                    {batch, numGroups, rows, group, width}, {1, 3, 2});
    return b.reshape(all, {batch, numGroups, rows, group * width});
  }
};

/// Writes the steps of an attention: of a sequence over itself, or of new
/// positions over a cache.
class AttentionExporter {
public:
  AttentionExporter(AttentionOp op, StableHLOEmitter &emitter)
      : AttentionExporter(op, op.getQkv().getType().getDimSize(1), emitter) {
    causal = op.getCausal();
    blocks = op.getRowBlocks();
  }
  AttentionExporter(CachedAttentionOp op, StableHLOEmitter &emitter)
      : AttentionExporter(op, op.getCache().getType().getDimSize(2), emitter) {
    cache = emitter.lookup(op.getCache());
    position = emitter.lookup(op.getPosition());
    blocks = {{0, heads.rows, heads.columns}};
  }

  /// Writes them and binds the result.
  void run() {
    HloValue scores = exportScores();
    SmallVector<HloValue> operands = {scores};
    if (position)
      operands.push_back(position);
    bool isDeferred = evaluation.getDeferNormalization();
    HloValue weights = emitter.step(
        "softmax", operands, [&](HloBuilder &b, ArrayRef<HloValue> arguments) {
          SoftmaxBuilder softmax =
              position ? SoftmaxBuilder(b, arguments[1], blocks, evaluation)
                       : SoftmaxBuilder(b, causal, blocks, evaluation);
          return isDeferred ? softmax.buildPowers(arguments[0])
                            : softmax.buildProbabilities(arguments[0]);
        });
    operands = {weights, getMemory()};
    if (isDeferred)
      operands.push_back(
          emitter.step("reciprocal", weights,
                       [&](HloBuilder &b, ArrayRef<HloValue> arguments) {
                         return SoftmaxBuilder(b, causal, blocks, evaluation)
                             .buildReciprocals(arguments[0]);
                       }));
    emitter.finish(result, "context", operands,
                   [&](HloBuilder &b, ArrayRef<HloValue> arguments) {
                     return buildContext(b, arguments);
                   });
  }

private:
  template <typename AttentionLike>
  AttentionExporter(AttentionLike op, int64_t columns,
                    StableHLOEmitter &emitter)
      : emitter(emitter), heads(op, columns),
        evaluation(op.getEvaluationOrDefault()),
        scale(op.getScale().convertToDouble()), result(op.getResult()),
        qkv(emitter.lookup(op.getQkv())) {
    if (Value value = op.getTemperature())
      temperature = emitter.lookup(value);
  }

  /// What keys and values come from.
  const HloValue &getMemory() const { return cache ? cache : qkv; }

  HloValue exportScores();
  HloValue buildQueries(HloBuilder &b, const HloValue &packed,
                        HloValue factors) const;
  HloValue buildContext(HloBuilder &b, ArrayRef<HloValue> arguments) const;

  /// The `part` (0: queries, 1: keys, 2: values) of a packed projection
  /// B x T x 3d, or of a cache 2 x B x C x d, arranged in groups of heads.
  HloValue getHeads(HloBuilder &b, const HloValue &source, int64_t part) const {
    SmallVector<int64_t> starts(source.getRank(), 0), limits(source.getShape());
    if (source.getRank() == 3) {
      int64_t total = heads.count * heads.width;
      starts.back() = part * total;
      limits.back() = (part + 1) * total;
      return heads.arrange(b, b.slice(source, starts, limits));
    }
    starts.front() = part - 1;
    limits.front() = part;
    return heads.arrange(b, b.reshape(b.slice(source, starts, limits),
                                      source.getShape().drop_front()));
  }

  StableHLOEmitter &emitter;
  Heads heads;
  EvaluationAttr evaluation;
  double scale;
  TypedValue<RankedTensorType> result;
  bool causal = true;
  SmallVector<RowBlock> blocks;
  /// Absent where there is none: no temperature, no cache.
  HloValue qkv, temperature, cache, position;
};
} // namespace

HloValue AttentionExporter::exportScores() {
  bool byProduct = evaluation.getTemperatureByProduct();
  SmallVector<HloValue> operands = {qkv};
  if (cache)
    operands.push_back(cache);
  if (temperature) {
    operands.push_back(emitter.step(
        "factor", temperature,
        [&](HloBuilder &b, ArrayRef<HloValue> arguments) {
          HloValue factors = buildScoreFactor(b, arguments[0], scale);
          // Those of new rows are found by their position.
          if (!byProduct || position)
            return factors;
          return heads.getDiagonals(
              b, b.reshape(factors, {1, heads.count, heads.rows}));
        }));
    if (position)
      operands.push_back(position);
  }
  return emitter.step(
      "scores", operands, [&](HloBuilder &b, ArrayRef<HloValue> arguments) {
        HloValue factors;
        if (temperature)
          factors = arguments[cache ? 2 : 1];
        if (temperature && position) {
          const HloValue &start = arguments.back();
          factors = b.dynamicSlice(factors, {b.fill(0, start.type), start},
                                   {heads.count, heads.rows});
          if (byProduct)
            factors = heads.getDiagonals(
                b, b.reshape(factors, {1, heads.count, heads.rows}));
        }
        HloValue queries = buildQueries(b, arguments[0], factors);
        HloValue keys = getHeads(b, arguments[cache ? 1 : 0], 1);
        // The keys take the factor of an exponential's chain: scores would
        // need a truncation each for it, and queries lose digits.
        if (ExponentialAttr exponential = evaluation.getExponential())
          keys =
              b.multiply(keys, b.fill(exponential.getScale().convertToDouble(),
                                      keys.type));
        keys = heads.getBlockDiagonal(b, keys);
        return heads.separate(b, b.dot(queries, 3, keys, 3, /*numBatch=*/2));
      });
}

/// The queries of the packed projection times scale / temperature, which
/// `factors` are, as H x R or as diagonals; without them, times the scale.
/// Queries are scaled: they are fewer than scores.
HloValue AttentionExporter::buildQueries(HloBuilder &b, const HloValue &packed,
                                         HloValue factors) const {
  HloValue queries = getHeads(b, packed, 0);
  if (evaluation.getTemperatureByProduct())
    return heads.scaleRows(b, factors, queries);
  return b.multiply(queries, factors ? heads.spreadFactors(b, factors)
                                     : b.fill(scale, queries.type));
}

/// Of the weights of all columns, what values come from, and the reciprocals of
/// the rows' sums if weights still have to be divided by these.
HloValue AttentionExporter::buildContext(HloBuilder &b,
                                         ArrayRef<HloValue> arguments) const {
  HloValue values = heads.getBlockDiagonal(b, getHeads(b, arguments[1], 2));
  HloValue product = b.dot(heads.putBeside(b, arguments[0]), 3, values, 2,
                           /*numBatch=*/2);
  bool byProduct = evaluation.getNormalizeByProduct();
  if (byProduct)
    product = heads.scaleRows(b, heads.getDiagonals(b, arguments[2]), product);
  ArrayRef<int64_t> shape = result.getType().getShape();
  product = b.reshape(b.transpose(product, {0, 2, 1, 3}), shape);
  if (arguments.size() == 2 || byProduct)
    return product;
  HloValue factors =
      b.broadcastRows(b.transpose(arguments[2], {0, 2, 1}),
                      {heads.batch, heads.rows, heads.count, heads.width});
  return b.multiply(product, b.reshape(factors, shape));
}

namespace {
struct AttentionExport : ExportModel<AttentionExport, AttentionOp> {
  LogicalResult exportStableHLO(Operation *op,
                                StableHLOEmitter &emitter) const {
    auto attention = cast<AttentionOp>(op);
    if (attention.getEntropy() || attention.getLogSumExp())
      return op->emitError("the entropy and the log-sum-exp of 'pi.attention' "
                           "have no StableHLO form: only training reads them");
    AttentionExporter(attention, emitter).run();
    return success();
  }
};

struct CachedAttentionExport
    : ExportModel<CachedAttentionExport, CachedAttentionOp> {
  LogicalResult exportStableHLO(Operation *op,
                                StableHLOEmitter &emitter) const {
    auto attention = cast<CachedAttentionOp>(op);
    AttentionExporter(attention, emitter).run();
    return success();
  }
};
} // namespace

void mlir::pi::registerAttentionExportModels(MLIRContext *context) {
  AttentionOp::attachInterface<AttentionExport>(*context);
  CachedAttentionOp::attachInterface<CachedAttentionExport>(*context);
}
