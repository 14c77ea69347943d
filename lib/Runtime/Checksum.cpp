//===- Checksum.cpp - CRC-32 ----------------------------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Runtime/Checksum.h"

#include <array>
#include <cstring>

namespace pi_runtime {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "eight bytes are read as one number");

/// Table k has the remainders of a byte that k zero bytes follow, so that eight
/// bytes are looked up at once. Polynomial 0x04c11db7, reflected.
static std::array<std::array<uint32_t, 256>, 8> makeTables() {
  std::array<std::array<uint32_t, 256>, 8> tables;
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t remainder = i;
    for (int bit = 0; bit < 8; ++bit)
      remainder = remainder >> 1 ^ (remainder & 1 ? 0xedb88320 : 0);
    tables[0][i] = remainder;
  }
  for (size_t k = 1; k < tables.size(); ++k)
    for (uint32_t i = 0; i < 256; ++i)
      tables[k][i] = tables[k - 1][i] >> 8 ^ tables[0][tables[k - 1][i] & 0xff];
  return tables;
}

uint32_t crc32(std::string_view bytes, uint32_t before) {
  static const auto tables = makeTables();
  uint32_t crc = ~before;
  size_t position = 0;
  for (; bytes.size() - position >= 8; position += 8) {
    uint64_t word;
    std::memcpy(&word, bytes.data() + position, sizeof(word));
    word ^= crc;
    crc = 0;
    for (size_t k = 0; k < 8; ++k)
      crc ^= tables[7 - k][word >> 8 * k & 0xff];
  }
  for (; position < bytes.size(); ++position)
    crc = crc >> 8 ^
          tables[0][(crc ^ static_cast<unsigned char>(bytes[position])) & 0xff];
  return ~crc;
}

} // namespace pi_runtime
