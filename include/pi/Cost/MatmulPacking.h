//===- MatmulPacking.h - Matrices in ciphertexts ----------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Products of matrices by homomorphic encryption with coefficient packing, as
// in Cheetah (ePrint 2022/207) and its implementation in SPU
// (libspu/mpc/cheetah/arith/matmat_prot): the operands are cut into blocks that
// fit a polynomial of N coefficients, the one with fewer blocks is sent
// encrypted, and results are packed into as few ciphertexts as they fill. Where
// each matrix of the result is one ciphertext, none is packed, and only the
// coefficients that hold results are sent of one of its two polynomials.
//
//===----------------------------------------------------------------------===//

#ifndef PI_COST_MATMULPACKING_H
#define PI_COST_MATMULPACKING_H

#include "pi/Cost/Protocol.h"

#include <array>

namespace mlir::pi {

/// How one pass over a product is cut and what it sends. A pass multiplies an
/// encrypted operand by one in the clear; two shared operands need two.
struct MatmulPacking {
  /// Block sizes along rows, inner dimension and columns.
  std::array<int64_t, 3> block = {0, 0, 0};
  /// Ciphertexts of the input and of the result.
  double sent = 0, responses = 0;
  /// Bytes of one ciphertext of the result.
  double responseBytes = 0;
  /// Products of a ciphertext and a plaintext polynomial.
  double ciphertextProducts = 0;
  /// Ciphertexts of the result before they are packed, and the automorphisms
  /// that pack them.
  double results = 0, automorphisms = 0;

  double getBytes() const;
};

/// The cheapest packing. Searches min(N, rows) * log2(N) blocks, so callers
/// that ask for the same shape again should keep the answer.
MatmulPacking packMatmul(const MatmulShape &shape);

} // namespace mlir::pi

#endif // PI_COST_MATMULPACKING_H
