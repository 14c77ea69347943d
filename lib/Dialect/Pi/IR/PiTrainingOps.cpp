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
#include "mlir/IR/PatternMatch.h"

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
  return verifySameOrWide(op.getLoc(), "threshold", threshold,
                          entropy.getElementType());
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

/// The type of the loss over rows of this element type.
static RankedTensorType getLossType(Type element) {
  return RankedTensorType::get({}, getWideType(element));
}

LogicalResult
CrossEntropyOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc,
                                 Adaptor adaptor,
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
  resultTypes.push_back(getLossType(logits->getElementType()));
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

//===----------------------------------------------------------------------===//
// LinearCrossEntropyOp
//===----------------------------------------------------------------------===//

void LinearCrossEntropyOp::build(OpBuilder &builder, OperationState &state,
                                 Value input, Value weight, Value targets,
                                 bool transposed, int32_t ignoreIndex) {
  build(builder, state, getLossType(getElementTypeOrSelf(input)),
        /*d_input=*/Type(), /*d_weight=*/Type(), input, weight, targets,
        transposed, ignoreIndex, /*chunk=*/IntegerAttr());
}

LogicalResult LinearCrossEntropyOp::verify() {
  RankedTensorType input = getInput().getType(), weight = getWeight().getType();
  if (input.getRank() < 1 ||
      input.getShape().drop_back() != getTargets().getType().getShape())
    return emitOpError("input has to have a row for each target, but they are ")
           << input << " and " << getTargets().getType();
  if (weight.getRank() != 2 ||
      weight.getDimSize(getTransposed()) != getInFeatures() ||
      weight.getElementType() != input.getElementType())
    return emitOpError("weight has to be ")
           << (getTransposed() ? "V x d" : "d x V")
           << " with d and the element type of the input, but they are "
           << weight << " and " << input;
  if (getLoss().getType() != getLossType(input.getElementType()))
    return emitOpError("loss has to be ") << getLossType(input.getElementType())
                                          << ", but is " << getLoss().getType();
  // SameVariadicResultSize takes half of one for none.
  if (getOperation()->getNumResults() == 2)
    return emitOpError("has to give both gradients or none");
  if (!getDInput())
    return success();
  if (getDInput().getType() != input)
    return emitOpError("d_input has to be ")
           << input << ", but is " << getDInput().getType();
  auto gradient = cast<RankedTensorType>(getDWeight().getType());
  if (gradient.getShape() != weight.getShape() ||
      !isSameOrWide(gradient.getElementType(), weight.getElementType()))
    return emitOpError("d_weight has to be ")
           << weight << " or that in f32, but is " << gradient;
  return success();
}

int64_t LinearCrossEntropyOp::getChunkRows(int64_t limit, int64_t rowBytes) {
  int64_t rows = getChunk() ? int64_t(*getChunk())
                            : limit / std::max<int64_t>(rowBytes, 1);
  return std::clamp<int64_t>(rows, 1, std::max<int64_t>(getNumRows(), 1));
}

namespace {
/// Gradients that nobody reads are not computed.
struct DropUnusedGradients : OpRewritePattern<LinearCrossEntropyOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(LinearCrossEntropyOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.getDInput() || !op.getDInput().use_empty() ||
        !op.getDWeight().use_empty())
      return failure();
    auto rebuilt = LinearCrossEntropyOp::create(
        rewriter, op.getLoc(), op.getLoss().getType(), /*d_input=*/Type(),
        /*d_weight=*/Type(), op.getInput(), op.getWeight(), op.getTargets(),
        op.getTransposedAttr(), op.getIgnoreIndexAttr(), op.getChunkAttr());
    rebuilt->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    rewriter.replaceAllUsesWith(op.getLoss(), rebuilt.getLoss());
    rewriter.eraseOp(op);
    return success();
  }
};
} // namespace

void LinearCrossEntropyOp::getCanonicalizationPatterns(
    RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<DropUnusedGradients>(context);
}

Operation *LinearCrossEntropyOp::buildForward(OpBuilder &builder,
                                              IRMapping &mapping) {
  auto made = LinearCrossEntropyOp::create(
      builder, getLoc(), getLoss().getType(), getInput().getType(),
      getDWeight() ? getDWeight().getType() : getWeight().getType(),
      mapping.lookupOrDefault(getInput()), mapping.lookupOrDefault(getWeight()),
      mapping.lookupOrDefault(getTargets()), getTransposedAttr(),
      getIgnoreIndexAttr(), getChunkAttr());
  made->setDiscardableAttrs(getOperation()->getDiscardableAttrDictionary());
  for (auto [from, to] : llvm::zip(getResults(), made.getResults()))
    mapping.map(from, to);
  return made;
}

LogicalResult
LinearCrossEntropyOp::buildGradients(OpBuilder &builder, ValueRange results,
                                     MutableArrayRef<Value> operands) {
  if (results[1] || results[2])
    return emitOpError("has no rule to differentiate its gradients");
  RuleBuilder b(getLoc(), builder);
  for (auto [index, gradient] :
       llvm::enumerate(ValueRange{getDInput(), getDWeight()}))
    operands[index] = b.createOrFold<MulOp>(gradient, results[0]);
  return success();
}
