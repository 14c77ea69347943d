//===- Matrix.h - Matrices in double precision ------------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The linear algebra of folding, by OpenBLAS. Shapes are the caller's to keep:
// nothing here checks that they fit.
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_TRANSFORMS_PRIVATE_MATRIX_H
#define PI_LIB_TRANSFORMS_PRIVATE_MATRIX_H

#include <cstdint>
#include <optional>
#include <vector>

namespace mlir::pi {

/// A dense row-major matrix. A vector is one of one row.
class Matrix {
public:
  Matrix() = default;
  Matrix(int64_t rows, int64_t columns)
      : numRows(rows), numColumns(columns),
        values(static_cast<size_t>(rows * columns)) {}
  static Matrix identity(int64_t size);
  /// Of `rows * columns` floats in row-major order.
  static Matrix fromFloats(int64_t rows, int64_t columns, const float *source);

  int64_t rows() const { return numRows; }
  int64_t columns() const { return numColumns; }
  double *data() { return values.data(); }
  const double *data() const { return values.data(); }
  double &at(int64_t row, int64_t column) {
    return values[static_cast<size_t>(row * numColumns + column)];
  }

  /// Each element rounded to f32.
  std::vector<float> toFloats() const;

  Matrix transposed() const;
  /// this += factor * other.
  Matrix &add(const Matrix &other, double factor = 1);
  Matrix &scale(double factor);

private:
  int64_t numRows = 0, numColumns = 0;
  std::vector<double> values;
};

Matrix multiply(const Matrix &lhs, const Matrix &rhs);

/// The inverse of a square matrix by LU factors with partial pivoting; nothing
/// if a pivot is 0.
std::optional<Matrix> invert(const Matrix &matrix);

/// The square root of the sum of squares.
double frobeniusNorm(const Matrix &matrix);

/// The largest singular value by the power method on `X X^T`, from below; what
/// is missing is a few percent where singular values lie close together.
double spectralNorm(const Matrix &matrix);

/// The lower triangular L with `L L^T = H`, where `X = H Q` is the polar
/// decomposition of an invertible matrix: H is symmetric and positive definite,
/// Q orthogonal. So the condition numbers of L and of `L^-1 X` are both the
/// square root of that of X. Nothing if X is singular to working precision.
///
/// Q is found by Newton's iteration with scaling (Higham, Computing the polar
/// decomposition, SIAM J. Sci. Stat. Comput. 7, 1986).
std::optional<Matrix> choleskyOfPolarFactor(const Matrix &matrix);

} // namespace mlir::pi

#endif // PI_LIB_TRANSFORMS_PRIVATE_MATRIX_H
