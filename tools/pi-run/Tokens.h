//===- Tokens.h - Reads prompts ---------------------------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TOOLS_PI_RUN_TOKENS_H
#define PI_TOOLS_PI_RUN_TOKENS_H

#include "pi/Runtime/Status.h"

#include <cstdint>
#include <vector>

namespace pi_run {

/// Rows of tokens of one length. Tokens are as they were given: not yet
/// checked against a vocabulary.
struct Tokens {
  std::vector<int64_t> values; // rows x length, row-major
  int64_t rows = 1;
  int64_t length = 0;
  /// Whether the file had the dimension of rows.
  bool isBatch = false;
};

/// The tokens of --tokens: a list, or the name of a file. Errors name the file
/// and the line.
pi_runtime::Result<Tokens> readTokens(const std::string &listOrFile);

/// The tokens as the runtime takes them, each in [0, vocabSize); an error names
/// the token and its position.
pi_runtime::Result<std::vector<int32_t>> checkVocabulary(const Tokens &tokens,
                                                         int64_t vocabSize);

} // namespace pi_run

#endif // PI_TOOLS_PI_RUN_TOKENS_H
