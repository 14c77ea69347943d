//===- JsonFields.h - Checked reading of JSON -------------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Reads JSON that may be anything. A reader stands at one value of a document,
// whose path is looked for when there is an error; the first error of all
// readers of a document is kept, and what is read after it is a default, so
// that code reads straight through and asks once at the end.
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_RUNTIME_JSONFIELDS_H
#define PI_LIB_RUNTIME_JSONFIELDS_H

#include "pi/Runtime/Status.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace pi_runtime {

class JsonReader {
public:
  /// Stands at a whole document, which outlives all its readers.
  JsonReader(const nlohmann::json &document, Status &status)
      : document(&document), value(&document), status(&status) {}

  /// The field of an object. A missing one is an error when it is read.
  JsonReader field(const char *name) const;
  bool hasField(const char *name) const;
  /// The elements of an array.
  std::vector<JsonReader> elements() const;
  /// The names and values of an object's fields.
  std::vector<std::pair<std::string, JsonReader>> fields() const;

  std::string string() const;
  bool boolean() const;
  bool isNull() const;
  /// Any finite number.
  double number() const;
  /// The same as text that gives it back exactly.
  std::string numberText() const;
  /// An integer in [minimum, maximum].
  int64_t integer(int64_t minimum, int64_t maximum) const;
  /// The integers, all in [minimum, maximum], of an array that has at most
  /// `most` elements.
  std::vector<int64_t> integers(size_t most, int64_t minimum,
                                int64_t maximum) const;
  /// An integer from 0, which may be beyond int64_t.
  uint64_t unsignedInteger() const;
  /// The JSON text of an object.
  std::string objectText() const;

  /// Keeps the error "PATH: `message`" if it is the first.
  void fail(const std::string &message) const;

private:
  JsonReader at(const nlohmann::json *child) const {
    JsonReader reader = *this;
    reader.value = child;
    return reader;
  }
  bool expect(bool holds, const char *what) const;
  std::string path() const;

  const nlohmann::json *document;
  /// Null for a missing field: that of `parent` with the name `missing`.
  const nlohmann::json *value;
  const nlohmann::json *parent = nullptr;
  const char *missing = "";
  Status *status;
};

/// Values may lie in one another this deep: code that follows them recursively
/// needs a stack that a file does not choose.
constexpr unsigned maximalJsonDepth = 64;

/// Parses a JSON object that is at most maximalJsonDepth levels deep and in
/// which no object names a field twice.
Result<nlohmann::json> parseJsonObject(std::string_view text);

/// JSON text of any value; bytes that are not UTF-8 are replaced.
std::string jsonText(const nlohmann::json &value, int indent = -1);

} // namespace pi_runtime

#endif // PI_LIB_RUNTIME_JSONFIELDS_H
