//===- ChecksumTest.cpp - Tests of CRC-32 ---------------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Runtime/Checksum.h"

#include <gtest/gtest.h>

#include <string>

using namespace pi_runtime;

/// The check value of the CRC catalogues, and python3's zlib.crc32.
TEST(ChecksumTest, IsThatOfZlib) {
  EXPECT_EQ(crc32(""), 0u);
  EXPECT_EQ(crc32("123456789"), 0xcbf43926u);
  std::string bytes;
  for (int i = 0; i < 1000; ++i)
    bytes.push_back(static_cast<char>(i * 7));
  EXPECT_EQ(crc32(bytes), 0x114ad5ffu);
}

TEST(ChecksumTest, PartsContinueEachOther) {
  std::string text = "a checkpoint is written tensor by tensor";
  for (size_t split = 0; split <= text.size(); ++split)
    EXPECT_EQ(crc32(text.substr(split), crc32(text.substr(0, split))),
              crc32(text));
}
