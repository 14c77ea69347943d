//===- JsonFields.cpp - Checked reading of JSON ---------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "JsonFields.h"

#include <limits>
#include <set>

using nlohmann::json;

namespace pi_runtime {

/// Appends the path from one value to another that lies in it.
static bool appendPath(std::string &path, const json &from, const json *to) {
  if (&from == to)
    return true;
  size_t length = path.size();
  for (const auto &item : from.items()) {
    if (!item.value().is_structured() && &item.value() != to)
      continue;
    path += from.is_array() ? "[" + item.key() + "]"
                            : (length ? "." : "") + item.key();
    if (appendPath(path, item.value(), to))
      return true;
    path.resize(length);
  }
  return false;
}

std::string JsonReader::path() const {
  std::string path;
  appendPath(path, *document, value ? value : parent);
  if (!value)
    path += (path.empty() ? "" : ".") + std::string(missing);
  return path;
}

void JsonReader::fail(const std::string &message) const {
  if (*status)
    *status = invalidFile(message).withContext(path());
}

bool JsonReader::expect(bool holds, const char *what) const {
  if (!value)
    fail(std::string("missing; expected ") + what);
  else if (!holds)
    fail(std::string("expected ") + what);
  return value && holds;
}

JsonReader JsonReader::field(const char *name) const {
  const json *child = nullptr;
  if (expect(value && value->is_object(), "an object")) {
    auto found = value->find(name);
    if (found != value->end())
      child = &*found;
  }
  JsonReader reader = at(child);
  reader.parent = value;
  reader.missing = name;
  return reader;
}

bool JsonReader::hasField(const char *name) const {
  return value && value->is_object() && value->contains(name);
}

std::vector<JsonReader> JsonReader::elements() const {
  std::vector<JsonReader> readers;
  if (!expect(value && value->is_array(), "an array"))
    return readers;
  for (const json &element : *value)
    readers.push_back(at(&element));
  return readers;
}

std::vector<std::pair<std::string, JsonReader>> JsonReader::fields() const {
  std::vector<std::pair<std::string, JsonReader>> readers;
  if (!expect(value && value->is_object(), "an object"))
    return readers;
  for (const auto &item : value->items())
    readers.emplace_back(item.key(), at(&item.value()));
  return readers;
}

std::string JsonReader::string() const {
  if (!expect(value && value->is_string(), "a string"))
    return "";
  return *value->get_ptr<const std::string *>();
}

bool JsonReader::boolean() const {
  if (!expect(value && value->is_boolean(), "true or false"))
    return false;
  return *value->get_ptr<const bool *>();
}

bool JsonReader::isNull() const { return value && value->is_null(); }

double JsonReader::number() const {
  if (!expect(value && value->is_number(), "a number"))
    return 0;
  return value->get<double>();
}

std::string JsonReader::numberText() const {
  return expect(value && value->is_number(), "a number") ? value->dump() : "0";
}

uint64_t JsonReader::unsignedInteger() const {
  if (!expect(value && value->is_number_unsigned(), "an integer from 0"))
    return 0;
  return value->get<uint64_t>();
}

int64_t JsonReader::integer(int64_t minimum, int64_t maximum) const {
  if (!expect(value && value->is_number_integer(), "an integer"))
    return minimum;
  // An unsigned number beyond int64_t would wrap if read as signed.
  const auto *asUnsigned = value->get_ptr<const json::number_unsigned_t *>();
  bool fits =
      !asUnsigned ||
      *asUnsigned <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  int64_t number = fits ? value->get<int64_t>() : 0;
  if (fits && number >= minimum && number <= maximum)
    return number;
  fail("expected an integer in [" + std::to_string(minimum) + ", " +
       std::to_string(maximum) + "], found " + value->dump());
  return minimum;
}

std::vector<int64_t> JsonReader::integers(size_t most, int64_t minimum,
                                          int64_t maximum) const {
  std::vector<int64_t> numbers;
  if (!expect(value && value->is_array(), "an array"))
    return numbers;
  if (value->size() > most) {
    fail("expected at most " + std::to_string(most) + " elements, found " +
         std::to_string(value->size()));
    return numbers;
  }
  for (const json &element : *value)
    numbers.push_back(at(&element).integer(minimum, maximum));
  return numbers;
}

std::string JsonReader::objectText() const {
  if (!expect(value && value->is_object(), "an object"))
    return "";
  return jsonText(*value);
}

namespace {
/// Checks a document before memory is spent on it. An object that has a name
/// twice means different things to different readers; the library keeps the
/// last of them. (Its own callback while it parses takes time that is quadratic
/// in an object's size.)
class DocumentChecker : public nlohmann::json_sax<json> {
public:
  Status status = invalidFile("not valid JSON");

  bool start_object(std::size_t) override {
    names.emplace_back();
    return enter();
  }
  bool end_object() override {
    names.pop_back();
    return leave();
  }
  bool start_array(std::size_t) override { return enter(); }
  bool end_array() override { return leave(); }
  bool key(std::string &name) override {
    if (names.back().insert(name).second)
      return true;
    status = invalidFile("JSON names the field '" + name + "' twice");
    return false;
  }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(json::number_integer_t) override { return true; }
  bool number_unsigned(json::number_unsigned_t) override { return true; }
  bool number_float(json::number_float_t, const std::string &) override {
    return true;
  }
  bool string(std::string &) override { return true; }
  bool binary(json::binary_t &) override { return true; }
  bool parse_error(std::size_t, const std::string &,
                   const nlohmann::detail::exception &) override {
    return false;
  }

private:
  bool enter() {
    if (++depth <= maximalJsonDepth)
      return true;
    status = invalidFile("JSON is nested more than " +
                         std::to_string(maximalJsonDepth) + " levels deep");
    return false;
  }
  bool leave() {
    --depth;
    return true;
  }

  unsigned depth = 0;
  /// Of the objects around the place that is read.
  std::vector<std::set<std::string>> names;
};
} // namespace

Result<json> parseJsonObject(std::string_view text) {
  DocumentChecker checker;
  if (!json::sax_parse(text.begin(), text.end(), &checker))
    return std::move(checker.status);
  json value = json::parse(text.begin(), text.end(), /*cb=*/nullptr,
                           /*allow_exceptions=*/false);
  if (!value.is_object())
    return invalidFile("JSON is not an object");
  return value;
}

std::string jsonText(const json &value, int indent) {
  return value.dump(indent, ' ', false, json::error_handler_t::replace);
}

} // namespace pi_runtime
