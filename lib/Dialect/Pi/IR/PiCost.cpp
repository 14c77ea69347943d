//===- PiCost.cpp - What the operations cost ------------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Cost/Protocol.h"
#include "pi/Dialect/Pi/IR/Pi.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::pi;

#include "pi/Interfaces/CostInterfaces.cpp.inc"

/// The product of `shape` without its last `count` dimensions.
static int64_t getLeadingElements(ArrayRef<int64_t> shape, unsigned count) {
  return ShapedType::getNumElements(
      shape.drop_back(std::min<size_t>(count, shape.size())));
}

/// What one instance of a function of `... x T x d` acts on: `T x d`.
static SmallVector<int64_t> getMatrixShape(ArrayRef<int64_t> shape) {
  return llvm::to_vector(shape.take_back(2));
}

static uint64_t saturatingProduct(std::initializer_list<uint64_t> factors) {
  uint64_t product = 1;
  for (uint64_t factor : factors)
    product = llvm::SaturatingMultiply(product, factor);
  return product;
}

//===----------------------------------------------------------------------===//
// Linear operations
//===----------------------------------------------------------------------===//

void EmbeddingOp::appendCost(const Protocol &protocol,
                             SmallVectorImpl<CostItem> &items) {
  ArrayRef<int64_t> table = getTable().getType().getShape();
  items.push_back({"", protocol.lookup(getIndices().getType().getNumElements(),
                                       table[0], table[1])});
}

/// A linear without input features has no rows either.
static int64_t getNumRows(LinearOp op) {
  return op.getInFeatures() ? op.getNumRows() : 0;
}

void LinearOp::appendCost(const Protocol &protocol,
                          SmallVectorImpl<CostItem> &items) {
  items.push_back({"", protocol.linear(::getNumRows(*this), getInFeatures(),
                                       getOutFeatures())});
}

uint64_t LinearOp::getFlopCount() {
  return saturatingProduct({2, uint64_t(::getNumRows(*this)),
                            uint64_t(getInFeatures()),
                            uint64_t(getOutFeatures())});
}

static MatmulShape getMatmulShape(MatmulOp op) {
  ArrayRef<int64_t> lhs = op.getLhs().getType().getShape();
  return {getLeadingElements(lhs, 2), lhs[lhs.size() - 2], lhs.back(),
          op.getResult().getType().getShape().back()};
}

void MatmulOp::appendCost(const Protocol &protocol,
                          SmallVectorImpl<CostItem> &items) {
  items.push_back({"", protocol.matmul(getMatmulShape(*this))});
}

uint64_t MatmulOp::getFlopCount() {
  MatmulShape shape = getMatmulShape(*this);
  return saturatingProduct({2, uint64_t(shape.batch), uint64_t(shape.rows),
                            uint64_t(shape.inner), uint64_t(shape.columns)});
}

void ScaledResidualOp::appendCost(const Protocol &protocol,
                                  SmallVectorImpl<CostItem> &items) {
  double n = getResult().getType().getNumElements();
  items.push_back({"", inParallel(protocol.scaleByParameter(n),
                                  protocol.scaleByParameter(n))});
}

//===----------------------------------------------------------------------===//
// Elementwise and row-wise operations
//===----------------------------------------------------------------------===//

void LayerNormOp::appendCost(const Protocol &protocol,
                             SmallVectorImpl<CostItem> &items) {
  ArrayRef<int64_t> shape = getInput().getType().getShape();
  items.push_back(
      {"", protocol.layerNorm(getLeadingElements(shape, 1), shape.back())});
}

void GeluOp::appendCost(const Protocol &protocol,
                        SmallVectorImpl<CostItem> &items) {
  double n = getInput().getType().getNumElements();
  items.push_back({"", getApproximate() == GeluApproximation::tanh
                           ? protocol.geluTanh(n)
                           : protocol.geluErf(n)});
}

void ReluOp::appendCost(const Protocol &protocol,
                        SmallVectorImpl<CostItem> &items) {
  items.push_back({"", protocol.relu(getInput().getType().getNumElements())});
}

void PolynomialOp::appendCost(const Protocol &protocol,
                              SmallVectorImpl<CostItem> &items) {
  ArrayRef<double> coefficients = getCoefficients();
  while (!coefficients.empty() && coefficients.back() == 0)
    coefficients = coefficients.drop_back();
  unsigned degree = coefficients.empty() ? 0 : coefficients.size() - 1;
  items.push_back(
      {"", protocol.polynomial(getInput().getType().getNumElements(), degree)});
}

void SoftmaxOp::appendCost(const Protocol &protocol,
                           SmallVectorImpl<CostItem> &items) {
  ArrayRef<int64_t> shape = getInput().getType().getShape();
  Cost cost = protocol.softmax(getLeadingElements(shape, 1), shape.back());
  if (getTemperature())
    cost += protocol.scaleByParameter(getInput().getType().getNumElements());
  items.push_back({"", cost});
}

void ArgmaxOp::appendCost(const Protocol &protocol,
                          SmallVectorImpl<CostItem> &items) {
  ArrayRef<int64_t> shape = getInput().getType().getShape();
  items.push_back(
      {"", protocol.argmax(getLeadingElements(shape, 1), shape.back())});
}

#define PI_NONLINEAR_FUNCTION(OP, KIND)                                        \
  StringRef OP::getNonlinearKind() { return KIND; }                            \
  int64_t OP::getNonlinearInstances() {                                        \
    return getLeadingElements(getInput().getType().getShape(), 2);             \
  }                                                                            \
  SmallVector<int64_t> OP::getNonlinearShape() {                               \
    return getMatrixShape(getInput().getType().getShape());                    \
  }
PI_NONLINEAR_FUNCTION(LayerNormOp, "LN")
PI_NONLINEAR_FUNCTION(GeluOp, "G")
PI_NONLINEAR_FUNCTION(ReluOp, "R")
PI_NONLINEAR_FUNCTION(PolynomialOp, "P")
PI_NONLINEAR_FUNCTION(SoftmaxOp, "SM")
PI_NONLINEAR_FUNCTION(ArgmaxOp, "AM")
#undef PI_NONLINEAR_FUNCTION

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

namespace {
/// The sizes of an attention of `rows` positions over `columns` positions.
struct AttentionShape {
  int64_t batch, heads, rows, columns, headSize;

  int64_t getInstances() const { return batch * heads; }
};
} // namespace

static AttentionShape getAttentionShape(AttentionOp op) {
  ArrayRef<int64_t> qkv = op.getQkv().getType().getShape();
  return {qkv[0], int64_t(op.getNumHeads()), qkv[1], qkv[1], op.getHeadSize()};
}

static AttentionShape getAttentionShape(CachedAttentionOp op) {
  ArrayRef<int64_t> qkv = op.getQkv().getType().getShape();
  return {qkv[0], int64_t(op.getNumHeads()), qkv[1],
          op.getCache().getType().getDimSize(2), op.getHeadSize()};
}

/// Scores and softmax are evaluated on all columns, the masked ones too, as in
/// the published runs: the mask is public and costs nothing.
static void appendAttentionCost(const AttentionShape &shape,
                                bool hasTemperature, const Protocol &protocol,
                                SmallVectorImpl<CostItem> &items) {
  double queryElements =
      double(shape.getInstances()) * shape.rows * shape.headSize;
  // Queries are scaled: they are fewer than scores.
  Cost scores = protocol.truncate(queryElements);
  if (hasTemperature)
    scores += protocol.scaleByParameter(queryElements);
  scores += protocol.matmul(
      {shape.getInstances(), shape.rows, shape.headSize, shape.columns});
  items.push_back({"scores", scores});
  items.push_back(
      {"softmax", protocol.softmax(double(shape.getInstances()) * shape.rows,
                                   shape.columns)});
  items.push_back(
      {"context", protocol.matmul({shape.getInstances(), shape.rows,
                                   shape.columns, shape.headSize})});
}

/// 3 T^2 d, as the paper's tables count the core of attention. The two full
/// products would be 4 T^2 d.
static uint64_t getAttentionFlopCount(const AttentionShape &shape) {
  return saturatingProduct({3, uint64_t(shape.getInstances()),
                            uint64_t(shape.rows), uint64_t(shape.columns),
                            uint64_t(shape.headSize)});
}

#define PI_ATTENTION(OP)                                                       \
  void OP::appendCost(const Protocol &protocol,                                \
                      SmallVectorImpl<CostItem> &items) {                      \
    appendAttentionCost(getAttentionShape(*this), bool(getTemperature()),      \
                        protocol, items);                                      \
  }                                                                            \
  uint64_t OP::getFlopCount() {                                                \
    return getAttentionFlopCount(getAttentionShape(*this));                    \
  }                                                                            \
  StringRef OP::getNonlinearKind() { return "SM"; }                            \
  int64_t OP::getNonlinearInstances() {                                        \
    return getAttentionShape(*this).getInstances();                            \
  }                                                                            \
  SmallVector<int64_t> OP::getNonlinearShape() {                               \
    AttentionShape shape = getAttentionShape(*this);                           \
    return {shape.rows, shape.columns};                                        \
  }
PI_ATTENTION(AttentionOp)
PI_ATTENTION(CachedAttentionOp)
#undef PI_ATTENTION
