//===- ManifestBuilderTest.cpp - Tests of manifests and host code ---------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Target/Artifact/ManifestBuilder.h"
#include "pi/Dialect/Pi/IR/Pi.h"
#include "pi/Target/Artifact/HostObject.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace mlir::pi;
using pi_runtime::DataType;
using pi_runtime::EntryArgument;
using pi_runtime::Manifest;

namespace {
class ManifestBuilderTest : public testing::Test {
protected:
  ManifestBuilderTest() {
    context.loadDialect<PIDialect, func::FuncDialect, LLVM::LLVMDialect,
                        tensor::TensorDialect>();
  }

  OwningOpRef<ModuleOp> parse(StringRef text) {
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module);
    return module;
  }

  /// The error of making a manifest of this module.
  std::string buildError(StringRef text) {
    OwningOpRef<ModuleOp> module = parse(text);
    std::string message;
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      message += diagnostic.str();
      return success();
    });
    EXPECT_TRUE(failed(buildManifest(*module, "cpu", "generic")));
    return message;
  }

  MLIRContext context;
};

/// A model in execution form: `scale` is derived from `bias`, which is derived
/// from wte.weight, and a device takes wte.weight in bfloat16.
constexpr StringLiteral model = R"mlir(
  module @tiny {
    pi.parameter @scale : tensor<4xf32>
    pi.parameter @bias : tensor<4xf32>
    pi.parameter @wte.weight : tensor<16x4xf32>
    pi.parameter @unused : tensor<2xf32>
    func.func private @initialize.scale(%b: tensor<4xf32> {pi.parameter = @bias})
        -> (tensor<4xf32> {pi.parameter = @scale}) {
      return %b : tensor<4xf32>
    }
    func.func private @initialize.bias(%w: tensor<16x4xf32> {pi.parameter = @wte.weight})
        -> (tensor<4xf32> {pi.parameter = @bias})
    func.func @forward(%ids: tensor<2x8xi32> {pi.name = "input_ids"},
                       %c: tensor<2x2x8x4xbf16> {pi.state = "h.0.attn.cache"},
                       %s: tensor<4xf32> {pi.parameter = @scale},
                       %w: tensor<16x4xbf16> {pi.parameter = @wte.weight},
                       %l: tensor<2x8x16xbf16> {pi.name = "previous"})
        -> (tensor<2x2x8x4xbf16> {pi.state = "h.0.attn.cache"},
            tensor<2x8x16xbf16> {pi.name = "logits"}) {
      return %c, %l : tensor<2x2x8x4xbf16>, tensor<2x8x16xbf16>
    }
  }
)mlir";
} // namespace

TEST_F(ManifestBuilderTest, DescribesTheExecutionForm) {
  OwningOpRef<ModuleOp> module = parse(model);
  FailureOr<Manifest> manifest = buildManifest(*module, "cpu", "generic");
  ASSERT_TRUE(succeeded(manifest));
  EXPECT_TRUE(verifyManifest(*manifest).ok());
  EXPECT_EQ(manifest->target, "cpu");
  EXPECT_EQ(manifest->targetArch, "generic");
  EXPECT_EQ(manifest->modelName, "tiny");
  EXPECT_EQ(manifest->batch, 2);
  EXPECT_EQ(manifest->sequenceLength, 8);
  EXPECT_EQ(manifest->vocabSize, 16);

  // Sources come first; what no function reads is left out.
  ASSERT_EQ(manifest->parameters.size(), 3u);
  EXPECT_EQ(manifest->parameters[0].name, "wte.weight");
  EXPECT_EQ(manifest->parameters[0].dtype, DataType::F32);
  EXPECT_EQ(manifest->parameters[0].storageDtype, DataType::BF16);
  EXPECT_FALSE(manifest->parameters[0].derived);
  EXPECT_EQ(manifest->parameters[1].name, "bias");
  EXPECT_TRUE(manifest->parameters[1].derived);
  EXPECT_EQ(manifest->parameters[2].name, "scale");
  ASSERT_EQ(manifest->initializers.size(), 2u);
  EXPECT_EQ(manifest->initializers[0].parameter, "bias");
  EXPECT_EQ(manifest->initializers[0].symbol, "pi_initialize_bias");
  EXPECT_EQ(manifest->initializers[1].sources,
            std::vector<std::string>{"bias"});

  ASSERT_EQ(manifest->states.size(), 1u);
  EXPECT_EQ(manifest->states[0].dtype, DataType::BF16);
  ASSERT_EQ(manifest->entryPoints.size(), 1u);
  const pi_runtime::EntryPoint &entry = manifest->entryPoints[0];
  EXPECT_EQ(entry.symbol, "pi_entry_forward");
  ASSERT_EQ(entry.outputs.size(), 1u);
  EXPECT_EQ(entry.outputs[0].dtype, DataType::F32); // The runtime widens.
  using Kind = EntryArgument::Kind;
  std::vector<Kind> kinds;
  for (const EntryArgument &argument : entry.arguments)
    kinds.push_back(argument.kind);
  EXPECT_EQ(kinds,
            (std::vector<Kind>{Kind::Input, Kind::State, Kind::Parameter,
                               Kind::Parameter, Kind::Input, Kind::Output}));
}

/// The range of the indices in an input, as "bound" or "bound,ignored".
static std::string indexText(const pi_runtime::EntryPoint &entry,
                             const char *name) {
  const auto &range = entry.inputs[*entry.findInput(name)].indices;
  if (!range)
    return "none";
  std::string text = std::to_string(range->bound);
  return range->ignored ? text + "," + std::to_string(*range->ignored) : text;
}

TEST_F(ManifestBuilderTest, IndicesHaveTheRangeOfAllThatIndexByThem) {
  OwningOpRef<ModuleOp> module = parse(R"mlir(
    func.func @forward(%ids: tensor<1x4xi32> {pi.name = "input_ids"}, %t: tensor<8x16xf32> {pi.name = "table"},
                       %u: tensor<6x16xf32> {pi.name = "other"}, %w: tensor<16x32xf32> {pi.name = "w"},
                       %a: tensor<1x4xi32> {pi.name = "labels"}, %b: tensor<1x4xi32> {pi.name = "ignoring"},
                       %p: tensor<i32> {pi.name = "where"}, %c: tensor<2x1x4x16xf32> {pi.name = "cache"},
                       %q: tensor<1x2x48xf32> {pi.name = "qkv"}, %s: tensor<i32> {pi.name = "step"})
        -> (tensor<1x4x32xf32> {pi.name = "logits"}, tensor<2x1x4x16xf32> {pi.name = "new"}, tensor<f32> {pi.name = "l"},
            tensor<f32> {pi.name = "m"}, tensor<f32> {pi.name = "n"}, tensor<4x16xf32> {pi.name = "e"}) {
      %x = pi.embedding %ids, %t : (tensor<1x4xi32>, tensor<8x16xf32>) -> tensor<1x4x16xf32>
      %flat = tensor.collapse_shape %ids [[0, 1]] : tensor<1x4xi32> into tensor<4xi32>
      %e = pi.embedding %flat, %u : (tensor<4xi32>, tensor<6x16xf32>) -> tensor<4x16xf32>
      %y = pi.linear %x, %w : (tensor<1x4x16xf32>, tensor<16x32xf32>) -> tensor<1x4x32xf32>
      %l = pi.cross_entropy %y, %a ignore_index -1 : (tensor<1x4x32xf32>, tensor<1x4xi32>) -> tensor<f32>
      %m = pi.cross_entropy %y, %b ignore_index -1 : (tensor<1x4x32xf32>, tensor<1x4xi32>) -> tensor<f32>
      %n = pi.cross_entropy %y, %b ignore_index -2 : (tensor<1x4x32xf32>, tensor<1x4xi32>) -> tensor<f32>
      %new = pi.update_cache %c, %q at %p : (tensor<2x1x4x16xf32>, tensor<1x2x48xf32>, tensor<i32>) -> tensor<2x1x4x16xf32>
      return %y, %new, %l, %m, %n, %e : tensor<1x4x32xf32>, tensor<2x1x4x16xf32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<4x16xf32>
    })mlir");
  FailureOr<Manifest> manifest = buildManifest(*module, "cpu", "generic");
  ASSERT_TRUE(succeeded(manifest));
  const pi_runtime::EntryPoint &entry = manifest->entryPoints[0];
  EXPECT_EQ(indexText(entry, "input_ids"), "6");
  EXPECT_EQ(indexText(entry, "labels"), "32,-1");
  EXPECT_EQ(indexText(entry, "ignoring"), "32");
  EXPECT_EQ(indexText(entry, "where"), "3");
  EXPECT_EQ(indexText(entry, "step"), "none");
  EXPECT_EQ(indexText(entry, "table"), "none");
  EXPECT_EQ(manifest->vocabSize, 32);
}

TEST_F(ManifestBuilderTest, EveryOperationThatIndexesSaysHowFar) {
  OwningOpRef<ModuleOp> module = parse(R"mlir(
    func.func @forward(%ids: tensor<1x4xi32> {pi.name = "input_ids"}, %x: tensor<1x4x16xf32> {pi.name = "x"},
                       %w: tensor<16x32xf32> {pi.name = "w"}, %y: tensor<1x4x32xf32> {pi.name = "y"},
                       %c: tensor<2x1x9x16xf32> {pi.name = "cache"}, %q: tensor<1x2x48xf32> {pi.name = "qkv"},
                       %t: tensor<9x16xf32> {pi.name = "table"}, %g: tensor<f32> {pi.name = "g"},
                       %a: tensor<1x4xi32> {pi.name = "embedding_grad"}, %b: tensor<1x4xi32> {pi.name = "cross_entropy_grad"},
                       %d: tensor<1x4xi32> {pi.name = "linear_cross_entropy"}, %e: tensor<i32> {pi.name = "cached_attention"},
                       %f: tensor<i32> {pi.name = "position_embedding"}, %h: tensor<i32> {pi.name = "select_position"},
                       %i: tensor<i32> {pi.name = "place_rows"})
        -> (tensor<1x4x32xf32> {pi.name = "logits"}) {
      %0 = pi.embedding_grad %a, %x : (tensor<1x4xi32>, tensor<1x4x16xf32>) -> tensor<7x16xf32>
      %1 = pi.cross_entropy_grad %g, %y, %b ignore_index -5 : (tensor<f32>, tensor<1x4x32xf32>, tensor<1x4xi32>) -> tensor<1x4x32xf32>
      %2 = pi.linear_cross_entropy %x, %w, %d ignore_index 3 : (tensor<1x4x16xf32>, tensor<16x32xf32>, tensor<1x4xi32>) -> tensor<f32>
      %3 = pi.cached_attention %q, %c at %e heads 4 scale 0.5 : (tensor<1x2x48xf32>, tensor<2x1x9x16xf32>, tensor<i32>) -> tensor<1x2x16xf32>
      %4 = pi.position_embedding %t at %f : (tensor<9x16xf32>, tensor<i32>) -> tensor<3x16xf32>
      %5 = pi.select_position %x at %h : (tensor<1x4x16xf32>, tensor<i32>) -> tensor<1x1x16xf32>
      %6 = pi.place_rows %x at %i : (tensor<1x4x16xf32>, tensor<i32>) -> tensor<1x6x16xf32>
      return %y : tensor<1x4x32xf32>
    })mlir");
  FailureOr<Manifest> manifest = buildManifest(*module, "cpu", "generic");
  ASSERT_TRUE(succeeded(manifest));
  const pi_runtime::EntryPoint &entry = manifest->entryPoints[0];
  EXPECT_EQ(indexText(entry, "embedding_grad"), "7");
  EXPECT_EQ(indexText(entry, "cross_entropy_grad"), "32,-5");
  EXPECT_EQ(indexText(entry, "linear_cross_entropy"), "32,3");
  EXPECT_EQ(indexText(entry, "cached_attention"), "8");
  EXPECT_EQ(indexText(entry, "position_embedding"), "7");
  EXPECT_EQ(indexText(entry, "select_position"), "4");
  EXPECT_EQ(indexText(entry, "place_rows"), "3");
  EXPECT_EQ(indexText(entry, "input_ids"), "none");
}

TEST_F(ManifestBuilderTest, ArgumentWithoutAMeaningIsAnError) {
  EXPECT_EQ(buildError("func.func @f(%x: tensor<2xf32>) { return }"),
            "argument 0 has none of the attributes pi.name, pi.parameter and "
            "pi.state");
  EXPECT_EQ(buildError(R"mlir(
      func.func @f(%x: tensor<2xf32> {pi.name = "x"}) -> tensor<2xf32> {
        return %x : tensor<2xf32>
      })mlir"),
            "result 0 has none of the attributes pi.name, pi.gradient, "
            "pi.parameter and pi.state");
}

TEST_F(ManifestBuilderTest, GradientsAreOutputsNamedAfterTheirParameters) {
  OwningOpRef<ModuleOp> module = parse(R"mlir(
    pi.parameter @w : tensor<2xf64>
    func.func @forward(%ids: tensor<1x1xi32> {pi.name = "input_ids"}, %l: tensor<1x1x2xf32> {pi.name = "x"})
        -> (tensor<1x1x2xf32> {pi.name = "logits"}) {
      return %l : tensor<1x1x2xf32>
    }
    func.func @gradients(%w: tensor<2xf64> {pi.parameter = @w})
        -> (tensor<2xf64> {pi.gradient = @w}) {
      return %w : tensor<2xf64>
    })mlir");
  FailureOr<Manifest> manifest = buildManifest(*module, "cpu", "generic");
  ASSERT_TRUE(succeeded(manifest));
  const pi_runtime::EntryPoint *entry = manifest->findEntryPoint("gradients");
  ASSERT_TRUE(entry);
  ASSERT_EQ(entry->outputs.size(), 1u);
  EXPECT_EQ(entry->outputs[0].name, "gradient.w");
  EXPECT_EQ(entry->outputs[0].dtype, DataType::F64);
  EXPECT_EQ(manifest->parameters[0].storageDtype, DataType::F64);
}

TEST_F(ManifestBuilderTest, UpdatedParametersAreNoOutputs) {
  OwningOpRef<ModuleOp> module = parse(R"mlir(
    pi.parameter @w : tensor<2xf32> init(#pi.normal<0.02>) decay
    pi.parameter @b : tensor<2xf32> init(#pi.fill<-1.5>)
    pi.parameter @c : tensor<2xf32>
    func.func @forward(%ids: tensor<1x1xi32> {pi.name = "input_ids"}, %l: tensor<1x1x2xf32> {pi.name = "x"})
        -> (tensor<1x1x2xf32> {pi.name = "logits"}) {
      return %l : tensor<1x1x2xf32>
    }
    func.func @train_step(%w: tensor<2xf32> {pi.parameter = @w},
                          %b: tensor<2xf32> {pi.parameter = @b},
                          %c: tensor<2xf32> {pi.parameter = @c},
                          %m: tensor<2xf32> {pi.state = "b.exp_avg"})
        -> (tensor<2xf32> {pi.name = "loss"}, tensor<2xf32> {pi.parameter = @b},
            tensor<2xf32> {pi.state = "b.exp_avg"}) {
      return %w, %b, %m : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
    })mlir");
  FailureOr<Manifest> manifest = buildManifest(*module, "cpu", "generic");
  ASSERT_TRUE(succeeded(manifest));
  EXPECT_TRUE(verifyManifest(*manifest).ok());
  const pi_runtime::EntryPoint *entry = manifest->findEntryPoint("train_step");
  ASSERT_TRUE(entry);
  ASSERT_EQ(entry->outputs.size(), 1u);
  EXPECT_EQ(entry->arguments.size(), 5u);
  EXPECT_EQ(manifest->updatedParameters(),
            (std::vector<bool>{false, true, false}));

  using Kind = pi_runtime::ParameterInit::Kind;
  ASSERT_EQ(manifest->parameters.size(), 3u);
  const pi_runtime::ParameterInfo &w = manifest->parameters[0];
  ASSERT_TRUE(w.init);
  EXPECT_EQ(w.init->kind, Kind::Normal);
  EXPECT_EQ(w.init->value, 0.02);
  EXPECT_TRUE(w.decay);
  const pi_runtime::ParameterInfo &b = manifest->parameters[1];
  ASSERT_TRUE(b.init);
  EXPECT_EQ(b.init->kind, Kind::Fill);
  EXPECT_EQ(b.init->value, -1.5);
  EXPECT_FALSE(b.decay);
  EXPECT_FALSE(manifest->parameters[2].init);

  EXPECT_EQ(buildError(R"mlir(
      pi.parameter @a : tensor<2xf32>
      func.func @f(%x: tensor<2xf32> {pi.name = "x"})
          -> (tensor<2xf32> {pi.parameter = @a}) {
        return %x : tensor<2xf32>
      })mlir"),
            "result 0 updates parameter @a, which is no argument");
}

TEST_F(ManifestBuilderTest, DerivationOutsideF32IsAnError) {
  EXPECT_EQ(buildError(R"mlir(
      pi.parameter @w : tensor<2xf64>
      func.func private @initialize.w() -> (tensor<2xf64> {pi.parameter = @w}) {
        %0 = arith.constant dense<1.0> : tensor<2xf64>
        return %0 : tensor<2xf64>
      }
      func.func @f(%w: tensor<2xf64> {pi.parameter = @w}) { return })mlir"),
            "derives parameter @w in 'f64', but parameters are derived in f32");
  EXPECT_EQ(buildError(R"mlir(
      pi.parameter @v : tensor<2xbf16>
      pi.parameter @w : tensor<2xf32>
      func.func private @initialize.w(%v: tensor<2xbf16> {pi.parameter = @v})
          -> (tensor<2xf32> {pi.parameter = @w}) {
        %0 = arith.extf %v : tensor<2xbf16> to tensor<2xf32>
        return %0 : tensor<2xf32>
      }
      func.func @f(%w: tensor<2xf32> {pi.parameter = @w}) { return })mlir"),
            "derives parameter @w in 'bf16', but parameters are derived in "
            "f32");
}

TEST_F(ManifestBuilderTest, UnknownParameterIsAnError) {
  EXPECT_EQ(buildError("func.func @f(%x: tensor<2xf32> {pi.parameter = @w}) "
                       "{ return }"),
            "there is no parameter @w");
}

TEST_F(ManifestBuilderTest, TypeThatCannotBePassedIsAnError) {
  EXPECT_EQ(buildError("func.func @f(%x: tensor<?xf32> {pi.name = \"x\"}) "
                       "{ return }"),
            "'x' has type 'tensor<?xf32>', which a compiled model cannot pass");
}

TEST_F(ManifestBuilderTest, CircularDerivationIsAnError) {
  EXPECT_EQ(buildError(R"mlir(
      pi.parameter @a : tensor<2xf32>
      pi.parameter @b : tensor<2xf32>
      func.func private @initialize.a(tensor<2xf32> {pi.parameter = @b})
          -> (tensor<2xf32> {pi.parameter = @a})
      func.func private @initialize.b(tensor<2xf32> {pi.parameter = @a})
          -> (tensor<2xf32> {pi.parameter = @b})
      func.func @f(%x: tensor<2xf32> {pi.parameter = @a}) { return })mlir"),
            "parameter @a is derived from itself");
}

TEST_F(ManifestBuilderTest, TwoStorageTypesAreAnError) {
  EXPECT_EQ(buildError(R"mlir(
      pi.parameter @a : tensor<2xf32>
      func.func @f(%x: tensor<2xf32> {pi.parameter = @a}) { return }
      func.func @g(%x: tensor<2xbf16> {pi.parameter = @a}) { return })mlir"),
            "takes parameter @a in another type than a function before");
  EXPECT_EQ(buildError(R"mlir(
      func.func @f(%x: tensor<2xf32> {pi.state = "s"}) { return }
      func.func @g(%x: tensor<3xf32> {pi.state = "s"}) { return })mlir"),
            "state 's' has another type in another function");
}

TEST_F(ManifestBuilderTest, ModelWithoutForwardIsAnError) {
  EXPECT_EQ(buildError("module { }"), "has no public function @forward, and no "
                                      "other with an input 'input_ids'");
  EXPECT_EQ(buildError("func.func @forward() { return }"),
            "@forward has no input 'input_ids' of shape B x T");
}

TEST_F(ManifestBuilderTest, HostCodeIsASharedObject) {
  OwningOpRef<ModuleOp> module = parse(R"mlir(
      pi.parameter @a : tensor<2xf32>
      llvm.func @pi_entry_forward(%arguments: !llvm.ptr) -> i32 {
        %0 = llvm.mlir.constant(0 : i32) : i32
        llvm.return %0 : i32
      })mlir");
  HostOptions options;
  options.cpu = "x86-64-v3";
  FailureOr<std::string> code = compileHostCode(*module, options);
  ASSERT_TRUE(succeeded(code));
  EXPECT_EQ(code->substr(0, 4), "\x7f"
                                "ELF");
  EXPECT_NE(code->find("pi_entry_forward"), std::string::npos);
  std::vector<std::string> features = getHostFeatures(options);
  EXPECT_NE(llvm::find(features, "avx2"), features.end());
  EXPECT_EQ(llvm::find(features, "avx512f"), features.end());
}

TEST_F(ManifestBuilderTest, UnknownProcessorIsAnError) {
  OwningOpRef<ModuleOp> module = parse("module { }");
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    message += diagnostic.str();
    return success();
  });
  HostOptions options;
  options.cpu = "abacus";
  EXPECT_TRUE(failed(compileHostCode(*module, options)));
  EXPECT_EQ(message, "unknown processor 'abacus'");
}
