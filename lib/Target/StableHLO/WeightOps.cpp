//===- WeightOps.cpp - Normalisation of weights as StableHLO --------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// These are derivations: the owner of the weights runs them in the clear.
//
//===----------------------------------------------------------------------===//

#include "ExportModel.h"

#include "pi/Dialect/Pi/IR/Pi.h"

#include <cmath>

using namespace mlir;
using namespace mlir::pi;

/// The Euclidean norm of each column of a matrix.
static HloValue buildColumnNorms(HloBuilder &b, const HloValue &matrix) {
  HloValue squares = b.reduce("add", 0, b.multiply(matrix, matrix), 0);
  return b.elementwise("sqrt", squares);
}

/// x divided by its Euclidean norm, and the norm.
static std::pair<HloValue, HloValue> normalize(HloBuilder &b,
                                               const HloValue &x) {
  HloValue norm =
      b.elementwise("sqrt", b.reduce("add", 0, b.multiply(x, x), 0));
  return {b.divide(x, b.broadcast(norm, x.getShape(), {})), norm};
}

/// The largest singular value of a matrix, by the power method.
static HloValue buildSpectralNorm(HloBuilder &b, const HloValue &matrix,
                                  int64_t iterations) {
  int64_t columns = matrix.getShape()[1];
  auto type = RankedTensorType::get({columns}, matrix.type.getElementType());
  HloValue start = b.fill(1 / std::sqrt(double(columns)), type);
  HloValue v = b.repeat(iterations, start, [&](const HloValue &v) {
    HloValue u = normalize(b, b.dot(matrix, 1, v, 0)).first;
    return normalize(b, b.dot(matrix, 0, u, 0)).first;
  });
  return normalize(b, b.dot(matrix, 1, v, 0)).second;
}

/// The matrix with `normalize(columns)` in place of each range of columns.
static HloValue
replaceColumns(HloBuilder &b, const HloValue &matrix,
               ArrayRef<std::pair<int64_t, int64_t>> ranges,
               function_ref<HloValue(const HloValue &)> normalize) {
  SmallVector<HloValue> parts;
  int64_t done = 0;
  for (auto [begin, end] : ranges) {
    if (done < begin)
      parts.push_back(b.sliceColumns(matrix, done, begin));
    parts.push_back(normalize(b.sliceColumns(matrix, begin, end)));
    done = end;
  }
  if (done < matrix.getShape()[1])
    parts.push_back(b.sliceColumns(matrix, done, matrix.getShape()[1]));
  return b.concatenate(parts, 1);
}

namespace {
struct ColumnNormExport : StepModel<ColumnNormExport, ColumnNormOp> {
  static HloValue build(HloBuilder &b, ColumnNormOp op,
                        HloOperands<ColumnNormOp> operands) {
    SmallVector<HloValue> norms;
    for (auto [begin, end] : op.getColumnRanges())
      norms.push_back(buildColumnNorms(
          b, b.sliceColumns(operands.getWeight(), begin, end)));
    return b.concatenate(norms, 0);
  }
};

struct WeightNormExport : StepModel<WeightNormExport, WeightNormOp> {
  static HloValue build(HloBuilder &b, WeightNormOp op,
                        HloOperands<WeightNormOp> operands) {
    int64_t done = 0;
    return replaceColumns(
        b, operands.getWeight(), op.getColumnRanges(),
        [&](const HloValue &columns) {
          int64_t count = columns.getShape()[1];
          HloValue gain = b.slice(operands.getGain(), done, done + count);
          done += count;
          HloValue factor = b.divide(gain, buildColumnNorms(b, columns));
          return b.multiply(columns,
                            b.broadcastLeading(factor, columns.getShape()));
        });
  }
};

struct SpectralNormExport : StepModel<SpectralNormExport, SpectralNormOp> {
  static HloValue build(HloBuilder &b, SpectralNormOp op,
                        HloOperands<SpectralNormOp> operands) {
    return replaceColumns(
        b, operands.getWeight(), op.getColumnRanges(),
        [&](const HloValue &columns) {
          HloValue norm = buildSpectralNorm(b, columns, op.getIterations());
          return b.divide(columns, b.broadcast(norm, columns.getShape(), {}));
        });
  }
};
} // namespace

void mlir::pi::registerWeightExportModels(MLIRContext *context) {
  ColumnNormOp::attachInterface<ColumnNormExport>(*context);
  SpectralNormOp::attachInterface<SpectralNormExport>(*context);
  WeightNormOp::attachInterface<WeightNormExport>(*context);
}
