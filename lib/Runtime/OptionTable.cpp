//===- OptionTable.cpp - The options of a program -------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Runtime/OptionTable.h"

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

namespace pi_runtime {

using Kind = OptionTable::Entry::Kind;

void OptionTable::flag(const char *name, bool &target) {
  table.push_back({name, Kind::Flag,
                   [&target](const std::string &value) {
                     target = value == "true";
                     return Status::success();
                   },
                   [&target] { return target ? "true" : "false"; }});
}

void OptionTable::text(const char *name, std::string &target) {
  table.push_back({name, Kind::Text,
                   [&target](const std::string &value) {
                     target = value;
                     return value.empty() ? invalidArgument("expected a value")
                                          : Status::success();
                   },
                   [&target] { return target; }});
}

void OptionTable::choice(const char *name, std::vector<std::string> choices,
                         int &target) {
  auto parse = [&target, choices](const std::string &value) {
    std::string list;
    for (size_t i = 0; i < choices.size(); ++i) {
      if (choices[i] == value) {
        target = static_cast<int>(i);
        return Status::success();
      }
      list += (i == 0 ? "" : i + 1 == choices.size() ? " or " : ", ");
      list += choices[i];
    }
    return invalidArgument("expected " + list + ", not '" + value + "'");
  };
  table.push_back({name, Kind::Text, parse, [&target, choices] {
                     return choices[static_cast<size_t>(target)];
                   }});
}

template <typename T>
void OptionTable::addInteger(const char *name, T minimum, T &target) {
  auto parse = [&target, minimum](const std::string &text) {
    constexpr T maximum = std::numeric_limits<T>::max();
    errno = 0;
    bool isValid = !text.empty() &&
                   text.find_first_not_of("0123456789") == std::string::npos;
    unsigned long long value = std::strtoull(text.c_str(), nullptr, 10);
    if (!isValid || errno || value > static_cast<unsigned long long>(maximum) ||
        static_cast<T>(value) < minimum)
      return invalidArgument("expected an integer from " +
                             std::to_string(minimum) + " to " +
                             std::to_string(maximum) + ", not '" + text + "'");
    target = static_cast<T>(value);
    return Status::success();
  };
  table.push_back({name, Kind::Number, parse,
                   [&target] { return std::to_string(target); }});
}

void OptionTable::integer(const char *name, int32_t minimum, int32_t &target) {
  addInteger(name, minimum, target);
}
void OptionTable::integer(const char *name, int64_t minimum, int64_t &target) {
  addInteger(name, minimum, target);
}
void OptionTable::integer(const char *name, uint64_t minimum,
                          uint64_t &target) {
  addInteger(name, minimum, target);
}

template <typename T>
void OptionTable::addNumber(const char *name, NumberRange range, T &target) {
  auto parse = [&target, range](const std::string &text) {
    const char *expected = range == NumberRange::Any ? "a number"
                           : range == NumberRange::NotNegative
                               ? "a number from 0"
                               : "a number above 0";
    char *end = nullptr;
    double value = std::strtod(text.c_str(), &end);
    if (text.empty() || *end || !std::isfinite(static_cast<T>(value)) ||
        (range != NumberRange::Any && value < 0) ||
        (range == NumberRange::Positive && static_cast<T>(value) == 0))
      return invalidArgument(std::string("expected ") + expected + ", not '" +
                             text + "'");
    target = static_cast<T>(value);
    return Status::success();
  };
  // The shortest text that gives the same number again.
  auto print = [&target] {
    char text[40];
    for (int digits = 1; digits <= 17; ++digits) {
      std::snprintf(text, sizeof(text), "%.*g", digits,
                    static_cast<double>(target));
      if (static_cast<T>(std::strtod(text, nullptr)) == target)
        break;
    }
    return std::string(text);
  };
  table.push_back({name, Kind::Number, parse, print});
}

void OptionTable::number(const char *name, NumberRange range, float &target) {
  addNumber(name, range, target);
}
void OptionTable::number(const char *name, NumberRange range, double &target) {
  addNumber(name, range, target);
}

Status
OptionTable::parse(int argc, char **argv,
                   const std::function<Status(const std::string &)> &argument) {
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    if (word.empty() || word[0] != '-') {
      if (Status status = argument(word); !status)
        return status;
      continue;
    }
    size_t equals = word.find('=');
    bool hasValue = equals != std::string::npos;
    std::string name = word.substr(0, equals);
    const Entry *entry = nullptr;
    for (const Entry &candidate : table)
      if (candidate.name == name)
        entry = &candidate;
    if (!entry)
      return invalidArgument("unknown option '" + name + "'; see " + program +
                             " --help");
    bool isFlag = entry->kind == Kind::Flag;
    if (isFlag && hasValue)
      return invalidArgument("option '" + name + "' takes no value");
    if (!isFlag && !hasValue && ++i == argc)
      return invalidArgument("option '" + name + "' needs a value");
    std::string value = isFlag     ? "true"
                        : hasValue ? word.substr(equals + 1)
                                   : argv[i];
    if (Status status = entry->parse(value); !status)
      return std::move(status).withContext("option '" + name + "'");
    given.insert(name);
  }
  return Status::success();
}

} // namespace pi_runtime
