//===- PiTrainingOps.cpp - Operations of training -------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Rules.h"
#include "ShapeInference.h"

#include "pi/Dialect/Pi/IR/Pi.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace mlir::pi;

//===----------------------------------------------------------------------===//
// EntropyPenaltyOp
//===----------------------------------------------------------------------===//

LogicalResult
EntropyPenaltyOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc,
                                   Adaptor adaptor,
                                   SmallVectorImpl<Type> &resultTypes) {
  auto entropy = getTensor(loc, adaptor.getEntropy(), "entropy", 0);
  if (failed(entropy))
    return failure();
  resultTypes.push_back(entropy->clone(ArrayRef<int64_t>{}));
  return success();
}

/// Checks what the penalty and its gradient share.
template <typename Penalty>
static LogicalResult verifyPenalty(Penalty op) {
  RankedTensorType entropy = op.getEntropy().getType();
  RankedTensorType threshold = op.getThreshold().getType();
  if (entropy.getRank() != 3 || threshold.getRank() != 1 ||
      entropy.getDimSize(1) != threshold.getDimSize(0))
    return op.emitOpError("entropy B x H x T and threshold H have to agree in "
                          "H, but are ")
           << entropy << " and " << threshold;
  for (APFloat value : {op.getGamma(), op.getLambda()})
    if (!value.isFinite() || value.isNegative())
      return op.emitOpError("gamma and lambda have to be finite and not "
                            "negative");
  return success();
}

LogicalResult EntropyPenaltyOp::verify() { return verifyPenalty(*this); }

LogicalResult EntropyPenaltyGradOp::verify() { return verifyPenalty(*this); }

LogicalResult
EntropyPenaltyOp::buildGradients(OpBuilder &builder, ValueRange results,
                                 MutableArrayRef<Value> operands) {
  auto gradient = EntropyPenaltyGradOp::create(
      builder, getLoc(), results[0], getEntropy(), getThreshold(), getReading(),
      getGamma(), getLambda());
  llvm::copy(gradient.getResults(), operands.begin());
  return success();
}

//===----------------------------------------------------------------------===//
// CrossEntropyOp
//===----------------------------------------------------------------------===//

LogicalResult
CrossEntropyOp::inferReturnTypes(MLIRContext *context,
                                 std::optional<Location> loc, Adaptor adaptor,
                                 SmallVectorImpl<Type> &resultTypes) {
  auto logits = getTensor(loc, adaptor.getLogits(), "logits", 1);
  auto targets = getTensor(loc, adaptor.getTargets(), "targets", 0);
  if (failed(logits) || failed(targets))
    return failure();
  if (logits->getShape().drop_back() != targets->getShape())
    return emitOptionalError(loc,
                             "logits have to have a row for each target, but "
                             "they are ",
                             *logits, " and ", *targets);
  Type element = logits->getElementType();
  if (!element.isF64())
    element = Float32Type::get(context);
  resultTypes.push_back(RankedTensorType::get({}, element));
  return success();
}

LogicalResult CrossEntropyOp::buildGradients(OpBuilder &builder,
                                             ValueRange results,
                                             MutableArrayRef<Value> operands) {
  operands[0] =
      CrossEntropyGradOp::create(builder, getLoc(), results[0], getLogits(),
                                 getTargets(), getIgnoreIndex());
  return success();
}
