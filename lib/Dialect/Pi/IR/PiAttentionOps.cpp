//===- PiAttentionOps.cpp - Attention -------------------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

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
  }
  return success();
}

/// Checks a cache 2 x B x C x d against a packed projection B x T x 3d.
static LogicalResult verifyCache(Operation *op, RankedTensorType cache,
                                 RankedTensorType qkv) {
  if (qkv.getRank() != 3 || cache.getRank() != 4 || cache.getDimSize(0) != 2 ||
      cache.getDimSize(1) != qkv.getDimSize(0) ||
      cache.getDimSize(3) * 3 != qkv.getDimSize(2))
    return op->emitOpError("cache 2 x B x C x d and qkv B x T x 3d have to "
                           "agree, but are ")
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
                               qkv.getElementType());
}

LogicalResult AttentionOp::verify() {
  RankedTensorType qkv = getQkv().getType();
  if (qkv.getRank() != 3)
    return emitOpError("qkv has to be B x T x 3d, but is ") << qkv;
  if (failed(verifyHeads(*this, /*positions=*/qkv.getDimSize(1))))
    return failure();
  if (getEntropy() &&
      getEntropy().getType() != getEntropyType(qkv, getNumHeads()))
    return emitOpError("entropy has to be ")
           << getEntropyType(qkv, getNumHeads()) << ", but is "
           << getEntropy().getType();
  return success();
}

namespace {
/// An entropy that nobody reads is not computed.
struct DropUnusedEntropy : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(AttentionOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.getEntropy() || !op.getEntropy().use_empty())
      return failure();
    auto plain = AttentionOp::create(
        rewriter, op.getLoc(), op.getResult().getType(), /*entropy=*/Type(),
        op.getQkv(), op.getTemperature(), op.getNumHeads(), op.getScale(),
        op.getCausal());
    plain->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    rewriter.replaceAllUsesWith(op.getResult(), plain.getResult());
    rewriter.eraseOp(op);
    return success();
  }
};
} // namespace

void AttentionOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                              MLIRContext *context) {
  patterns.add<DropUnusedEntropy>(context);
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
  return verifyHeads(*this, /*positions=*/cache.getDimSize(2));
}
