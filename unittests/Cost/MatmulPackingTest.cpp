//===- MatmulPackingTest.cpp - Matrices in ciphertexts --------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Cost/MatmulPacking.h"

#include <gtest/gtest.h>

using namespace mlir::pi;

namespace {

TEST(MatmulPacking, KnownSizesOfOnePass) {
  // Megabytes of one pass as known from SPU's implementation.
  EXPECT_NEAR(packMatmul({1, 128, 768, 768}).getBytes() / 1e6, 5.27, 0.005);
  EXPECT_NEAR(packMatmul({1, 128, 768, 3072}).getBytes() / 1e6, 14.4, 0.05);
  EXPECT_NEAR(packMatmul({1, 128, 3072, 768}).getBytes() / 1e6, 11.9, 0.05);
}

TEST(MatmulPacking, BlocksFitAndCover) {
  MatmulPacking packing = packMatmul({1, 128, 768, 768});
  EXPECT_EQ(packing.block, (std::array<int64_t, 3>{128, 64, 1}));
  EXPECT_EQ(packing.sent, 12);      // 1 x 12 blocks of the left operand.
  EXPECT_EQ(packing.responses, 12); // 768 results, 64 to a ciphertext.
  EXPECT_EQ(packing.ciphertextProducts, 12 * 768);
}

TEST(MatmulPacking, MatricesOfABatchAreEvaluatedAlone) {
  // Their results do not share ciphertexts, even where they would fit.
  MatmulPacking one = packMatmul({1, 128, 64, 32});
  MatmulPacking batch = packMatmul({12, 128, 64, 32});
  EXPECT_EQ(batch.sent, 12 * one.sent);
  EXPECT_EQ(batch.responses, 12 * one.responses);
  EXPECT_EQ(packMatmul({3, 1, 8, 1}).responses, 3);
}

TEST(MatmulPacking, ResultsOfOneBlockAreNotPacked) {
  // One pass each in SPU 0.9.5: a ciphertext sent, and one that came back.
  EXPECT_NEAR(packMatmul({1, 16, 16, 16}).getBytes(), 184769 + 131811, 600);
  EXPECT_NEAR(packMatmul({1, 8, 64, 8}).getBytes(), 184769 + 128654, 600);
  EXPECT_NEAR(packMatmul({1, 4, 128, 4}).getBytes(), 184769 + 127803, 600);
  EXPECT_NEAR(packMatmul({1, 32, 8, 32}).getBytes(), 184769 + 144492, 600);
  EXPECT_NEAR(packMatmul({1, 16, 16, 32}).getBytes(), 184769 + 136228, 600);
  EXPECT_NEAR(packMatmul({1, 64, 2, 8}).getBytes(), 184769 + 135677, 600);
}

TEST(MatmulPacking, EmptyOperandsCostNothing) {
  EXPECT_EQ(packMatmul({4, 0, 8, 8}).getBytes(), 0);
  EXPECT_EQ(packMatmul({4, 8, 0, 8}).getBytes(), 0);
  EXPECT_EQ(packMatmul({4, 8, 8, 0}).getBytes(), 0);
  EXPECT_EQ(packMatmul({0, 8, 8, 8}).getBytes(), 0);
}

} // namespace
