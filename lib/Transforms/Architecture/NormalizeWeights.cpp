//===- NormalizeWeights.cpp - Weight and spectral normalisation -----------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Rewriting.h"
#include "pi/Transforms/Architecture/Passes.h"

namespace mlir::pi {
#define GEN_PASS_DEF_PINORMALIZEWEIGHTS
#include "pi/Transforms/Architecture/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

namespace {
/// A weight to be normalised: the linear that reads it and the ranges of
/// columns, all if empty.
struct Target {
  LinearOp linear;
  SmallVector<int64_t> columns;
};

struct NormalizeWeights final
    : public pi::impl::PiNormalizeWeightsBase<NormalizeWeights> {
  using PiNormalizeWeightsBase::PiNormalizeWeightsBase;

  LogicalResult initialize(MLIRContext *context) override {
    if (iterations >= 1)
      return success();
    return emitError(UnknownLoc::get(context), getArgument())
           << ": iterations has to be at least 1, but is "
           << int64_t(iterations);
  }

  void runOnOperation() override {
    if (failed(forEachDecoder(
            getOperation(), [&](Operation *, TransformerStructure &structure) {
              return normalizeIn(structure);
            })))
      signalPassFailure();
  }

private:
  LogicalResult normalizeIn(TransformerStructure &structure);
  SmallVector<Target> getTargets(const TransformerLayer &layer) const;
  bool isLeftAlone(const Target &target) const;
  LogicalResult normalize(const Target &target);
  FailureOr<Value> buildWeightNorm(const Target &target, OpBuilder &builder);
};
} // namespace

/// How many of q, k, v (in this order) a placement has.
static int64_t getNumQkv(Placement placement) {
  switch (placement) {
  case Placement::FFN:
    return 0;
  case Placement::QK:
  case Placement::QKFFN:
    return 2;
  case Placement::QKVFFN:
  case Placement::QKVOFFN:
    return 3;
  }
  llvm_unreachable("unknown placement");
}

static DenseI64ArrayAttr getColumnsAttr(OpBuilder &builder,
                                        ArrayRef<int64_t> columns) {
  return columns.empty() ? nullptr : builder.getDenseI64ArrayAttr(columns);
}

/// Whether `normalized` is the normalisation of these columns already.
template <typename NormOp>
static bool hasColumns(NormOp normalized, ArrayRef<int64_t> columns) {
  return normalized &&
         normalized.getColumns().value_or(ArrayRef<int64_t>()) == columns;
}

SmallVector<Target>
NormalizeWeights::getTargets(const TransformerLayer &layer) const {
  SmallVector<Target> targets;
  LinearOp qkv = layer.attention.qkvProjection;
  if (int64_t count = getNumQkv(placement); qkv && count > 0) {
    int64_t width = qkv.getOutFeatures() / 3;
    Target target{qkv, {}};
    for (int64_t i = 0; i < count; ++i)
      target.columns.append({i * width, (i + 1) * width});
    targets.push_back(target);
  }
  LinearOp output = layer.attention.outputProjection;
  if (output && placement == Placement::QKVOFFN)
    targets.push_back({output, {}});
  if (const FeedForwardBlock &block = layer.feedForward;
      block && placement != Placement::QK) {
    targets.push_back({block.input, {}});
    if (!block.isFused())
      targets.push_back({block.output, {}});
  }
  return targets;
}

LogicalResult NormalizeWeights::normalizeIn(TransformerStructure &structure) {
  if (placement != Placement::FFN)
    remarkUnknown(structure, ModelPart::Attention);
  if (placement != Placement::QK)
    remarkUnknown(structure, ModelPart::FeedForward);
  for (const TransformerLayer &layer : structure.getLayers())
    for (const Target &target : getTargets(layer))
      if (!isLeftAlone(target) && failed(normalize(target)))
        return failure();
  return success();
}

/// Whether the weight is normalised already, or cannot be, with a remark.
bool NormalizeWeights::isLeftAlone(const Target &target) const {
  LinearOp linear = target.linear;
  Value weight = linear.getWeight();
  auto weightNorm = weight.getDefiningOp<WeightNormOp>();
  auto spectralNorm = weight.getDefiningOp<SpectralNormOp>();
  if (kind == WeightNormalization::Weight
          ? hasColumns(weightNorm, target.columns)
          : hasColumns(spectralNorm, target.columns))
    return true;
  StringRef reason;
  if (weightNorm || spectralNorm)
    reason = "it is normalised in another way already";
  else if (linear.getTransposed())
    reason = "it is transposed, so its columns are not output features";
  else if (auto load = weight.getDefiningOp<LoadOp>();
           !load || !lookupParameter(load))
    reason = "it is no parameter";
  else
    return false;
  linear.emitRemark("weight is left alone: ") << reason;
  return true;
}

LogicalResult NormalizeWeights::normalize(const Target &target) {
  LinearOp linear = target.linear;
  OpBuilder builder(linear);
  Value normalized;
  if (kind == WeightNormalization::Weight) {
    auto result = buildWeightNorm(target, builder);
    if (failed(result))
      return failure();
    normalized = *result;
  } else {
    normalized = SpectralNormOp::create(
        builder, linear.getLoc(), linear.getWeight().getType(),
        linear.getWeight(), getColumnsAttr(builder, target.columns),
        builder.getI64IntegerAttr(iterations));
  }
  linear.getWeightMutable().assign(normalized);
  ++numNormalized;
  return success();
}

FailureOr<Value> NormalizeWeights::buildWeightNorm(const Target &target,
                                                   OpBuilder &builder) {
  LinearOp linear = target.linear;
  Location loc = linear.getLoc();
  auto load = linear.getWeight().getDefiningOp<LoadOp>();
  ParameterOp parameter = lookupParameter(load);
  RankedTensorType weightType = parameter.getTensorType();
  DenseI64ArrayAttr columns = getColumnsAttr(builder, target.columns);
  int64_t numColumns =
      target.columns.empty() ? weightType.getDimSize(1) : target.columns.back();

  ParameterSpec spec;
  spec.name = (parameter.getSymName() + "_g").str();
  spec.type = RankedTensorType::get({numColumns}, weightType.getElementType());
  auto gain = getOrCreateDerivedParameter(
      parameter, loc, spec, [&](OpBuilder &nested) -> Value {
        Value weight =
            LoadOp::create(nested, loc, weightType, parameter.getSymName());
        return ColumnNormOp::create(nested, loc, spec.type, weight, columns);
      });
  if (failed(gain))
    return failure();
  Value loaded = LoadOp::create(builder, loc, spec.type, spec.name);
  return WeightNormOp::create(builder, loc, weightType, linear.getWeight(),
                              loaded, columns)
      .getResult();
}
