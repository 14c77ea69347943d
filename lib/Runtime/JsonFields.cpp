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

void JsonReader::fail(const std::string &message) const {
  if (status)
    status = invalidFile(path + ": " + message);
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
  return JsonReader(child, path.empty() ? name : path + "." + name, status);
}

bool JsonReader::hasField(const char *name) const {
  return value && value->is_object() && value->contains(name);
}

std::vector<JsonReader> JsonReader::elements() const {
  std::vector<JsonReader> readers;
  if (!expect(value && value->is_array(), "an array"))
    return readers;
  for (const json &element : *value)
    readers.emplace_back(
        &element, path + "[" + std::to_string(readers.size()) + "]", status);
  return readers;
}

std::vector<std::pair<std::string, JsonReader>> JsonReader::fields() const {
  std::vector<std::pair<std::string, JsonReader>> readers;
  if (!expect(value && value->is_object(), "an object"))
    return readers;
  for (const auto &item : value->items())
    readers.emplace_back(
        item.key(),
        JsonReader(&item.value(), (path.empty() ? "" : path + ".") + item.key(),
                   status));
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

std::string JsonReader::objectText() const {
  if (!expect(value && value->is_object(), "an object"))
    return "";
  return jsonText(*value);
}

namespace {
/// Finds a name that an object has twice. The library keeps the last of them;
/// a file that has such means different things to different readers. (Its own
/// callback while it parses takes time that is quadratic in an object's size.)
class RepeatedNameFinder : public nlohmann::json_sax<json> {
public:
  std::string repeated;

  bool start_object(std::size_t) override {
    names.emplace_back();
    return true;
  }
  bool end_object() override {
    names.pop_back();
    return true;
  }
  bool key(std::string &name) override {
    if (!names.back().insert(name).second && repeated.empty())
      repeated = name;
    return true;
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
  bool start_array(std::size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(std::size_t, const std::string &,
                   const nlohmann::detail::exception &) override {
    return false;
  }

private:
  /// Of the objects around the place that is read.
  std::vector<std::set<std::string>> names;
};
} // namespace

Result<json> parseJsonObject(std::string_view text) {
  RepeatedNameFinder finder;
  if (!json::sax_parse(text.begin(), text.end(), &finder))
    return invalidFile("not valid JSON");
  if (!finder.repeated.empty())
    return invalidFile("JSON names the field '" + finder.repeated + "' twice");
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
