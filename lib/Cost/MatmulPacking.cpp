//===- MatmulPacking.cpp - Matrices in ciphertexts ------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Cost/MatmulPacking.h"

#include "llvm/Support/MathExtras.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::pi;

/// Coefficients of a polynomial (CheetahDot, 64-bit ring).
static constexpr int64_t kPolynomialDegree = 8192;
/// A symmetric ciphertext as sent (half of it is a seed), and one of the
/// result, in bytes: N = 8192, moduli of {59, 55, 49, 49} bits, compressed as
/// SPU sends them. Two runs of 128 x 768 x 768 confirm them to 0.05%.
static constexpr double kInputCiphertextBytes = 184769;
static constexpr double kResponseCiphertextBytes = 254332;
/// A ciphertext of the result that was not packed: one polynomial, and of the
/// other the coefficients that hold results. Fitted to 10 products from 4 x 128
/// x 4 to 32 x 8 x 32 in SPU 0.9.5, which it meets within 0.5 kB.
static constexpr double kUnpackedPolynomialBytes = 127540;
static constexpr double kUnpackedResultBytes = 16.5;
/// What the search of SPU weighs: a ciphertext sent against an automorphism and
/// a ciphertext product.
static constexpr double kCiphertextPrice = 1000;
static constexpr double kAutomorphismPrice = 1;
static constexpr double kProductPrice = 0.1;

double MatmulPacking::getBytes() const {
  return sent * kInputCiphertextBytes + responses * responseBytes;
}

/// The packing of one matrix of the batch with blocks `block`.
static MatmulPacking pack(const MatmulShape &shape,
                          std::array<int64_t, 3> block) {
  double rows = llvm::divideCeilSigned(shape.rows, block[0]);
  double inner = llvm::divideCeilSigned(shape.inner, block[1]);
  double columns = llvm::divideCeilSigned(shape.columns, block[2]);
  MatmulPacking packing{block};
  packing.sent = std::min(rows, columns) * inner;
  packing.results = rows * columns;
  packing.responses = packing.results / block[1];
  packing.ciphertextProducts = rows * inner * columns;
  return packing;
}

/// The automorphisms that pack `results` ciphertexts into as few as hold
/// `capacity` of them each, a power of two: a tree of merges, in which what is
/// not there is merged with itself.
static double countAutomorphisms(int64_t results, int64_t capacity) {
  int64_t full = results / capacity, rest = results % capacity;
  double count = double(full) * (capacity - 1);
  if (rest == 0)
    return count;
  int64_t leaves = llvm::PowerOf2Ceil(rest);
  return count + leaves * llvm::Log2_64(capacity / leaves) + leaves - 1;
}

MatmulPacking mlir::pi::packMatmul(const MatmulShape &shape) {
  MatmulPacking best;
  if (shape.rows == 0 || shape.inner == 0 || shape.columns == 0)
    return best;
  double bestPrice = std::numeric_limits<double>::infinity();
  int64_t maxRows = std::min(kPolynomialDegree, shape.rows);
  for (int64_t rows = 1; rows <= maxRows; ++rows) {
    for (int64_t inner = 1;
         inner <= shape.inner && rows * inner <= kPolynomialDegree;
         inner *= 2) {
      int64_t columns =
          std::min(shape.columns, kPolynomialDegree / (rows * inner));
      MatmulPacking packing = pack(shape, {rows, inner, columns});
      double automorphisms =
          std::ceil(double(shape.rows) * shape.columns / kPolynomialDegree) *
          inner;
      double price =
          (packing.sent + std::ceil(packing.responses)) * kCiphertextPrice +
          automorphisms * kAutomorphismPrice +
          packing.ciphertextProducts * kProductPrice;
      if (price <= bestPrice) {
        bestPrice = price;
        best = packing;
      }
    }
  }
  bool isOneBlock =
      best.block[0] >= shape.rows && best.block[2] >= shape.columns;
  if (!isOneBlock)
    best.automorphisms =
        shape.batch * countAutomorphisms(int64_t(best.results), best.block[1]);
  best.responseBytes =
      isOneBlock ? kUnpackedPolynomialBytes +
                       kUnpackedResultBytes * shape.rows * shape.columns
                 : kResponseCiphertextBytes;
  // SPU evaluates the matrices of a batch one after the other.
  best.sent *= shape.batch;
  best.responses = std::ceil(best.responses) * shape.batch;
  best.ciphertextProducts *= shape.batch;
  best.results *= shape.batch;
  return best;
}
