//===- ReplaceGelu.cpp - Replace activations ------------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Rewriting.h"
#include "pi/Transforms/Architecture/Passes.h"

#include <cmath>

namespace mlir::pi {
#define GEN_PASS_DEF_PIREPLACEGELU
#include "pi/Transforms/Architecture/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

namespace {
struct ReplaceGelu final : public pi::impl::PiReplaceGeluBase<ReplaceGelu> {
  using PiReplaceGeluBase::PiReplaceGeluBase;

  LogicalResult initialize(MLIRContext *context) override {
    auto error = [&] {
      return emitError(UnknownLoc::get(context), getArgument()) << ": ";
    };
    if (!llvm::all_of(coefficients, [](double c) { return std::isfinite(c); }))
      return error() << "coefficients have to be finite";
    if (!coefficients.empty() && replacement != Activation::Polynomial)
      return error() << "coefficients are given, but the replacement is no "
                        "polynomial: add 'with=polynomial'";
    return success();
  }

  void runOnOperation() override {
    if (failed(forEachDecoder(
            getOperation(),
            [&](Operation *function, TransformerStructure &structure) {
              return replaceIn(function, structure);
            })))
      return signalPassFailure();
    numParametersErased += eraseUnusedParameters(getOperation());
  }

private:
  LogicalResult replaceIn(Operation *function,
                          TransformerStructure &structure) {
    remarkOthers(function, structure);
    return forEachLayer(function, structure, layers,
                        [&](const TransformerLayer &layer) {
                          if (isReplaced(layer.feedForward.activation))
                            replace(layer.feedForward.activation);
                          return success();
                        });
  }

  bool isReplaced(Operation *activation) const {
    return activation &&
           (from == ReplacedActivation::Any || isa<GeluOp>(activation));
  }

  void replace(Operation *activation) {
    Value input = activation->getOperand(0), result = input;
    OpBuilder builder(activation);
    if (replacement == Activation::Relu) {
      if (isa<ReluOp>(activation))
        return;
      result = ReluOp::create(builder, activation->getLoc(), input);
    } else if (replacement == Activation::Polynomial) {
      SmallVector<double> values = getCoefficients();
      auto present = dyn_cast<PolynomialOp>(activation);
      if (present && present.getCoefficients() == ArrayRef(values))
        return;
      result = PolynomialOp::create(builder, activation->getLoc(), input,
                                    builder.getDenseF64ArrayAttr(values));
    }
    activation->getResult(0).replaceAllUsesWith(result);
    activation->erase();
    ++numReplaced;
  }

  /// The given coefficients, or those of "Quad" of MPCFormer
  /// (arXiv 2211.01452).
  SmallVector<double> getCoefficients() const {
    if (coefficients.empty())
      return {0.5, 0.25, 0.125};
    return SmallVector<double>(coefficients.begin(), coefficients.end());
  }

  /// Says which GELUs stand outside of feed-forward blocks.
  static void remarkOthers(Operation *function,
                           const TransformerStructure &structure) {
    remarkUnknown(structure, ModelPart::FeedForward);
    function->walk([&](GeluOp gelu) {
      if (structure.getPart(gelu) != ModelPart::FeedForward)
        gelu.emitRemark("GELU is left alone: it does not stand between the two "
                        "linears of a feed-forward block");
    });
  }
};
} // namespace
