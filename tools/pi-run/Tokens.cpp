//===- Tokens.cpp - Reads prompts -----------------------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Tokens.h"

#include "pi/Runtime/Safetensors.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace pi_run {

using namespace pi_runtime;

static bool isSeparator(char c) {
  return c == ',' || c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// Numbers between separators. An error names the line.
static Result<Tokens> parseText(std::string_view text) {
  Tokens tokens;
  size_t line = 1;
  for (size_t i = 0; i < text.size();) {
    if (isSeparator(text[i])) {
      line += text[i++] == '\n';
      continue;
    }
    size_t end = i;
    while (end < text.size() && !isSeparator(text[end]))
      ++end;
    int64_t value;
    auto [stop, failure] =
        std::from_chars(text.data() + i, text.data() + end, value);
    if (failure != std::errc() || stop != text.data() + end)
      return invalidFile(
          "line " + std::to_string(line) + ": '" +
          std::string(text.substr(i, std::min<size_t>(end - i, 32))) +
          "' is not a token; expected an integer");
    tokens.values.push_back(value);
    i = end;
  }
  tokens.length = static_cast<int64_t>(tokens.values.size());
  return tokens;
}

static Result<Tokens> readSafetensors(const std::string &path) {
  Result<SafetensorsFile> file = SafetensorsFile::open(path);
  if (!file)
    return file.status();
  auto found = file->tensors().find("input_ids");
  if (found == file->tensors().end())
    return invalidFile("'" + path + "' has no tensor 'input_ids'");
  const auto &[info, data] = found->second;
  bool isWide = info.dtype == DataType::I64;
  if (!isWide && info.dtype != DataType::I32)
    return invalidFile("'" + path + "': tensor 'input_ids' has dtype " +
                       std::string(dataTypeName(info.dtype)) +
                       "; expected i32 or i64");
  if (info.shape.empty() || info.shape.size() > 2)
    return invalidFile("'" + path + "': tensor 'input_ids' has shape " +
                       shapeText(info.shape) + "; expected [T] or [B, T]");
  Tokens tokens;
  tokens.isBatch = info.shape.size() == 2;
  tokens.rows = tokens.isBatch ? info.shape[0] : 1;
  tokens.length = info.shape.back();
  const auto *bytes = static_cast<const unsigned char *>(data);
  for (uint64_t i = 0; i < info.elementCount(); ++i) {
    int64_t wide;
    int32_t narrow;
    if (isWide)
      std::memcpy(&wide, bytes + i * sizeof(wide), sizeof(wide));
    else
      std::memcpy(&narrow, bytes + i * sizeof(narrow), sizeof(narrow));
    tokens.values.push_back(isWide ? wide : narrow);
  }
  return tokens;
}

static Result<Tokens> readTextFile(const std::string &path) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.status();
  Result<Tokens> tokens = parseText(file->text());
  if (!tokens)
    return std::move(tokens.status()).withContext("'" + path + "'");
  return tokens;
}

Result<Tokens> readTokens(const std::string &listOrFile) {
  bool isList =
      listOrFile.find_first_not_of("0123456789-, \t\n\r") == std::string::npos;
  constexpr std::string_view suffix = ".safetensors";
  bool isSafetensors =
      listOrFile.size() > suffix.size() &&
      listOrFile.substr(listOrFile.size() - suffix.size()) == suffix;
  Result<Tokens> tokens = isList          ? parseText(listOrFile)
                          : isSafetensors ? readSafetensors(listOrFile)
                                          : readTextFile(listOrFile);
  if (tokens && tokens->values.empty())
    return invalidArgument("'" + listOrFile + "' has no tokens");
  return tokens;
}

Result<std::vector<int32_t>> checkVocabulary(const Tokens &tokens,
                                             int64_t vocabSize) {
  std::vector<int32_t> checked;
  for (size_t i = 0; i < tokens.values.size(); ++i) {
    int64_t token = tokens.values[i];
    if (token < 0 || token >= vocabSize) {
      auto index = static_cast<int64_t>(i);
      std::string row = tokens.rows > 1
                            ? " of row " + std::to_string(index / tokens.length)
                            : std::string();
      return invalidArgument("token " + std::to_string(token) +
                             " at position " +
                             std::to_string(index % tokens.length) + row +
                             " is out of the vocabulary of " +
                             std::to_string(vocabSize) + " tokens");
    }
    checked.push_back(static_cast<int32_t>(token));
  }
  return checked;
}

} // namespace pi_run
