//===- TokenManifest.cpp - What a folder of token shards has --------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Training/TokenManifest.h"

#include "JsonFields.h"

#include "pi/Runtime/File.h"

#include <limits>
#include <set>

using pi_runtime::invalidFile;
using pi_runtime::JsonReader;

namespace pi_training {

static constexpr size_t maximalManifestBytes = size_t(1) << 24;

const char *splitName(Split split) {
  return split == Split::Train ? "train" : "validation";
}

/// One of `choices`; another value is an error that lists them.
static std::string readChoice(const JsonReader &reader,
                              const std::vector<std::string> &choices) {
  std::string value = reader.string(), list;
  for (const std::string &choice : choices) {
    if (value == choice)
      return value;
    list += (list.empty() ? "" : " or ") + choice;
  }
  reader.fail("expected " + list + ", found '" + value.substr(0, 60) + "'");
  return choices.front();
}

/// The plain name of a file beside the manifest.
static std::string readFileName(const JsonReader &reader) {
  std::string name = reader.string();
  const char *letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                        "0123456789._-";
  if (name.empty() || name.size() > 100 || name[0] == '.' ||
      name.find_first_not_of(letters) != std::string::npos)
    reader.fail("expected the plain name of a file beside the manifest, found "
                "'" +
                name.substr(0, 60) + "'");
  return name;
}

static std::string readSha256(const JsonReader &reader) {
  std::string digest = reader.string();
  if (digest.size() != 64 ||
      digest.find_first_not_of("0123456789abcdef") != std::string::npos)
    reader.fail("expected 64 lower-case hexadecimal digits, found '" +
                digest.substr(0, 60) + "'");
  return digest;
}

static TokenShard readShard(const JsonReader &reader) {
  TokenShard shard;
  shard.file = readFileName(reader.field("file"));
  shard.split =
      readChoice(reader.field("split"), {"train", "validation"}) == "train"
          ? Split::Train
          : Split::Validation;
  int64_t tokens = reader.field("tokens").integer(1, int64_t(1) << 48);
  shard.tokens = static_cast<uint64_t>(tokens);
  shard.documents =
      static_cast<uint64_t>(reader.field("documents").integer(1, tokens));
  shard.sha256 = readSha256(reader.field("sha256"));
  return shard;
}

static TokenManifest readManifest(const JsonReader &reader) {
  TokenManifest manifest;
  readChoice(reader.field("format"), {"pi-tokens"});
  reader.field("version").integer(1, 1);
  manifest.vocabSize = reader.field("vocab_size")
                           .integer(1, std::numeric_limits<int32_t>::max());
  manifest.endOfText =
      reader.field("end_of_text").integer(0, manifest.vocabSize - 1);
  manifest.tokenBytes = manifest.vocabSize <= 65536 ? 2 : 4;
  JsonReader dtype = reader.field("dtype");
  const char *expected = manifest.tokenBytes == 2 ? "uint16" : "uint32";
  if (readChoice(dtype, {"uint16", "uint32"}) != expected)
    dtype.fail("expected " + std::string(expected) + " for a vocabulary of " +
               std::to_string(manifest.vocabSize));
  JsonReader tokenizer = reader.field("tokenizer");
  manifest.tokenizerFile = readFileName(tokenizer.field("file"));
  manifest.tokenizerSha256 = readSha256(tokenizer.field("sha256"));
  std::set<std::string> names = {tokenManifestFile, manifest.tokenizerFile};
  for (const JsonReader &element : reader.field("shards").elements()) {
    manifest.shards.push_back(readShard(element));
    if (!names.insert(manifest.shards.back().file).second)
      element.field("file").fail("another entry has the file '" +
                                 manifest.shards.back().file + "'");
  }
  return manifest;
}

Result<TokenManifest> readTokenManifest(const std::string &folder) {
  std::string path = folder + "/" + tokenManifestFile;
  auto file = pi_runtime::MappedFile::open(path);
  if (!file)
    return invalidFile(file.status().message() +
                       "; python -m pi_mlir.data makes a folder of tokens");
  if (file->size() > maximalManifestBytes)
    return invalidFile("'" + path + "': " + std::to_string(file->size()) +
                       " bytes are too many for a manifest (at most " +
                       std::to_string(maximalManifestBytes) + ")");
  auto value = pi_runtime::parseJsonObject(file->text());
  if (!value)
    return std::move(value.status()).withContext("'" + path + "'");
  Status status = Status::success();
  TokenManifest manifest = readManifest(JsonReader(*value, status));
  if (!status)
    return std::move(status).withContext("'" + path + "'");
  return manifest;
}

} // namespace pi_training
