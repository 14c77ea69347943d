//===- TokenManifest.h - What a folder of token shards has ------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TRAINING_TOKENMANIFEST_H
#define PI_TRAINING_TOKENMANIFEST_H

#include "pi/Runtime/Status.h"

#include <cstdint>
#include <string>
#include <vector>

namespace pi_training {

using pi_runtime::Result;
using pi_runtime::Status;

enum class Split { Train, Validation };

/// "train" or "validation".
const char *splitName(Split split);

/// A file of one split; it consists of whole documents.
struct TokenShard {
  std::string file;
  Split split = Split::Train;
  uint64_t tokens = 0;
  uint64_t documents = 0;
  std::string sha256;
};

/// The keys of a `manifest.json` that readers need (docs/data.md).
struct TokenManifest {
  /// Bytes of one token: 2 or 4.
  size_t tokenBytes = 2;
  int64_t vocabSize = 1;
  int64_t endOfText = 0;
  std::string tokenizerFile;
  std::string tokenizerSha256;
  std::vector<TokenShard> shards;
};

/// The name of the manifest in its folder.
constexpr const char *tokenManifestFile = "manifest.json";

/// Reads the manifest of `folder` with suspicion. Which files it names has been
/// checked, not yet whether they exist. Errors name the file and the key.
Result<TokenManifest> readTokenManifest(const std::string &folder);

} // namespace pi_training

#endif // PI_TRAINING_TOKENMANIFEST_H
