//===- OptionTable.h - The options of a program -----------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_RUNTIME_OPTIONTABLE_H
#define PI_RUNTIME_OPTIONTABLE_H

#include "pi/Runtime/Status.h"

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

namespace pi_runtime {

/// Which numbers an option takes; all are finite.
enum class NumberRange { Any, NotNegative, Positive };

/// The options of a command line: `--name value`, `--name=value`, or `--flag`.
/// Each is bound to the variable that takes its value, whose first value is the
/// default. Errors name the option and what it expects.
class OptionTable {
public:
  struct Entry {
    enum class Kind { Flag, Text, Number };
    std::string name;
    Kind kind;
    std::function<Status(const std::string &)> parse;
    /// The current value in the form that `parse` takes.
    std::function<std::string()> print;
  };

  /// `program` is named where an error refers to --help.
  explicit OptionTable(std::string program) : program(std::move(program)) {}

  void flag(const char *name, bool &target);
  /// A text that is not empty.
  void text(const char *name, std::string &target);
  /// One of `choices`; the target is the index of it.
  void choice(const char *name, std::vector<std::string> choices, int &target);
  void integer(const char *name, int32_t minimum, int32_t &target);
  void integer(const char *name, int64_t minimum, int64_t &target);
  void integer(const char *name, uint64_t minimum, uint64_t &target);
  void number(const char *name, NumberRange range, float &target);
  void number(const char *name, NumberRange range, double &target);

  /// Reads a command line. `argument` takes what is no option.
  Status parse(int argc, char **argv,
               const std::function<Status(const std::string &)> &argument);

  /// Whether the command line has the option.
  bool isGiven(const std::string &name) const { return given.count(name); }
  const std::set<std::string> &givenNames() const { return given; }
  const std::vector<Entry> &entries() const { return table; }

private:
  template <typename T>
  void addInteger(const char *name, T minimum, T &target);
  template <typename T>
  void addNumber(const char *name, NumberRange range, T &target);

  std::string program;
  std::vector<Entry> table;
  std::set<std::string> given;
};

} // namespace pi_runtime

#endif // PI_RUNTIME_OPTIONTABLE_H
