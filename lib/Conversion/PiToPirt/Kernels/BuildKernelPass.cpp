//===- BuildKernelPass.cpp - Builds one kernel, for tests and timing --*- C++
//-*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Conversion/PiToPirt/Kernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::pi {
#define GEN_PASS_DEF_PIBUILDKERNEL
#include "pi/Conversion/PiToPirt/Kernels/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

/// As LibTorch has it unless told otherwise.
static constexpr int32_t kIgnoreIndex = -100;

static DictionaryAttr toAttribute(Builder &builder, const KernelLaunch &launch,
                                  ArrayRef<NamedAttribute> ofSequence) {
  SmallVector<NamedAttribute> attributes = {
      builder.getNamedAttr("grid", builder.getDenseI64ArrayAttr(launch.grid)),
      builder.getNamedAttr("block", builder.getDenseI64ArrayAttr(launch.block)),
      builder.getNamedAttr("shared_bytes",
                           builder.getI64IntegerAttr(launch.sharedBytes)),
      builder.getNamedAttr("programmatic",
                           builder.getI64IntegerAttr(launch.programmatic))};
  llvm::append_range(attributes, ofSequence);
  return builder.getDictionaryAttr(attributes);
}

/// What a kernel that is one of several is launched with beside its own.
static SmallVector<NamedAttribute>
getSequenceAttributes(Builder &builder, const KernelSequence &sequence,
                      size_t order) {
  if (sequence.kernels.size() == 1 && sequence.scratch.empty())
    return {};
  auto sizes = llvm::map_to_vector(
      sequence.scratch, [](MemRefType type) { return type.getNumElements(); });
  return {builder.getNamedAttr("order", builder.getI64IntegerAttr(order)),
          builder.getNamedAttr("scratch", builder.getDenseI64ArrayAttr(sizes))};
}

namespace {

struct BuildKernel : pi::impl::PiBuildKernelBase<BuildKernel> {
  using Base::Base;

  void runOnOperation() override {
    auto one = [](FailureOr<KernelLaunch> launch) -> FailureOr<KernelSequence> {
      if (failed(launch))
        return failure();
      return KernelSequence{{*launch}, {}};
    };
    FailureOr<KernelSequence> sequence =
        llvm::StringSwitch<function_ref<FailureOr<KernelSequence>()>>(kind)
            .Case("attention", [&] { return one(attention()); })
            .Case("attention-grad", [&] { return attentionGrad(); })
            .Case("cached-attention", [&] { return one(cachedAttention()); })
            .Case("linear", [&] { return one(linear()); })
            .Case("argmax", [&] { return one(argmax()); })
            .Case("cross-entropy", [&] { return one(crossEntropy()); })
            .Case("target-count",
                  [&] {
                    return one(buildTargetCount(getKernels(), getLoc(), rows,
                                                kIgnoreIndex));
                  })
            .Case("mean-loss",
                  [&] {
                    return one(buildMeanLoss(getKernels(), getLoc(), rows));
                  })
            .Default([&]() -> FailureOr<KernelSequence> {
              return emitError(getLoc(), "no kernel of kind '") << kind << "'";
            })();
    if (failed(sequence))
      return signalPassFailure();
    Builder builder(&getContext());
    for (auto [order, launch] : llvm::enumerate(sequence->kernels))
      launch.kernel->setAttr(
          "pi.launch",
          toAttribute(builder, launch,
                      getSequenceAttributes(builder, *sequence, order)));
  }

private:
  Location getLoc() { return getOperation().getLoc(); }
  double getScale() { return 1.0 / std::sqrt(static_cast<double>(headSize)); }

  FailureOr<Type> parseType(StringRef name) {
    Builder builder(&getContext());
    if (name == "bf16")
      return Type(builder.getBF16Type());
    if (name == "f32")
      return Type(builder.getF32Type());
    return emitError(getLoc(), "no element type '")
           << name << "'; kernels take bf16 and f32";
  }

  gpu::GPUModuleOp getKernels() {
    ModuleOp module = getOperation();
    auto modules = module.getOps<gpu::GPUModuleOp>();
    if (!modules.empty())
      return *modules.begin();
    OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
    return gpu::GPUModuleOp::create(builder, getLoc(), "kernels");
  }

  FailureOr<AttentionSpec> attentionSpec() {
    FailureOr<Type> type = parseType(dtype);
    if (failed(type))
      return failure();
    AttentionSpec spec;
    spec.element = *type;
    spec.batch = batch;
    spec.tokens = sequenceLength;
    spec.heads = heads;
    spec.headSize = headSize;
    spec.scale = getScale();
    spec.causal = causal;
    spec.temperature = temperature;
    spec.entropy = entropy;
    spec.logSumExp = logSumExp;
    if (warps)
      spec.tiling = {warps, rowsPerWarp, columnsPerStep};
    return spec;
  }

  FailureOr<KernelLaunch> attention() {
    FailureOr<AttentionSpec> spec = attentionSpec();
    if (failed(spec))
      return failure();
    return buildAttention(getKernels(), getLoc(), *spec);
  }

  FailureOr<KernelSequence> attentionGrad() {
    FailureOr<AttentionSpec> spec = attentionSpec();
    if (failed(spec))
      return failure();
    return buildAttentionGrad(getKernels(), getLoc(), *spec);
  }

  FailureOr<KernelLaunch> cachedAttention() {
    FailureOr<Type> type = parseType(dtype);
    if (failed(type))
      return failure();
    CachedAttentionSpec spec;
    spec.element = *type;
    spec.batch = batch;
    spec.capacity = sequenceLength;
    spec.heads = heads;
    spec.headSize = headSize;
    spec.scale = getScale();
    spec.temperature = temperature;
    return buildCachedAttention(getKernels(), getLoc(), spec);
  }

  FailureOr<KernelLaunch> linear() {
    FailureOr<Type> type = parseType(dtype);
    FailureOr<Type> resultType =
        parseType(resultDtype.empty() ? dtype : resultDtype);
    if (failed(type) || failed(resultType))
      return failure();
    SkinnyLinearSpec spec;
    spec.element = *type;
    spec.resultElement = *resultType;
    spec.rows = rows;
    spec.inFeatures = depth;
    spec.outFeatures = spec.resultStride = columns;
    spec.transposed = transposed;
    spec.bias = bias;
    if (layerNorm)
      spec.layerNormEpsilon = 1e-5;
    using Activation = SkinnyLinearSpec::Activation;
    spec.activation = llvm::StringSwitch<Activation>(activation)
                          .Case("gelu_tanh", Activation::GeluTanh)
                          .Case("gelu_erf", Activation::GeluErf)
                          .Case("relu", Activation::Relu)
                          .Default(Activation::None);
    using Residual = SkinnyLinearSpec::Residual;
    spec.residual = llvm::StringSwitch<Residual>(residual)
                        .Case("add", Residual::Add)
                        .Case("scaled", Residual::Scaled)
                        .Default(Residual::None);
    return buildSkinnyLinear(getKernels(), getLoc(), spec);
  }

  FailureOr<KernelLaunch> argmax() {
    FailureOr<Type> type = parseType(dtype);
    if (failed(type))
      return failure();
    return buildArgmax(getKernels(), getLoc(),
                       ArgmaxSpec{*type, rows, columns, columns});
  }

  FailureOr<KernelLaunch> crossEntropy() {
    FailureOr<Type> type = parseType(dtype);
    if (failed(type))
      return failure();
    CrossEntropySpec spec{*type, rows, columns, rowStride ? rowStride : columns,
                          kIgnoreIndex};
    spec.losses = losses;
    spec.result = gradient;
    return buildCrossEntropy(getKernels(), getLoc(), spec);
  }
};

} // namespace
