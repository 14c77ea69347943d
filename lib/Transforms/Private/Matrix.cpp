//===- Matrix.cpp - Matrices in double precision --------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Matrix.h"

#include <algorithm>
#include <cblas.h>
#include <cmath>

// LAPACK's interface has no header in the packages of OpenBLAS.
extern "C" {
void dgetrf_(const blasint *rows, const blasint *columns, double *matrix,
             const blasint *stride, blasint *pivots, blasint *info);
void dgetrs_(const char *transposed, const blasint *size,
             const blasint *numSolutions, const double *factors,
             const blasint *stride, const blasint *pivots, double *solutions,
             const blasint *solutionStride, blasint *info);
void dpotrf_(const char *triangle, const blasint *size, double *matrix,
             const blasint *stride, blasint *info);
}

using namespace mlir::pi;

static blasint toBlas(int64_t size) { return static_cast<blasint>(size); }

Matrix Matrix::identity(int64_t size) {
  Matrix result(size, size);
  for (int64_t i = 0; i < size; ++i)
    result.at(i, i) = 1;
  return result;
}

Matrix Matrix::fromFloats(int64_t rows, int64_t columns, const float *source) {
  Matrix result(rows, columns);
  std::copy_n(source, result.values.size(), result.values.begin());
  return result;
}

std::vector<float> Matrix::toFloats() const {
  return std::vector<float>(values.begin(), values.end());
}

Matrix Matrix::transposed() const {
  Matrix result(numColumns, numRows);
  cblas_domatcopy(CblasRowMajor, CblasTrans, toBlas(numRows),
                  toBlas(numColumns), 1, data(), toBlas(numColumns),
                  result.data(), toBlas(numRows));
  return result;
}

Matrix &Matrix::add(const Matrix &other, double factor) {
  cblas_daxpy(toBlas(numRows * numColumns), factor, other.data(), 1, data(), 1);
  return *this;
}

Matrix &Matrix::scale(double factor) {
  cblas_dscal(toBlas(numRows * numColumns), factor, data(), 1);
  return *this;
}

Matrix mlir::pi::multiply(const Matrix &lhs, const Matrix &rhs) {
  Matrix result(lhs.rows(), rhs.columns());
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, toBlas(lhs.rows()),
              toBlas(rhs.columns()), toBlas(lhs.columns()), 1, lhs.data(),
              toBlas(lhs.columns()), rhs.data(), toBlas(rhs.columns()), 0,
              result.data(), toBlas(rhs.columns()));
  return result;
}

std::optional<Matrix> mlir::pi::invert(const Matrix &matrix) {
  // LAPACK reads columns: it inverts the transpose, and writes that of the
  // inverse.
  Matrix factors = matrix, result = Matrix::identity(matrix.rows());
  blasint size = toBlas(matrix.rows()), info;
  std::vector<blasint> pivots(static_cast<size_t>(size));
  dgetrf_(&size, &size, factors.data(), &size, pivots.data(), &info);
  if (info != 0)
    return std::nullopt;
  dgetrs_("N", &size, &size, factors.data(), &size, pivots.data(),
          result.data(), &size, &info);
  return result;
}

double mlir::pi::frobeniusNorm(const Matrix &matrix) {
  return cblas_dnrm2(toBlas(matrix.rows() * matrix.columns()), matrix.data(),
                     1);
}

double mlir::pi::spectralNorm(const Matrix &matrix) {
  constexpr int maxSteps = 200;
  constexpr double tolerance = 1e-4;
  // Not all equal, which symmetric matrices may have as a singular vector.
  Matrix vector(1, matrix.rows()), transposed = matrix.transposed();
  for (int64_t i = 0; i < matrix.rows(); ++i)
    vector.at(0, i) = 1 + 0.5 * std::sin(static_cast<double>(i + 1));
  double norm = 0;
  for (int step = 0; step < maxSteps; ++step) {
    double length = frobeniusNorm(vector);
    if (!(length > 0))
      return length;
    vector = multiply(vector.scale(1 / length), matrix);
    double next = frobeniusNorm(vector);
    if (std::abs(next - norm) <= tolerance * next)
      return next;
    norm = next;
    vector = multiply(vector, transposed);
  }
  return norm;
}

std::optional<Matrix> mlir::pi::choleskyOfPolarFactor(const Matrix &matrix) {
  constexpr int maxSteps = 30;
  constexpr double tolerance = 1e-10; // The step after it is exact.
  Matrix factor = matrix;
  for (int step = 0; step < maxSteps; ++step) {
    std::optional<Matrix> inverse = invert(factor);
    if (!inverse)
      return std::nullopt;
    double scale = std::sqrt(frobeniusNorm(*inverse) / frobeniusNorm(factor));
    Matrix next = inverse->transposed().scale(0.5 / scale);
    next.add(factor, 0.5 * scale);
    double change = frobeniusNorm(factor.add(next, -1));
    double size = frobeniusNorm(next);
    factor = std::move(next);
    if (change <= tolerance * size)
      break;
  }

  Matrix product = multiply(matrix, factor.transposed());
  Matrix result = product.transposed();
  result.add(product).scale(0.5);
  // The upper triangle by columns is the lower one by rows.
  blasint size = toBlas(matrix.rows()), info;
  dpotrf_("U", &size, result.data(), &size, &info);
  if (info != 0)
    return std::nullopt;
  for (int64_t i = 0; i < result.rows(); ++i)
    for (int64_t j = i + 1; j < result.columns(); ++j)
      result.at(i, j) = 0;
  return result;
}
