//===- TokenFolder.h - Token shards for tests -------------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_UNITTESTS_TRAINING_TOKENFOLDER_H
#define PI_UNITTESTS_TRAINING_TOKENFOLDER_H

#include "TestFiles.h"

#include "pi/Training/Sha256.h"
#include "pi/Training/TokenData.h"

#include <algorithm>
#include <numeric>

namespace pi_training {

inline std::string digest(const std::string &bytes) {
  Sha256 sha256;
  sha256.update(bytes.data(), bytes.size());
  return sha256.finish();
}

/// A folder of shards of uint16 with the vocabulary of 300.
class TokenFolder {
public:
  TokenFolder() { pi_runtime::writeFile(path("tokenizer.json"), "{}"); }

  std::string path(const std::string &name) const {
    return directory.path(name);
  }

  /// Adds a shard of one document for each end of text, 0.
  void add(const std::string &split, const std::vector<uint16_t> &tokens) {
    std::string bytes;
    for (uint16_t token : tokens)
      bytes += pi_runtime::bytesOf(token);
    std::string name = split + "-" + std::to_string(count++) + ".bin";
    pi_runtime::writeFile(path(name), bytes);
    shards += std::string(shards.empty() ? "" : ",") + R"({"file":")" + name +
              R"(","split":")" + split + R"(","tokens":)" +
              std::to_string(tokens.size()) + R"(,"documents":)" +
              std::to_string(std::count(tokens.begin(), tokens.end(), 0)) +
              R"(,"sha256":")" + digest(bytes) + R"("})";
  }

  /// Opens the folder with `from` in the manifest replaced by `to`.
  Result<std::shared_ptr<const TokenDataset>> open(const std::string &from = "",
                                                   const std::string &to = "") {
    std::string manifest =
        R"({"format":"pi-tokens","version":1,"dtype":"uint16",)"
        R"("vocab_size":300,"end_of_text":0,"tokenizer":{)"
        R"("file":"tokenizer.json","sha256":")" +
        digest("{}") + R"("},"shards":[)" + shards + "]}";
    if (!from.empty())
      manifest.replace(manifest.find(from), from.size(), to);
    pi_runtime::writeFile(path("manifest.json"), manifest);
    return TokenDataset::open(directory.path());
  }

private:
  pi_runtime::TemporaryDirectory directory;
  std::string shards;
  int count = 0;
};

/// The numbers 1 to `count` and the end of text.
inline std::vector<uint16_t> countTo(uint16_t count) {
  std::vector<uint16_t> tokens(count + 1u);
  std::iota(tokens.begin(), tokens.end() - 1, 1);
  return tokens;
}

} // namespace pi_training

#endif // PI_UNITTESTS_TRAINING_TOKENFOLDER_H
