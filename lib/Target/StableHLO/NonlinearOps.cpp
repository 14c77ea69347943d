//===- NonlinearOps.cpp - Nonlinear operations as StableHLO ---------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExportModel.h"
#include "Softmax.h"

#include "pi/Dialect/Pi/IR/Pi.h"

#include <cmath>

using namespace mlir;
using namespace mlir::pi;

namespace {
struct LayerNormExport : StepModel<LayerNormExport, LayerNormOp> {
  static HloValue build(HloBuilder &b, LayerNormOp op,
                        HloOperands<LayerNormOp> operands) {
    const HloValue &x = operands.getInput();
    ArrayRef<int64_t> shape = x.getShape();
    auto mean = [&](const HloValue &rows) {
      HloValue sum = b.reduce("add", 0, rows, rows.getRank() - 1);
      return b.multiply(sum, b.fill(1.0 / shape.back(), sum.type));
    };
    HloValue centred = b.subtract(x, b.broadcastRows(mean(x), shape));
    HloValue variance = mean(b.multiply(centred, centred));
    HloValue epsilon = b.fill(op.getEpsilon().convertToDouble(), variance.type);
    HloValue inverse = b.elementwise("rsqrt", b.add(variance, epsilon));
    HloValue scaled = b.multiply(centred, b.broadcastRows(inverse, shape));
    scaled =
        b.multiply(scaled, b.broadcastLeading(operands.getWeight(), shape));
    return b.add(scaled, b.broadcastLeading(operands.getBias(), shape));
  }
};

struct GeluExport : StepModel<GeluExport, GeluOp> {
  static HloValue build(HloBuilder &b, GeluOp op,
                        HloOperands<GeluOp> operands) {
    const HloValue &x = operands.getInput();
    auto scale = [&](const HloValue &value, double factor) {
      return b.multiply(value, b.fill(factor, value.type));
    };
    HloValue inner;
    if (op.getApproximate() == GeluApproximation::tanh) {
      HloValue cube = b.multiply(b.multiply(x, x), x);
      HloValue argument = b.add(x, scale(cube, 0.044715));
      inner = b.elementwise("tanh", scale(argument, std::sqrt(2.0 / M_PI)));
    } else {
      inner = b.erf(scale(x, std::sqrt(0.5)));
    }
    HloValue half = scale(x, 0.5);
    return b.multiply(half, b.add(inner, b.fill(1, x.type)));
  }
};

struct ReluExport : StepModel<ReluExport, ReluOp> {
  static HloValue build(HloBuilder &b, ReluOp op,
                        HloOperands<ReluOp> operands) {
    const HloValue &x = operands.getInput();
    return b.elementwise("maximum", {x, b.fill(0, x.type)});
  }
};

struct PolynomialExport : StepModel<PolynomialExport, PolynomialOp> {
  /// The powers one after the other, then their weighted sum as one product of
  /// a vector and a matrix, which an engine truncates once, as the cost counts
  /// it. Horner's scheme would truncate between steps and lose what small
  /// coefficients hold.
  static HloValue build(HloBuilder &b, PolynomialOp op,
                        HloOperands<PolynomialOp> operands) {
    const HloValue &x = operands.getInput();
    ArrayRef<double> coefficients = op.getCoefficients();
    HloValue constant = b.fill(coefficients.front(), x.type), power = x;
    int64_t size = x.type.getNumElements();
    SmallVector<HloValue> powers;
    SmallVector<Attribute> weights;
    for (auto [i, coefficient] : llvm::enumerate(coefficients.drop_front())) {
      if (i > 0)
        power = b.multiply(power, x);
      if (coefficient == 0)
        continue;
      powers.push_back(b.reshape(power, size));
      weights.push_back(FloatAttr::get(x.type.getElementType(), coefficient));
    }
    if (powers.empty())
      return constant;
    // Not a concatenation of columns: XLA's simplifier, which engines run,
    // takes the product of one with a constant apart.
    int64_t count = powers.size();
    HloValue matrix = b.reshape(b.concatenate(powers, 0), {count, size});
    HloValue vector = b.constant(DenseElementsAttr::get(
        RankedTensorType::get(count, x.type.getElementType()), weights));
    HloValue sum = b.dot(vector, 0, matrix, 0);
    return b.add(b.reshape(sum, x.getShape()), constant);
  }
};

struct SoftmaxExport : ExportModel<SoftmaxExport, SoftmaxOp> {
  LogicalResult exportStableHLO(Operation *op,
                                StableHLOEmitter &emitter) const {
    auto softmax = cast<SoftmaxOp>(op);
    SmallVector<HloValue> operands = {emitter.lookup(softmax.getInput())};
    if (Value temperature = softmax.getTemperature())
      operands.push_back(
          emitter.step("factor", emitter.lookup(temperature),
                       [](HloBuilder &b, ArrayRef<HloValue> arguments) {
                         return buildScoreFactor(b, arguments[0], 1);
                       }));
    emitter.finish(
        softmax.getResult(), "", operands,
        [&](HloBuilder &b, ArrayRef<HloValue> arguments) {
          HloValue scores = arguments[0];
          if (arguments.size() > 1)
            scores = b.multiply(
                scores, b.broadcast(arguments[1], scores.getShape(), {1, 2}));
          ArrayRef<int64_t> matrix = scores.getShape().take_back(2);
          RowBlock all = {0, matrix[0], matrix[1]};
          return SoftmaxBuilder(b, softmax.getCausal(), all,
                                EvaluationAttr::getDefault(op->getContext()))
              .buildProbabilities(scores);
        });
    return success();
  }
};
} // namespace

HloValue mlir::pi::buildScoreFactor(HloBuilder &b, const HloValue &temperature,
                                    double scale) {
  return b.divide(b.fill(scale, temperature.type), temperature);
}

void mlir::pi::registerNonlinearExportModels(MLIRContext *context) {
  GeluOp::attachInterface<GeluExport>(*context);
  LayerNormOp::attachInterface<LayerNormExport>(*context);
  PolynomialOp::attachInterface<PolynomialExport>(*context);
  ReluOp::attachInterface<ReluExport>(*context);
  SoftmaxOp::attachInterface<SoftmaxExport>(*context);
}
