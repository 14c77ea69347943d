//===- Checksum.h - CRC-32 --------------------------------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_RUNTIME_CHECKSUM_H
#define PI_RUNTIME_CHECKSUM_H

#include <cstdint>
#include <string_view>

namespace pi_runtime {

/// CRC-32 as in zlib, of `bytes` or, with the checksum of what is before them,
/// of both: crc32(b, crc32(a)) is that of a followed by b.
uint32_t crc32(std::string_view bytes, uint32_t before = 0);

} // namespace pi_runtime

#endif // PI_RUNTIME_CHECKSUM_H
