//===- TestFiles.h - Files for the runtime's tests --------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_UNITTESTS_RUNTIME_TESTFILES_H
#define PI_UNITTESTS_RUNTIME_TESTFILES_H

#include "pi/Runtime/Artifact.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <sys/resource.h>
#include <unistd.h>

namespace pi_runtime {

/// A directory that is removed with its contents.
class TemporaryDirectory {
public:
  explicit TemporaryDirectory(const std::filesystem::path &parent =
                                  std::filesystem::temp_directory_path()) {
    std::string pattern = (parent / "pi-test-XXXXXX").string();
    root = ::mkdtemp(pattern.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(root); }

  std::string path(const std::string &name) const {
    return (root / name).string();
  }
  std::string path() const { return root.string(); }
  bool isEmpty() const { return std::filesystem::is_empty(root); }

private:
  std::filesystem::path root;
};

inline void writeFile(const std::string &path, const std::string &bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

inline std::string readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// A number's bytes in the order of the file formats.
template <typename T>
std::string bytesOf(T number) {
  return std::string(reinterpret_cast<const char *>(&number), sizeof(number));
}

/// That `status` is an error of `kind` whose message contains `text`.
inline testing::AssertionResult failsWith(const Status &status, ErrorKind kind,
                                          const std::string &text) {
  if (status)
    return testing::AssertionFailure() << "no error";
  if (status.kind() != kind)
    return testing::AssertionFailure()
           << "kind " << static_cast<int>(status.kind()) << " of error '"
           << status.message() << "'";
  if (status.message().find(text) == std::string::npos)
    return testing::AssertionFailure()
           << "'" << text << "' is not in '" << status.message() << "'";
  return testing::AssertionSuccess();
}

/// That `status` is a success; its message otherwise.
inline testing::AssertionResult succeeds(const Status &status) {
  if (status)
    return testing::AssertionSuccess();
  return testing::AssertionFailure() << status.message();
}

/// Lets this process, a forked child, have `bytes` of memory more than now.
inline void limitMemory(size_t bytes) {
  size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  rlim_t limit = pages * static_cast<size_t>(::sysconf(_SC_PAGESIZE)) + bytes;
  struct rlimit limits = {limit, RLIM_INFINITY};
  ::setrlimit(RLIMIT_AS, &limits);
}

/// A model with one parameter of each sort and one entry point, for `target`
/// "cpu" or "cuda".
Manifest makeManifest(const std::string &target);

/// The manifest of an artefact, and an artefact with another text as manifest
/// and the checksum of that.
std::string manifestText(const std::string &bytes);
std::string withManifest(const std::string &bytes, const std::string &text);

} // namespace pi_runtime

#endif // PI_UNITTESTS_RUNTIME_TESTFILES_H
