//===- NonlinearOps.cpp - Nonlinear operations as StableHLO ---------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExportModel.h"

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
  /// The powers one after the other, as the cost counts them: Horner's scheme
  /// would truncate between steps and lose what small coefficients hold.
  static HloValue build(HloBuilder &b, PolynomialOp op,
                        HloOperands<PolynomialOp> operands) {
    const HloValue &x = operands.getInput();
    ArrayRef<double> coefficients = op.getCoefficients();
    HloValue sum = b.fill(coefficients.front(), x.type), power = x;
    for (auto [i, coefficient] : llvm::enumerate(coefficients.drop_front())) {
      if (i > 0)
        power = b.multiply(power, x);
      if (coefficient != 0)
        sum = b.add(sum, b.multiply(power, b.fill(coefficient, x.type)));
    }
    return sum;
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
    HloValue result = emitter.step(
        "", operands, [&](HloBuilder &b, ArrayRef<HloValue> arguments) {
          HloValue scores = arguments[0];
          if (arguments.size() > 1)
            scores = b.multiply(
                scores, b.broadcast(arguments[1], scores.getShape(), {1, 2}));
          return buildSoftmax(b, scores, softmax.getCausal());
        });
    emitter.bind(softmax.getResult(), result);
    return success();
  }
};
} // namespace

HloValue mlir::pi::buildScoreFactor(HloBuilder &b, const HloValue &temperature,
                                    double scale) {
  return b.divide(b.fill(scale, temperature.type), temperature);
}

HloValue mlir::pi::buildSoftmax(HloBuilder &b, const HloValue &scores,
                                bool causal) {
  ArrayRef<int64_t> shape = scores.getShape();
  int64_t columns = scores.getRank() - 1;
  HloValue mask;
  if (causal) {
    ArrayRef<int64_t> matrix = shape.take_back(2);
    HloValue row = b.iota(0, matrix);
    mask = b.compare("GE", row, b.iota(1, matrix));
    mask = b.broadcastLeading(mask, shape);
  }
  // The mask is public, so each party chooses on its own shares.
  auto hide = [&](const HloValue &value, double hidden) {
    return mask ? b.select(mask, value, b.fill(hidden, value.type)) : value;
  };
  // Below every score, and finite: fixed point has no infinity.
  constexpr double kLowest = -32768;
  HloValue max = b.reduce("maximum", kLowest, hide(scores, kLowest), columns);
  // An engine's exponential may be good on an interval only: what is hidden
  // stays in it.
  HloValue shifted = hide(b.subtract(scores, b.broadcastRows(max, shape)), 0);
  HloValue powers = hide(b.elementwise("exponential", shifted), 0);
  HloValue sum = b.reduce("add", 0, powers, columns);
  HloValue inverse = b.divide(b.fill(1, sum.type), sum);
  return b.multiply(powers, b.broadcastRows(inverse, shape));
}

void mlir::pi::registerNonlinearExportModels(MLIRContext *context) {
  GeluOp::attachInterface<GeluExport>(*context);
  LayerNormOp::attachInterface<LayerNormExport>(*context);
  PolynomialOp::attachInterface<PolynomialExport>(*context);
  ReluOp::attachInterface<ReluExport>(*context);
  SoftmaxOp::attachInterface<SoftmaxExport>(*context);
}
