//===- PiToLinalg.cpp - Lowering of pi to linalg --------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"

#include "pi/Conversion/PiToLinalg/Passes.h"
#include "pi/Dialect/Pi/IR/Pi.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::pi {
#define GEN_PASS_DEF_CONVERTPITOLINALG
#include "pi/Conversion/PiToLinalg/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

namespace {
/// expand_shape(x) written to a buffer -> x written to the collapsed buffer, so
/// that x is computed in place there.
struct WriteBeforeExpanding
    : OpRewritePattern<bufferization::MaterializeInDestinationOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(bufferization::MaterializeInDestinationOp op,
                                PatternRewriter &rewriter) const override {
    auto expand = op.getSource().getDefiningOp<tensor::ExpandShapeOp>();
    if (!expand || !isa<MemRefType>(op.getDest().getType()))
      return failure();
    Value collapsed = memref::CollapseShapeOp::create(
        rewriter, op.getLoc(), op.getDest(), expand.getReassociationIndices());
    rewriter.modifyOpInPlace(op, [&] {
      op.getSourceMutable().assign(expand.getSrc());
      op.getDestMutable().assign(collapsed);
    });
    return success();
  }
};

/// A constant tensor of equal elements -> a loop: no constant of the program is
/// as large as a weight.
struct FillConstant : OpRewritePattern<arith::ConstantOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::ConstantOp op,
                                PatternRewriter &rewriter) const override {
    auto elements = dyn_cast<SplatElementsAttr>(op.getValue());
    auto type = dyn_cast<RankedTensorType>(op.getType());
    if (!elements || !type || type.getRank() == 0)
      return failure();
    Value value = arith::ConstantOp::create(
        rewriter, op.getLoc(), elements.getSplatValue<TypedAttr>());
    Value empty =
        tensor::EmptyOp::create(rewriter, op.getLoc(), type, ValueRange());
    rewriter.replaceOpWithNewOp<linalg::FillOp>(op, value, empty);
    return success();
  }
};

struct PiToLinalg final : public pi::impl::ConvertPiToLinalgBase<PiToLinalg> {
  void runOnOperation() override {
    MLIRContext *context = &getContext();
    RewritePatternSet accumulation(context);
    populateAccumulationPatterns(accumulation);
    if (failed(applyPatternsGreedily(getOperation(), std::move(accumulation))))
      return signalPassFailure();

    RewritePatternSet patterns(context);
    populateLinearPatterns(patterns);
    populateWeightPatterns(patterns);
    populateNonlinearPatterns(patterns);
    populateRowPatterns(patterns);
    populateAttentionPatterns(patterns);
    populateAttentionGradPatterns(patterns);
    populateCrossEntropyPatterns(patterns);
    populateTrainingPatterns(patterns);
    populateOptimizerPatterns(patterns);
    ConversionTarget target(*context);
    target.addIllegalDialect<PIDialect>();
    target.addLegalOp<ParameterOp>();
    target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
    if (failed(applyPartialConversion(getOperation(), target,
                                      std::move(patterns))))
      return signalPassFailure();

    RewritePatternSet cleanup(context);
    cleanup.add<WriteBeforeExpanding, FillConstant>(context);
    linalg::populateElementwiseToLinalgConversionPatterns(cleanup);
    if (failed(applyPatternsGreedily(getOperation(), std::move(cleanup))))
      signalPassFailure();
  }
};
} // namespace
