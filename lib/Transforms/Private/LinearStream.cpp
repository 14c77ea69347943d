//===- LinearStream.cpp - Coordinates of a linear residual stream ---------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinearStream.h"

#include <cmath>

using namespace mlir::pi;

/// A[0].
static Matrix chooseStart(const std::vector<StreamLayer> &layers,
                          bool isStartFree) {
  Matrix identity = Matrix::identity(layers.front().matrix.rows());
  if (!isStartFree)
    return identity;
  Matrix product = layers.front().matrix;
  for (size_t i = 1; i < layers.size(); ++i)
    product = multiply(product, layers[i].matrix);
  std::optional<Matrix> factor = choleskyOfPolarFactor(product);
  std::optional<Matrix> start = factor ? invert(*factor) : std::nullopt;
  // A product that is singular shows below, by its condition number.
  return start ? *start : identity;
}

std::vector<StreamCoordinates>
mlir::pi::computeCoordinates(const std::vector<StreamLayer> &layers,
                             bool isStartFree) {
  std::vector<StreamCoordinates> result;
  StreamCoordinates next;
  next.matrix = chooseStart(layers, isStartFree);
  next.offset = Matrix(1, next.matrix.rows());
  for (size_t i = 0;; ++i) {
    next.condition = conditionNumber(next.matrix);
    if (std::isfinite(next.condition))
      next.inverse = *invert(next.matrix);
    result.push_back(next);
    if (i == layers.size() || !std::isfinite(next.condition))
      return result;
    next.matrix = multiply(next.matrix, layers[i].matrix);
    next.offset =
        multiply(next.offset.add(layers[i].attentionBias), layers[i].matrix)
            .add(layers[i].bias);
  }
}
