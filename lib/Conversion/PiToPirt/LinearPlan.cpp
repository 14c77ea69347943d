//===- LinearPlan.cpp - Plans of linear layers ----------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinearPlan.h"

#include "pi/Dialect/Pirt/IR/Pirt.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::pi;

//===----------------------------------------------------------------------===//
// Padding
//===----------------------------------------------------------------------===//

/// Elements that a row is a multiple of so that cuBLASLt has fast algorithms
/// for it (16 bytes of bf16), and the bytes that other rows are padded to.
static constexpr int64_t kRowAlignment = 8;
static constexpr int64_t kPaddedRowBytes = 128;

MemRefType mlir::pi::getPaddedType(Type type) {
  MemRefType buffer = getBufferType(type);
  if (buffer.getRank() < 2 || !isa<FloatType>(buffer.getElementType()) ||
      buffer.getShape().back() % kRowAlignment == 0)
    return buffer;
  SmallVector<int64_t> strides(buffer.getRank(), 1);
  int64_t stride =
      llvm::alignTo(buffer.getShape().back(),
                    kPaddedRowBytes * 8 / buffer.getElementTypeBitWidth());
  for (int64_t i = buffer.getRank() - 2; i >= 0; --i) {
    strides[i] = stride;
    stride *= buffer.getDimSize(i);
  }
  return MemRefType::get(
      buffer.getShape(), buffer.getElementType(),
      StridedLayoutAttr::get(buffer.getContext(), /*offset=*/0, strides));
}

MemRefType mlir::pi::getPaddedWeightType(MemRefType type) {
  int64_t rows = llvm::alignTo(type.getDimSize(0), kRowAlignment);
  return MemRefType::get({rows, type.getDimSize(1)}, type.getElementType());
}

bool mlir::pi::isPaddable(const FusedLinear &layer) {
  LinearOp linear = layer.linear;
  return !layer.isSkinny && linear.getTransposed() && !linear.getBias() &&
         !layer.residual;
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

static void emitGemm(const FusedLinear &layer, PlanEmitter &emitter) {
  LinearOp linear = layer.linear;
  auto epilogue = pirt::Epilogue::none;
  if (layer.activation)
    epilogue = isa<GeluOp>(layer.activation) ? pirt::Epilogue::gelu_tanh
                                             : pirt::Epilogue::relu;
  Value a = emitter.lookup(linear.getInput());
  Value b = emitter.lookup(linear.getWeight());
  Value bias = linear.getBias() ? emitter.lookup(linear.getBias()) : Value();
  Value c = layer.residual ? emitter.lookup(layer.residual) : Value();
  Value d = isPaddable(layer)
                ? emitter.allocate(layer.result,
                                   getPaddedType(layer.result.getType()))
                : emitter.allocate(layer.result);
  pirt::GemmOp::create(emitter.builder(), linear.getLoc(), a, b, bias, c, d,
                       linear.getTransposed(), epilogue);
}

static LogicalResult emitKernel(const FusedLinear &layer,
                                PlanEmitter &emitter) {
  LinearOp linear = layer.linear;
  SkinnyLinearSpec spec;
  spec.element = linear.getInput().getType().getElementType();
  spec.resultElement =
      cast<RankedTensorType>(layer.result.getType()).getElementType();
  spec.rows = linear.getNumRows();
  spec.inFeatures = linear.getInFeatures();
  spec.outFeatures = linear.getOutFeatures();
  spec.transposed = linear.getTransposed();
  spec.bias = static_cast<bool>(linear.getBias());

  SmallVector<Value> arguments;
  auto addArgument = [&](Value tensor) {
    arguments.push_back(emitter.lookup(tensor));
  };
  LayerNormOp norm = layer.layerNorm;
  addArgument(norm ? norm.getInput() : linear.getInput());
  addArgument(linear.getWeight());
  if (norm) {
    spec.layerNormEpsilon = norm.getEpsilon().convertToDouble();
    addArgument(norm.getWeight());
    addArgument(norm.getBias());
  }
  if (spec.bias)
    addArgument(linear.getBias());
  using Activation = SkinnyLinearSpec::Activation;
  if (auto gelu = dyn_cast_if_present<GeluOp>(layer.activation))
    spec.activation = gelu.getApproximate() == GeluApproximation::tanh
                          ? Activation::GeluTanh
                          : Activation::GeluErf;
  else if (layer.activation)
    spec.activation = Activation::Relu;
  if (layer.residual) {
    spec.residual = SkinnyLinearSpec::Residual::Add;
    addArgument(layer.residual);
  }
  if (auto scaled = dyn_cast_if_present<ScaledResidualOp>(layer.sum)) {
    spec.residual = SkinnyLinearSpec::Residual::Scaled;
    addArgument(scaled.getAlpha());
    addArgument(scaled.getBeta());
  }
  Value result = emitter.allocate(layer.result);
  FailureOr<pirt::MatrixView> view =
      pirt::getMatrixView(cast<MemRefType>(result.getType()));
  spec.resultStride = view->stride;
  arguments.push_back(result);
  return emitter.launch(
      linear.getLoc(),
      buildSkinnyLinear(emitter.kernels(), linear.getLoc(), spec), arguments);
}

LogicalResult mlir::pi::emitLinear(const FusedLinear &layer,
                                   PlanEmitter &emitter) {
  if (layer.isSkinny)
    return emitKernel(layer, emitter);
  emitGemm(layer, emitter);
  return success();
}
