//===- KernelsTest.cpp - GPU kernels assemble without spills --------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What can be tested of kernels without a GPU: that each is valid IR, that it
// assembles, that it keeps its values in registers, and that equal kernels are
// built once. Their results are tested on a GPU.
//
//===----------------------------------------------------------------------===//

#include "pi/Conversion/PiToPirt/Kernels.h"
#include "pi/Registration.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "pi/Target/Cubin/Cubin.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace mlir::pi;

namespace {

class KernelsTest : public testing::Test {
protected:
  KernelsTest() : context(makeRegistry()), builder(&context) {
    context.loadAllAvailableDialects();
    loc = UnknownLoc::get(&context);
    holder = ModuleOp::create(loc);
    builder.setInsertionPointToEnd(holder->getBody());
    module = gpu::GPUModuleOp::create(builder, loc, "kernels");
  }

  static DialectRegistry makeRegistry() {
    DialectRegistry registry;
    pi::registerAllDialects(registry);
    return registry;
  }

  SkinnyLinearSpec linear(Type element, int64_t in, int64_t out) {
    SkinnyLinearSpec spec;
    spec.element = spec.resultElement = element;
    spec.rows = 1;
    spec.inFeatures = in;
    spec.outFeatures = spec.resultStride = out;
    return spec;
  }

  /// Adds the linears of one GPT-2 layer of width d and the head.
  void addLinears(Type element, int64_t d) {
    using Spec = SkinnyLinearSpec;
    Spec qkv = linear(element, d, 3 * d);
    qkv.layerNormEpsilon = 1e-5;
    qkv.bias = true;
    Spec out = linear(element, d, d);
    out.bias = true;
    out.residual = Spec::Residual::Add;
    Spec up = linear(element, d, 4 * d);
    up.layerNormEpsilon = 1e-5;
    up.bias = true;
    Spec erf = up;
    up.activation = Spec::Activation::GeluTanh;
    erf.activation = Spec::Activation::GeluErf;
    Spec down = linear(element, 4 * d, d);
    down.residual = Spec::Residual::Scaled;
    Spec head = linear(element, d, 50257);
    head.resultElement = builder.getF32Type();
    head.layerNormEpsilon = 1e-5;
    head.transposed = true;
    for (const Spec &spec : {qkv, out, up, erf, down, head}) {
      FailureOr<KernelLaunch> launch = buildSkinnyLinear(module, loc, spec);
      ASSERT_TRUE(succeeded(launch));
      EXPECT_GT(launch->grid[0], 40);
    }
  }

  /// Kernels promise not to spill, which assembling checks.
  void expectAssembles(size_t numKernels) {
    ASSERT_TRUE(succeeded(verify(*holder)));
    FailureOr<Cubin> cubin = assembleCubin(module);
    ASSERT_TRUE(succeeded(cubin));
    EXPECT_EQ(cubin->kernels.size(), numKernels);
    for (const KernelResources &kernel : cubin->kernels) {
      EXPECT_TRUE(module.lookupSymbol<gpu::GPUFuncOp>(kernel.name)
                      ->hasAttr(kNoSpillAttr));
      EXPECT_EQ(kernel.spillBytes, 0) << kernel.name;
      EXPECT_GT(kernel.registers, 0) << kernel.name;
    }
  }

  /// The one error that `build` reports.
  std::string errorOf(function_ref<LogicalResult()> build) {
    std::string message;
    ScopedDiagnosticHandler handler(
        &context, [&](Diagnostic &diagnostic) { message = diagnostic.str(); });
    EXPECT_TRUE(failed(build()));
    return message;
  }

  MLIRContext context;
  OpBuilder builder;
  Location loc = UnknownLoc::get(&context);
  OwningOpRef<ModuleOp> holder;
  gpu::GPUModuleOp module;
};

TEST_F(KernelsTest, SkinnyLinearBf16) {
  addLinears(builder.getBF16Type(), 768);
  expectAssembles(6);
}

TEST_F(KernelsTest, SkinnyLinearF32) {
  addLinears(builder.getF32Type(), 768);
  expectAssembles(6);
}

TEST_F(KernelsTest, SkinnyLinearOfWidthThatIsNoMultipleOfAWarp) {
  addLinears(builder.getBF16Type(), 1600);
  expectAssembles(6);
}

TEST_F(KernelsTest, SkinnyLinearOfSeveralRows) {
  SkinnyLinearSpec spec = linear(builder.getBF16Type(), 768, 2304);
  spec.rows = 4;
  ASSERT_TRUE(succeeded(buildSkinnyLinear(module, loc, spec)));
  expectAssembles(1);
}

TEST_F(KernelsTest, SkinnyLinearRefusesWhatItCannotDo) {
  EXPECT_EQ(errorOf([&] {
              return buildSkinnyLinear(module, loc,
                                       linear(builder.getBF16Type(), 764, 768));
            }),
            "skinny linear: 764 x 768 elements of 'bf16' do not divide into "
            "accesses of 16 bytes");
  SkinnyLinearSpec tall = linear(builder.getBF16Type(), 3072, 768);
  tall.rows = 8;
  EXPECT_EQ(errorOf([&] { return buildSkinnyLinear(module, loc, tall); }),
            "skinny linear: 8 rows of 3072 features do not fit shared memory");
}

TEST_F(KernelsTest, CachedAttention) {
  size_t count = 0;
  for (Type element :
       {Type(builder.getBF16Type()), Type(builder.getF32Type())}) {
    for (int64_t headSize : {32, 64, 80, 128}) {
      CachedAttentionSpec spec = {element, 2, 1024, 12, headSize, 0.125};
      spec.temperature = headSize == 64;
      spec.updatesCache = headSize != 32;
      ASSERT_TRUE(succeeded(buildCachedAttention(module, loc, spec)));
      ++count;
    }
  }
  expectAssembles(count);
}

/// A sequence that fits one block takes one kernel and no scratch memory; equal
/// gradients share their kernels.
TEST_F(KernelsTest, AttentionGrad) {
  AttentionSpec spec = {builder.getBF16Type(), 2, 128, 12, 64, 0.125};
  auto build = [&] { return *buildAttentionGrad(module, loc, spec); };
  KernelSequence sequence = build();
  EXPECT_EQ(sequence.kernels.size(), 1u);
  EXPECT_TRUE(sequence.scratch.empty());
  spec.tokens = 129;
  sequence = build();
  EXPECT_EQ(sequence.kernels.size(), 2u);
  EXPECT_EQ(sequence.scratch.size(), 1u);
  spec.temperature = true;
  sequence = build();
  EXPECT_EQ(sequence.kernels.size(), 3u);
  EXPECT_EQ(sequence.scratch.size(), 2u);
  KernelSequence again = build();
  for (auto [first, second] : llvm::zip(sequence.kernels, again.kernels))
    EXPECT_EQ(first.kernel, second.kernel);
  expectAssembles(6);
}

TEST_F(KernelsTest, CachedAttentionRefusesOddHeads) {
  CachedAttentionSpec spec = {builder.getBF16Type(), 1, 128, 4, 20, 1.0};
  EXPECT_EQ(errorOf([&] { return buildCachedAttention(module, loc, spec); }),
            "cached attention: heads of 20 elements of 'bf16' are no multiple "
            "of 16 bytes, or more than 512 bytes");
}

TEST_F(KernelsTest, Argmax) {
  ArgmaxSpec spec = {builder.getF32Type(), 2, 50257, 50304};
  ASSERT_TRUE(succeeded(buildArgmax(module, loc, spec)));
  expectAssembles(1);
}

TEST_F(KernelsTest, ArgmaxRefusesColumnsOutsideTheRow) {
  ArgmaxSpec spec = {builder.getF32Type(), 1, 8, 4};
  EXPECT_EQ(errorOf([&] { return buildArgmax(module, loc, spec); }),
            "argmax: 8 columns in rows of 4");
}

TEST_F(KernelsTest, EqualKernelsAreBuiltOnce) {
  SkinnyLinearSpec spec = linear(builder.getBF16Type(), 768, 768);
  FailureOr<KernelLaunch> first = buildSkinnyLinear(module, loc, spec);
  FailureOr<KernelLaunch> second = buildSkinnyLinear(module, loc, spec);
  ASSERT_TRUE(succeeded(first) && succeeded(second));
  EXPECT_EQ(first->kernel, second->kernel);
  EXPECT_EQ(first->grid, second->grid);
  EXPECT_EQ(first->block, second->block);
  spec.bias = true;
  FailureOr<KernelLaunch> other = buildSkinnyLinear(module, loc, spec);
  ASSERT_TRUE(succeeded(other));
  EXPECT_NE(first->kernel, other->kernel);
}

} // namespace
