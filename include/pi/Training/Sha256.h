//===- Sha256.h - The SHA-256 of bytes as they come -------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TRAINING_SHA256_H
#define PI_TRAINING_SHA256_H

#include "pi/Runtime/Status.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace pi_training {

/// SHA-256 (FIPS 180-4), by which manifests and runs name the content of files.
class Sha256 {
public:
  void update(const void *data, size_t size);
  /// The digest as 64 lower-case hexadecimal digits; nothing can follow.
  std::string finish();

private:
  void processBlock(const unsigned char *block);

  uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                       0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  unsigned char buffer[64];
  uint64_t length = 0; // Bytes so far; length % 64 of them are in the buffer.
};

/// The digest of a file's bytes.
pi_runtime::Result<std::string> sha256OfFile(const std::string &path);

} // namespace pi_training

#endif // PI_TRAINING_SHA256_H
