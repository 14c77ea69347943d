//===- PiPrecision.cpp - What stays f32 in a model computed in bf16 -------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Dialect/Pi/IR/Pi.h"

using namespace mlir;
using namespace mlir::pi;

#include "pi/Interfaces/PrecisionOpInterface.cpp.inc"

static NumberFormat wideIf(bool condition) {
  return condition ? NumberFormat::Wide : NumberFormat::Compute;
}

//===----------------------------------------------------------------------===//
// What scales a row, and what is said about one
//===----------------------------------------------------------------------===//

NumberFormat LayerNormOp::getOperandFormat(OpOperand &operand) {
  return wideIf(operand.get() != getInput());
}

NumberFormat LayerNormGradOp::getOperandFormat(OpOperand &operand) {
  return wideIf(operand.get() == getWeight());
}

NumberFormat LayerNormGradOp::getResultFormat(OpResult result) {
  return wideIf(result != getDInput());
}

NumberFormat AttentionOp::getOperandFormat(OpOperand &operand) {
  return wideIf(operand.get() == getTemperature());
}

NumberFormat AttentionOp::getResultFormat(OpResult result) {
  return wideIf(result != getResult());
}

NumberFormat CachedAttentionOp::getOperandFormat(OpOperand &operand) {
  return wideIf(operand.get() == getTemperature());
}

NumberFormat AttentionGradOp::getOperandFormat(OpOperand &operand) {
  return wideIf(operand.getOperandNumber() > 2);
}

NumberFormat AttentionGradOp::getResultFormat(OpResult result) {
  return wideIf(result != getDQkv());
}

//===----------------------------------------------------------------------===//
// Sums over positions
//===----------------------------------------------------------------------===//

NumberFormat MatmulOp::getResultFormat(OpResult) {
  // The gradient of a weight: a sum over the rows of both factors.
  return wideIf(getLhsTransposed());
}

NumberFormat EmbeddingGradOp::getResultFormat(OpResult) {
  return NumberFormat::Wide;
}

NumberFormat ReduceLeadingOp::getOperandFormat(OpOperand &) {
  return NumberFormat::Any;
}

NumberFormat ReduceLeadingOp::getResultFormat(OpResult) {
  return NumberFormat::Wide;
}

NumberFormat CrossEntropyOp::getResultFormat(OpResult) {
  return NumberFormat::Wide;
}

NumberFormat LinearCrossEntropyOp::getResultFormat(OpResult result) {
  return wideIf(result != getDInput());
}

NumberFormat CrossEntropyGradOp::getOperandFormat(OpOperand &operand) {
  return wideIf(operand.get() != getLogits());
}
