//===- LinearStream.cpp - Coordinates of a linear residual stream ---------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinearStream.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace mlir::pi;

namespace {
class StreamFolder {
public:
  StreamFolder(const std::vector<StreamLayer> &layers, double maxCondition)
      : layers(layers), maxCondition(maxCondition) {}

  StreamFolding fold(bool isStartFree);

private:
  size_t findEnd(size_t begin, bool isStartFree, Matrix &product);
  void append(std::optional<Matrix> change);

  const std::vector<StreamLayer> &layers;
  double maxCondition;
  /// The present A and c.
  Matrix matrix, offset;
  StreamFolding result;
};
} // namespace

/// The condition number of diag(X, 1), `max(|X|, 1) max(|X^-1|, 1)`; infinite
/// if there is no inverse, and NaN if an element is.
static double conditionBesideOne(const Matrix &matrix,
                                 const std::optional<Matrix> &inverse) {
  if (!inverse)
    return std::numeric_limits<double>::infinity();
  auto atLeastOne = [](double norm) { return norm < 1 ? 1 : norm; };
  return atLeastOne(spectralNorm(matrix)) * atLeastOne(spectralNorm(*inverse));
}

/// The first layer from `begin` on that the same coordinates cannot reach
/// behind, and the product of those before it.
size_t StreamFolder::findEnd(size_t begin, bool isStartFree, Matrix &product) {
  product = Matrix::identity(offset.columns());
  for (size_t end = begin; end < layers.size(); ++end) {
    Matrix next = multiply(product, layers[end].matrix);
    double condition = conditionBesideOne(next, invert(next));
    if (isStartFree)
      condition = std::sqrt(condition);
    if (!(condition <= maxCondition)) {
      if (end == begin)
        result.condition = condition;
      return end;
    }
    product = std::move(next);
  }
  return layers.size();
}

/// Adds the present coordinates.
void StreamFolder::append(std::optional<Matrix> change) {
  std::optional<Matrix> inverse = invert(matrix);
  double condition = conditionBesideOne(matrix, inverse);
  if (!(condition <= result.condition))
    result.condition = condition;
  if (!(condition <= maxCondition) && !result.refused)
    result.refused = std::min(result.coordinates.size(), layers.size() - 1);
  result.coordinates.push_back({matrix,
                                inverse ? std::move(*inverse) : Matrix(),
                                offset, std::move(change)});
}

StreamFolding StreamFolder::fold(bool isStartFree) {
  int64_t width = layers.front().matrix.rows();
  matrix = Matrix::identity(width);
  offset = Matrix(1, width);
  for (size_t begin = 0; begin < layers.size();) {
    Matrix product;
    size_t end = findEnd(begin, isStartFree, product);
    if (end == begin) {
      result.refused = begin;
      return std::move(result);
    }
    // x = z A + c = z' B + c
    std::optional<Matrix> factor, start, change;
    if (isStartFree && (factor = choleskyOfPolarFactor(product)))
      start = invert(*factor);
    if (start && begin > 0)
      change = multiply(matrix, *factor);
    if (start)
      matrix = std::move(*start);
    append(std::move(change));
    for (; begin < end; ++begin) {
      const StreamLayer &layer = layers[begin];
      matrix = multiply(matrix, layer.matrix);
      offset = multiply(offset.add(layer.attentionBias), layer.matrix)
                   .add(layer.bias);
      if (begin + 1 < end || end == layers.size())
        append(std::nullopt);
    }
    isStartFree = true;
  }
  return std::move(result);
}

StreamFolding mlir::pi::foldStream(const std::vector<StreamLayer> &layers,
                                   bool isStartFree, double maxCondition) {
  return StreamFolder(layers, maxCondition).fold(isStartFree);
}
