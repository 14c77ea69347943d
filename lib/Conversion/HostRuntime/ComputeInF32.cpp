//===- ComputeInF32.cpp - Shorter number formats on the host --------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Conversion/HostRuntime/Passes.h"
#include "pi/Dialect/Pi/IR/Pi.h"
#include "pi/Transforms/Execution/Passes.h"

#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Transforms/DialectConversion.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::pi {
#define GEN_PASS_DEF_PICOMPUTEINF32
#define GEN_PASS_DEF_PIEXPANDBFLOAT16
#include "pi/Conversion/HostRuntime/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;

/// Gives f32 where a function has an output of a shorter type.
static void extendOutputs(func::FuncOp function, const TypeConverter &wide) {
  Operation *terminator = function.getFunctionBody().back().getTerminator();
  OpBuilder builder(terminator);
  for (OpOperand &output : terminator->getOpOperands()) {
    Type type = wide.convertType(output.get().getType());
    if (type == output.get().getType() ||
        pi::getUpdatedArgument(function, output.getOperandNumber()))
      continue;
    output.set(arith::ExtFOp::create(
        builder, terminator->getLoc(), type, output.get(),
        arith::FastMathFlagsAttr::get(function.getContext(),
                                      arith::FastMathFlags::contract)));
  }
  function.setType(builder.getFunctionType(function.getArgumentTypes(),
                                           terminator->getOperandTypes()));
}

namespace {
struct ComputeInF32 final : public pi::impl::PiComputeInF32Base<ComputeInF32> {
  void runOnOperation() override {
    Builder b(&getContext());
    TypeConverter converter;
    arith::populateEmulateUnsupportedFloatsConversions(
        converter, {b.getBF16Type(), b.getF16Type()}, b.getF32Type());
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function.isPublic() && !function.isExternal())
        extendOutputs(function, converter);

    RewritePatternSet patterns(&getContext());
    arith::populateEmulateUnsupportedFloatsPatterns(patterns, converter);
    // What only moves or casts elements does so in any format.
    ConversionTarget target(getContext());
    arith::populateEmulateUnsupportedFloatsLegality(target, converter);
    target.addDynamicallyLegalDialect<pi::PIDialect, math::MathDialect>(
        [&](Operation *op) { return converter.isLegal(op); });
    target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
    if (failed(applyPartialConversion(getOperation(), target,
                                      std::move(patterns))))
      return signalPassFailure();

    // What is rounded only to be extended again stays f32.
    SmallVector<Operation *> extensions;
    getOperation().walk([&](arith::ExtFOp op) { extensions.push_back(op); });
    (void)applyOpPatternsGreedily(extensions, {});
  }
};

struct ExpandBFloat16 final
    : public pi::impl::PiExpandBFloat16Base<ExpandBFloat16> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    arith::populateExpandBFloat16Patterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
