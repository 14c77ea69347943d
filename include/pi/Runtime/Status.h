//===- Status.h - Success or an error with its message ----------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_RUNTIME_STATUS_H
#define PI_RUNTIME_STATUS_H

#include <cassert>
#include <optional>
#include <string>
#include <utility>

namespace pi_runtime {

/// What a caller can do about an error; the values are those of the C ABI.
enum class ErrorKind : int {
  /// An argument does not fit the model: a token, a length, a name.
  InvalidArgument = 1,
  /// A file is missing, malformed, or does not fit the model.
  InvalidFile = 2,
  /// This machine lacks what the model needs: a device, a driver, memory.
  Unavailable = 3,
  /// Running the model or writing a result failed.
  ExecutionFailed = 4,
};

/// Success, or the kind and message of an error. Nothing here throws, so that
/// the compiler, which is built without exceptions, shares the code.
class [[nodiscard]] Status {
public:
  static Status success() { return Status(); }
  static Status error(ErrorKind kind, std::string message) {
    Status status;
    status.failure.emplace(kind, std::move(message));
    return status;
  }

  bool ok() const { return !failure; }
  explicit operator bool() const { return ok(); }
  ErrorKind kind() const { return failure->first; }
  const std::string &message() const { return failure->second; }

  /// The same error with "`context`: " before its message.
  Status withContext(const std::string &context) && {
    if (failure)
      failure->second = context + ": " + failure->second;
    return std::move(*this);
  }

private:
  std::optional<std::pair<ErrorKind, std::string>> failure;
};

/// A value, or the status that says why there is none.
template <typename T>
class [[nodiscard]] Result {
public:
  Result(T &&value) : value(std::move(value)) {}
  Result(const T &value) : value(value) {}
  Result(Status error) : error(std::move(error)) { assert(!this->error.ok()); }

  bool ok() const { return value.has_value(); }
  explicit operator bool() const { return ok(); }
  T &operator*() { return *value; }
  const T &operator*() const { return *value; }
  T *operator->() { return &*value; }
  const T *operator->() const { return &*value; }
  /// The error; success where there is a value.
  Status &status() { return error; }

private:
  std::optional<T> value;
  Status error;
};

inline Status invalidArgument(std::string message) {
  return Status::error(ErrorKind::InvalidArgument, std::move(message));
}
inline Status invalidFile(std::string message) {
  return Status::error(ErrorKind::InvalidFile, std::move(message));
}
inline Status unavailable(std::string message) {
  return Status::error(ErrorKind::Unavailable, std::move(message));
}
inline Status executionFailed(std::string message) {
  return Status::error(ErrorKind::ExecutionFailed, std::move(message));
}

} // namespace pi_runtime

#endif // PI_RUNTIME_STATUS_H
