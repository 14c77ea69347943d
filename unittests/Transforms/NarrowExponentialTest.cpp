//===- NarrowExponentialTest.cpp - How close exponentials come ------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Dialect/Pi/IR/Pi.h"
#include "pi/Transforms/Private/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace mlir;
using namespace mlir::pi;

namespace {

constexpr const char *kModule = R"(
  func.func @f(%x: tensor<1x2x6xf32>) -> tensor<1x2x2xf32> {
    %0 = pi.attention %x heads 1 scale 1.0 : (tensor<1x2x6xf32>) -> tensor<1x2x2xf32>
    return %0 : tensor<1x2x2xf32>
  })";

/// The largest distance of `f` from e^x on [lowest, 0], at points 1e-4 apart.
template <typename Function>
double getLargestError(Function f, double lowest) {
  double largest = 0;
  for (int64_t i = 0; i * -1e-4 >= lowest; ++i)
    largest = std::max(largest, std::abs(f(i * -1e-4) - std::exp(i * -1e-4)));
  return largest;
}

double getStock(double x) { return std::pow(1 + x / 256, 256); }

class NarrowExponential : public testing::Test {
protected:
  NarrowExponential() { context.loadDialect<func::FuncDialect, PIDialect>(); }

  /// What the pass gives an attention.
  ExponentialAttr narrow(double range) {
    OwningOpRef<ModuleOp> module =
        parseSourceString<ModuleOp>(kModule, &context);
    PassManager manager(&context);
    manager.addPass(createPiNarrowExponential({range}));
    EXPECT_TRUE(succeeded(manager.run(*module)));
    ExponentialAttr exponential;
    module->walk([&](AttentionOp attention) {
      exponential = attention.getEvaluationOrDefault().getExponential();
    });
    return exponential;
  }

  MLIRContext context;
};

TEST_F(NarrowExponential, StockErrorIsAsStated) {
  EXPECT_NEAR(getLargestError(getStock, -500), 1.06e-3, 1e-5);
}

TEST_F(NarrowExponential, ClampedHoldsForAllScores) {
  for (double range : {0.0, 12.1, 1e6}) {
    ExponentialAttr e = narrow(range);
    EXPECT_EQ(e.getNumSquares(), 4u);
    ASSERT_TRUE(e.isClamped());
    auto evaluate = [&](double x) { return e.evaluate(x); };
    EXPECT_LE(getLargestError(evaluate, -600), 1.3e-4);
    EXPECT_NEAR(e.evaluate(-9.5), 0, 1e-7);
    EXPECT_EQ(e.evaluate(-1e9), e.evaluate(-9.5));
  }
}

TEST_F(NarrowExponential, UnclampedHoldsOnItsRange) {
  ExponentialAttr e = narrow(12);
  EXPECT_EQ(e.getNumSquares(), 4u);
  ASSERT_FALSE(e.isClamped());
  auto evaluate = [&](double x) { return e.evaluate(x); };
  EXPECT_LE(getLargestError(evaluate, -12), 1.5e-4);
  // Where it does not hold, it is no exponential any more.
  EXPECT_GT(getLargestError(evaluate, -40), 1e-2);
}

/// The stock form as a chain is what it is.
TEST_F(NarrowExponential, ChainOfStockForm) {
  double offsets[] = {1, 0, 0, 0, 0, 0, 0, 0, 0};
  auto e = ExponentialAttr::get(&context, 1.0 / 256, offsets);
  EXPECT_EQ(e.getNumSquares(), 8u);
  for (double x : {0.0, -0.5, -7.0, -100.0})
    EXPECT_NEAR(e.evaluate(x), getStock(x), 1e-14);
}

} // namespace
