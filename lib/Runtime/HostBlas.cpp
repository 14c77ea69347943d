//===- HostBlas.cpp - Matrix products for compiled host code --------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ThreadPool.h"

#include "pi/Runtime/HostSupport.h"

#include <cblas.h>

#include <algorithm>

using namespace pi_runtime;

namespace {
/// C = alpha op(A) op(B) + beta C, row-major.
struct Product {
  bool transA, transB;
  int64_t m, n, k;
  float alpha;
  const float *a;
  int64_t lda;
  const float *b;
  int64_t ldb;
  float beta;
  float *c;
  int64_t ldc;

  /// The part of the product that makes rows [begin, end) of C.
  Product rows(int64_t begin, int64_t end) const {
    Product part = *this;
    part.m = end - begin;
    part.a += transA ? begin : begin * lda;
    part.c += begin * ldc;
    return part;
  }
  /// The part of the product that makes columns [begin, end) of C.
  Product columns(int64_t begin, int64_t end) const {
    Product part = *this;
    part.n = end - begin;
    part.b += transB ? begin * ldb : begin;
    part.c += begin;
    return part;
  }

  void compute() const;
};
} // namespace

void Product::compute() const {
  auto size = [](int64_t value) { return static_cast<blasint>(value); };
  if (m == 1) { // One row: the matrix is read once, so copy none of it.
    cblas_sgemv(CblasRowMajor, transB ? CblasNoTrans : CblasTrans,
                size(transB ? n : k), size(transB ? k : n), alpha, b, size(ldb),
                a, size(transA ? lda : 1), beta, c, 1);
    return;
  }
  cblas_sgemm(CblasRowMajor, transA ? CblasTrans : CblasNoTrans,
              transB ? CblasTrans : CblasNoTrans, size(m), size(n), size(k),
              alpha, a, size(lda), b, size(ldb), beta, c, size(ldc));
}

void pi_rt_sgemm(int32_t transA, int32_t transB, int64_t M, int64_t N,
                 int64_t K, float alpha, const float *A, int64_t lda,
                 const float *B, int64_t ldb, float beta, float *C,
                 int64_t ldc) {
  Product product = {transA != 0, transB != 0, M,   N,    K, alpha, A,
                     lda,         B,           ldb, beta, C, ldc};
  if (M <= 0 || N <= 0)
    return;
  // The runtime's threads divide the work, so that BLAS's own, which would
  // wait actively beside them, stay out of it.
  static bool isSingleThreaded = (openblas_set_num_threads(1), true);
  (void)isSingleThreaded;
  constexpr double smallestParallelProduct = 1 << 18; // multiply-adds
  double work =
      static_cast<double>(M) * static_cast<double>(N) * static_cast<double>(K);
  if (work < smallestParallelProduct || ThreadPool::insideBody()) {
    product.compute();
    return;
  }
  // Ranges of whole register tiles along the longer side; more of them than
  // threads, in case another program delays one, but none narrow.
  constexpr int64_t tile = 16, smallestPiece = 4, piecesPerThread = 4;
  ThreadPool &pool = ThreadPool::global();
  int64_t tiles = (std::max(M, N) + tile - 1) / tile;
  int64_t pieces = std::clamp<int64_t>(tiles / smallestPiece, 1,
                                       pool.threadCount() * piecesPerThread);
  pool.run(
      tiles, pieces,
      [](int64_t begin, int64_t end, void *context) {
        const auto &whole = *static_cast<const Product *>(context);
        if (whole.n >= whole.m)
          whole.columns(begin * tile, std::min(end * tile, whole.n)).compute();
        else
          whole.rows(begin * tile, std::min(end * tile, whole.m)).compute();
      },
      &product);
}
