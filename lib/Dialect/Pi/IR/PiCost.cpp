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

#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::pi;

#include "pi/Interfaces/CostInterfaces.cpp.inc"

static uint64_t saturatingProduct(std::initializer_list<uint64_t> factors) {
  uint64_t product = 1;
  for (uint64_t factor : factors)
    product = llvm::SaturatingMultiply(product, factor);
  return product;
}

int64_t mlir::pi::getNumElements(ArrayRef<int64_t> shape) {
  uint64_t product = 1;
  for (int64_t size : shape)
    product = llvm::SaturatingMultiply(product, uint64_t(size));
  return std::min<uint64_t>(product, std::numeric_limits<int64_t>::max());
}

std::pair<ArrayRef<int64_t>, ArrayRef<int64_t>>
mlir::pi::getMatrixShape(Type type) {
  ArrayRef<int64_t> shape = cast<ShapedType>(type).getShape();
  size_t numLeading = shape.size() - std::min<size_t>(2, shape.size());
  return {shape.take_front(numLeading), shape.drop_front(numLeading)};
}

/// The number of elements of a tensor.
static int64_t getSize(Value tensor) {
  return getNumElements(cast<ShapedType>(tensor.getType()).getShape());
}

/// The number of rows, and of elements in each, along the last dimension.
static std::pair<int64_t, int64_t> getRows(Value tensor) {
  ArrayRef<int64_t> shape = cast<ShapedType>(tensor.getType()).getShape();
  return {getNumElements(shape.drop_back()), shape.back()};
}

//===----------------------------------------------------------------------===//
// Linear operations
//===----------------------------------------------------------------------===//

void EmbeddingOp::appendCost(const Protocol &protocol,
                             SmallVectorImpl<CostItem> &items) {
  ArrayRef<int64_t> table = getTable().getType().getShape();
  items.push_back(
      {"", protocol.lookup(getSize(getIndices()), table[0], table[1])});
}

void LinearOp::appendCost(const Protocol &protocol,
                          SmallVectorImpl<CostItem> &items) {
  items.push_back({"", protocol.linear(getRows(getInput()).first,
                                       getInFeatures(), getOutFeatures())});
}

uint64_t LinearOp::getFlopCount() {
  return saturatingProduct({2, uint64_t(getRows(getInput()).first),
                            uint64_t(getInFeatures()),
                            uint64_t(getOutFeatures())});
}

static MatmulShape getMatmulShape(MatmulOp op) {
  ArrayRef<int64_t> lhs = op.getLhs().getType().getShape();
  ArrayRef<int64_t> result = op.getResult().getType().getShape().take_back(2);
  return {getNumElements(lhs.drop_back(2)), result[0],
          lhs.take_back(2)[!op.getLhsTransposed()], result[1]};
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
  double n = getSize(getResult());
  items.push_back({"", protocol.inParallel(protocol.scaleByParameter(n),
                                           protocol.scaleByParameter(n))});
}

//===----------------------------------------------------------------------===//
// Elementwise and row-wise operations
//===----------------------------------------------------------------------===//

void LayerNormOp::appendCost(const Protocol &protocol,
                             SmallVectorImpl<CostItem> &items) {
  auto [rows, columns] = getRows(getInput());
  items.push_back({"", protocol.layerNorm(rows, columns)});
}

void GeluOp::appendCost(const Protocol &protocol,
                        SmallVectorImpl<CostItem> &items) {
  double n = getSize(getInput());
  items.push_back({"", getApproximate() == GeluApproximation::tanh
                           ? protocol.geluTanh(n)
                           : protocol.geluErf(n)});
}

void ReluOp::appendCost(const Protocol &protocol,
                        SmallVectorImpl<CostItem> &items) {
  items.push_back({"", protocol.relu(getSize(getInput()))});
}

void PolynomialOp::appendCost(const Protocol &protocol,
                              SmallVectorImpl<CostItem> &items) {
  ArrayRef<double> coefficients = getCoefficients();
  while (!coefficients.empty() && coefficients.back() == 0)
    coefficients = coefficients.drop_back();
  unsigned degree = coefficients.empty() ? 0 : coefficients.size() - 1;
  items.push_back({"", protocol.polynomial(getSize(getInput()), degree)});
}

void SoftmaxOp::appendCost(const Protocol &protocol,
                           SmallVectorImpl<CostItem> &items) {
  auto [rows, columns] = getRows(getInput());
  Cost cost = protocol.softmax(rows, columns);
  if (getTemperature())
    cost += protocol.scaleByParameter(getSize(getInput()));
  items.push_back({"", cost});
}

void ArgmaxOp::appendCost(const Protocol &protocol,
                          SmallVectorImpl<CostItem> &items) {
  auto [rows, columns] = getRows(getInput());
  items.push_back({"", protocol.argmax(rows, columns)});
}

StringRef LayerNormOp::getNonlinearKind() { return "LN"; }
StringRef GeluOp::getNonlinearKind() { return "G"; }
StringRef ReluOp::getNonlinearKind() { return "R"; }
StringRef PolynomialOp::getNonlinearKind() { return "P"; }
StringRef SoftmaxOp::getNonlinearKind() { return "SM"; }
StringRef ArgmaxOp::getNonlinearKind() { return "AM"; }

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

namespace {
/// The sizes of an attention of `rows` positions over `columns` positions.
struct AttentionShape {
  int64_t batch, heads, rows, columns, headSize;

  int64_t getInstances() const { return getNumElements({batch, heads}); }
  SmallVector<int64_t> getMatrix() const { return {rows, columns}; }
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

/// `perProduct` heads are one product of matrices.
static MatmulShape getMatmulShape(const AttentionShape &shape,
                                  int64_t perProduct, int64_t inner,
                                  int64_t columns) {
  return {shape.getInstances() / perProduct, shape.rows, perProduct * inner,
          perProduct * columns};
}

/// The product of a diagonal of factors with the rows of Q, or of the context.
static MatmulShape getScalingShape(const AttentionShape &shape,
                                   EvaluationAttr evaluation) {
  return getMatmulShape(shape, evaluation.getHeadsPerProduct(), shape.rows,
                        shape.headSize);
}

/// Queries times scale / temperature, and keys times the factor of an
/// exponential's chain: they are fewer than scores.
static Cost getScalingCost(const AttentionShape &shape, bool hasTemperature,
                           EvaluationAttr evaluation,
                           const Protocol &protocol) {
  double elements = double(shape.getInstances()) * shape.rows * shape.headSize;
  Cost cost;
  if (evaluation.getExponential())
    cost += protocol.truncate(elements);
  if (evaluation.getTemperatureByProduct())
    return cost +
           protocol.matmulWithParameter(getScalingShape(shape, evaluation));
  // The reciprocal of a temperature holds the scale.
  return cost + (hasTemperature ? protocol.scaleByParameter(elements)
                                : protocol.truncate(elements));
}

/// Scores are products of all rows and columns, masked ones too, and so are the
/// exponentials of a softmax that is not packed, as in the published runs: the
/// mask is public and costs nothing.
static void appendAttentionCost(const AttentionShape &shape,
                                bool hasTemperature, EvaluationAttr evaluation,
                                double numScores, const Protocol &protocol,
                                SmallVectorImpl<CostItem> &items) {
  int64_t perProduct = evaluation.getHeadsPerProduct();
  Cost scores = getScalingCost(shape, hasTemperature, evaluation, protocol);
  scores += protocol.matmul(
      getMatmulShape(shape, perProduct, shape.headSize, shape.columns));
  items.push_back({"scores", scores});

  double instances = shape.getInstances();
  SoftmaxRows rows = {instances * shape.rows, double(shape.columns),
                      instances * numScores};
  std::optional<SquareChain> chain;
  if (ExponentialAttr exponential = evaluation.getExponential())
    chain = {exponential.getNumSquares(), exponential.isClamped()};
  Cost softmax = protocol.softmaxPowers(rows, chain);
  Cost context = protocol.matmul(
      getMatmulShape(shape, perProduct, shape.columns, shape.headSize));

  bool byRsqrt = evaluation.getReciprocalByRsqrt();
  Cost reciprocals = protocol.reciprocalOfSums(rows.rows, byRsqrt);
  if (evaluation.getDeferNormalization()) {
    items.push_back({"softmax", softmax});
    items.push_back({"reciprocal", reciprocals});
    context += evaluation.getNormalizeByProduct()
                   ? protocol.matmul(getScalingShape(shape, evaluation))
                   : protocol.multiply(rows.rows * shape.headSize);
  } else {
    softmax += byRsqrt ? reciprocals + protocol.multiply(rows.elements)
                       : protocol.softmaxNormalization(rows);
    items.push_back({"softmax", softmax});
  }
  items.push_back({"context", context});
}

/// 3 T^2 d, as the paper's tables count the core of attention. The two full
/// products would be 4 T^2 d.
static uint64_t getAttentionFlopCount(const AttentionShape &shape) {
  return saturatingProduct({3, uint64_t(shape.getInstances()),
                            uint64_t(shape.rows), uint64_t(shape.columns),
                            uint64_t(shape.headSize)});
}

/// The scores of one head that a private softmax is evaluated on: those of the
/// blocks of `getRowBlocks`, of which there may be too many to list.
static double getNumScores(AttentionOp op) {
  double rows = getAttentionShape(op).rows;
  double size = op.getEvaluationOrDefault().getPackRows();
  if (size == 0)
    return rows * rows;
  // Blocks of `size` rows see size, 2 size, ... columns, and the rest see all.
  double numBlocks = std::floor(rows / size);
  double rest = rows - numBlocks * size;
  return size * size * numBlocks * (numBlocks + 1) / 2 + rest * rows;
}

void AttentionOp::appendCost(const Protocol &protocol,
                             SmallVectorImpl<CostItem> &items) {
  appendAttentionCost(getAttentionShape(*this), bool(getTemperature()),
                      getEvaluationOrDefault(), getNumScores(*this), protocol,
                      items);
}

uint64_t AttentionOp::getFlopCount() {
  return getAttentionFlopCount(getAttentionShape(*this));
}

StringRef AttentionOp::getNonlinearKind() { return "SM"; }

int64_t AttentionOp::getNonlinearInstances() {
  return getAttentionShape(*this).getInstances();
}

SmallVector<int64_t> AttentionOp::getNonlinearShape() {
  return getAttentionShape(*this).getMatrix();
}

void CachedAttentionOp::appendCost(const Protocol &protocol,
                                   SmallVectorImpl<CostItem> &items) {
  AttentionShape shape = getAttentionShape(*this);
  appendAttentionCost(shape, bool(getTemperature()), getEvaluationOrDefault(),
                      double(shape.rows) * shape.columns, protocol, items);
}

uint64_t CachedAttentionOp::getFlopCount() {
  return getAttentionFlopCount(getAttentionShape(*this));
}

StringRef CachedAttentionOp::getNonlinearKind() { return "SM"; }

int64_t CachedAttentionOp::getNonlinearInstances() {
  return getAttentionShape(*this).getInstances();
}

SmallVector<int64_t> CachedAttentionOp::getNonlinearShape() {
  return getAttentionShape(*this).getMatrix();
}
