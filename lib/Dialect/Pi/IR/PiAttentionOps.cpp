//===- PiAttentionOps.cpp - Attention -------------------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AssemblyFormats.h"
#include "Rules.h"
#include "ShapeInference.h"

#include "pi/Dialect/Pi/IR/Pi.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::pi;

/// Checks what every attention shares: qkv is B x T x 3d, the heads divide d,
/// the result is B x T x d and the temperature H x `positions`.
template <typename AttentionLike>
static LogicalResult verifyHeads(AttentionLike op, int64_t positions) {
  RankedTensorType qkv = op.getQkv().getType();
  if (qkv.getRank() != 3 || qkv.getDimSize(2) % 3 != 0)
    return op.emitOpError("qkv has to be B x T x 3d, but is ") << qkv;
  int64_t width = op.getWidth(), heads = op.getNumHeads();
  if (width % heads != 0)
    return op.emitOpError("width ")
           << width << " is no multiple of " << heads << " heads";
  if (!op.getScale().isFinite())
    return op.emitOpError("scale has to be finite");
  auto result = RankedTensorType::get(
      {qkv.getDimSize(0), qkv.getDimSize(1), width}, qkv.getElementType());
  if (op.getResult().getType() != result)
    return op.emitOpError("result has to be ")
           << result << ", but is " << op.getResult().getType();
  if (Value temperature = op.getTemperature()) {
    auto type = cast<RankedTensorType>(temperature.getType());
    if (type.getShape() != ArrayRef<int64_t>{heads, positions})
      return op.emitOpError("temperature has to be ")
             << heads << " heads x " << positions << " positions, but is "
             << type;
    return verifySameOrWide(op.getLoc(), "temperature", type,
                            qkv.getElementType());
  }
  return success();
}

ParseResult mlir::pi::parseAttentionResults(OpAsmParser &parser, Type &result,
                                            Type &entropy, Type &logSumExp) {
  if (failed(parser.parseOptionalLParen()))
    return parser.parseType(result);
  if (parser.parseType(result))
    return failure();
  while (succeeded(parser.parseOptionalComma())) {
    bool isLast = succeeded(parser.parseOptionalKeyword("log_sum_exp"));
    if (!isLast && entropy)
      return parser.emitError(parser.getCurrentLocation(),
                              "expected 'log_sum_exp'");
    if (parser.parseType(isLast ? logSumExp : entropy))
      return failure();
    if (isLast)
      break;
  }
  return parser.parseRParen();
}

void mlir::pi::printAttentionResults(OpAsmPrinter &printer, Operation *,
                                     Type result, Type entropy,
                                     Type logSumExp) {
  if (!entropy && !logSumExp) {
    printer << result;
    return;
  }
  printer << '(' << result;
  if (entropy)
    printer << ", " << entropy;
  if (logSumExp)
    printer << ", log_sum_exp " << logSumExp;
  printer << ')';
}

/// Checks a cache 2 x B x C x d against a packed projection B x T x 3d.
static LogicalResult verifyCache(Operation *op, RankedTensorType cache,
                                 RankedTensorType qkv) {
  if (qkv.getRank() != 3 || cache.getRank() != 4 || cache.getDimSize(0) != 2 ||
      cache.getDimSize(1) != qkv.getDimSize(0) || qkv.getDimSize(2) % 3 != 0 ||
      cache.getDimSize(3) != qkv.getDimSize(2) / 3)
    return op->emitOpError("cache 2 x B x C x d and qkv B x T x 3d have to "
                           "agree, but are ")
           << cache << " and " << qkv;
  if (cache.getElementType() != qkv.getElementType())
    return op->emitOpError("cache and qkv have to have one element type, but "
                           "are ")
           << cache << " and " << qkv;
  if (qkv.getDimSize(1) > cache.getDimSize(2))
    return op->emitOpError("cache has room for ")
           << cache.getDimSize(2) << " positions, fewer than the "
           << qkv.getDimSize(1) << " of qkv";
  return success();
}

//===----------------------------------------------------------------------===//
// AttentionOp
//===----------------------------------------------------------------------===//

RankedTensorType AttentionOp::getEntropyType(RankedTensorType qkv,
                                             int64_t numHeads) {
  return RankedTensorType::get({qkv.getDimSize(0), numHeads, qkv.getDimSize(1)},
                               getWideType(qkv.getElementType()));
}

SmallVector<RowBlock> AttentionOp::getRowBlocks() {
  int64_t rows = getQkv().getType().getDimSize(1);
  int64_t size = getEvaluationOrDefault().getPackRows();
  if (size == 0)
    return {{0, rows, rows}};
  SmallVector<RowBlock> blocks;
  for (int64_t begin = 0; begin < rows; begin += size) {
    int64_t end = begin + std::min(size, rows - begin);
    blocks.push_back({begin, end, end});
  }
  return blocks;
}

/// Checks what every attention shares of its evaluation.
template <typename AttentionLike>
static LogicalResult verifyEvaluation(AttentionLike op) {
  EvaluationAttr evaluation = op.getEvaluationOrDefault();
  int64_t perProduct = evaluation.getHeadsPerProduct();
  if (op.getNumHeads() % perProduct != 0)
    return op.emitOpError("heads_per_product ")
           << perProduct << " does not divide " << op.getNumHeads() << " heads";
  if (evaluation.getTemperatureByProduct() && !op.getTemperature())
    return op.emitOpError("temperature_by_product needs a temperature");
  return success();
}

static LogicalResult verifyPackRows(AttentionOp op) {
  int64_t packRows = op.getEvaluationOrDefault().getPackRows();
  if (packRows != 0 && !op.getCausal())
    return op.emitOpError("pack_rows needs an attention that is causal: "
                          "otherwise every row sees all columns");
  int64_t positions = op.getQkv().getType().getDimSize(1);
  if (packRows > positions)
    return op.emitOpError("pack_rows is ")
           << packRows << ", but there are " << positions << " rows";
  return success();
}

LogicalResult AttentionOp::verify() {
  RankedTensorType qkv = getQkv().getType();
  if (qkv.getRank() != 3)
    return emitOpError("qkv has to be B x T x 3d, but is ") << qkv;
  if (failed(verifyHeads(*this, /*positions=*/qkv.getDimSize(1))) ||
      failed(verifyPackRows(*this)) || failed(verifyEvaluation(*this)))
    return failure();
  for (auto [name, value] :
       {std::pair<StringRef, Value>("entropy", getEntropy()),
        {"log_sum_exp", getLogSumExp()}})
    if (value && value.getType() != getEntropyType(qkv, getNumHeads()))
      return emitOpError(name)
             << " has to be " << getEntropyType(qkv, getNumHeads())
             << ", but is " << value.getType();
  return success();
}

namespace {
/// An entropy, or a log_sum_exp, that nobody reads is not computed.
struct DropUnusedRowResults : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(AttentionOp op,
                                PatternRewriter &rewriter) const override {
    auto getReadType = [](Value value) {
      return value && !value.use_empty() ? value.getType() : Type();
    };
    Type entropy = getReadType(op.getEntropy());
    Type logSumExp = getReadType(op.getLogSumExp());
    if (bool(entropy) == bool(op.getEntropy()) &&
        bool(logSumExp) == bool(op.getLogSumExp()))
      return failure();
    auto rebuilt = AttentionOp::create(
        rewriter, op.getLoc(), op.getResult().getType(), entropy, logSumExp,
        op.getQkv(), op.getTemperature(), op.getNumHeads(), op.getScale(),
        op.getCausal(), op.getEvaluationAttr());
    rebuilt->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    rewriter.replaceAllUsesWith(op.getResult(), rebuilt.getResult());
    if (entropy)
      rewriter.replaceAllUsesWith(op.getEntropy(), rebuilt.getEntropy());
    if (logSumExp)
      rewriter.replaceAllUsesWith(op.getLogSumExp(), rebuilt.getLogSumExp());
    rewriter.eraseOp(op);
    return success();
  }
};
} // namespace

void AttentionOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                              MLIRContext *context) {
  patterns.add<DropUnusedRowResults>(context);
}

Operation *AttentionOp::buildForward(OpBuilder &builder, IRMapping &mapping) {
  Value temperature;
  if (getTemperature())
    temperature = mapping.lookupOrDefault(getTemperature());
  auto attention = AttentionOp::create(
      builder, getLoc(), getResult().getType(),
      getEntropy() ? getEntropy().getType() : Type(),
      getEntropyType(getQkv().getType(), getNumHeads()),
      mapping.lookupOrDefault(getQkv()), temperature, getNumHeads(), getScale(),
      getCausal(), getEvaluationAttr());
  attention->setDiscardableAttrs(
      getOperation()->getDiscardableAttrDictionary());
  for (auto [from, to] :
       {std::pair<Value, Value>(getResult(), attention.getResult()),
        {getEntropy(), attention.getEntropy()},
        {getLogSumExp(), attention.getLogSumExp()}})
    if (from)
      mapping.map(from, to);
  return attention;
}

LogicalResult AttentionOp::buildGradients(OpBuilder &builder,
                                          ValueRange results,
                                          MutableArrayRef<Value> operands) {
  RuleBuilder b(getLoc(), builder);
  // The log_sum_exp is the last result, the entropy before it if it is there.
  if (results.back())
    return emitOpError("has no rule to differentiate its log_sum_exp");
  Value dy = results[0], dEntropy = getEntropy() ? results[1] : Value();
  if (!dy)
    dy = b.constant(0.0, getResult().getType());
  auto gradient = AttentionGradOp::create(
      b, getQkv().getType(),
      getTemperature() ? getTemperature().getType() : Type(), dy, getQkv(),
      getResult(), getLogSumExp(), getTemperature(),
      dEntropy ? getEntropy() : Value(), dEntropy, getNumHeads(), getScale(),
      getCausal());
  llvm::copy(gradient.getResults(), operands.begin());
  return success();
}

LogicalResult AttentionGradOp::verify() {
  RankedTensorType qkv = getQkv().getType();
  if (qkv.getRank() != 3)
    return emitOpError("qkv has to be B x T x 3d, but is ") << qkv;
  if (failed(verifyHeads(*this, /*positions=*/qkv.getDimSize(1))))
    return failure();
  RankedTensorType rows = AttentionOp::getEntropyType(qkv, getNumHeads());
  for (Value value : {Value(getLogSumExp()), Value(getEntropy()),
                      Value(getEntropyGradient())})
    if (value && value.getType() != rows)
      return emitOpError("log_sum_exp, entropy and its gradient have to be ")
             << rows << ", but one is " << value.getType();
  if (bool(getEntropy()) != bool(getEntropyGradient()))
    return emitOpError("entropy and its gradient go together");
  return verifySameAsTemperature(*this);
}

//===----------------------------------------------------------------------===//
// UpdateCacheOp, CachedAttentionOp
//===----------------------------------------------------------------------===//

LogicalResult
UpdateCacheOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc,
                                Adaptor adaptor,
                                SmallVectorImpl<Type> &resultTypes) {
  resultTypes.push_back(adaptor.getCache().getType());
  return success();
}

LogicalResult UpdateCacheOp::verify() {
  return verifyCache(*this, getCache().getType(), getQkv().getType());
}

LogicalResult CachedAttentionOp::verify() {
  RankedTensorType cache = getCache().getType();
  if (failed(verifyCache(*this, cache, getQkv().getType())))
    return failure();
  if (failed(verifyHeads(*this, /*positions=*/cache.getDimSize(2))))
    return failure();
  if (getEvaluationOrDefault().getPackRows() != 0)
    return emitOpError("pack_rows needs the rows of a whole sequence, and here "
                       "the columns that a row sees depend on the position");
  return verifyEvaluation(*this);
}
