//===- File.h - Files mapped to read, written whole -------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_RUNTIME_FILE_H
#define PI_RUNTIME_FILE_H

#include "pi/Runtime/Status.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pi_runtime {

/// A file mapped into memory for reading. Errors name the file.
class MappedFile {
public:
  static Result<MappedFile> open(const std::string &path);

  MappedFile(MappedFile &&other) { swap(other); }
  MappedFile &operator=(MappedFile &&other) {
    swap(other);
    return *this;
  }
  ~MappedFile();

  const std::string &path() const { return filePath; }
  const unsigned char *data() const { return start; }
  size_t size() const { return length; }
  std::string_view text() const {
    return {reinterpret_cast<const char *>(start), length};
  }

private:
  MappedFile() = default;
  void swap(MappedFile &other) {
    std::swap(filePath, other.filePath);
    std::swap(start, other.start);
    std::swap(length, other.length);
  }

  std::string filePath;
  const unsigned char *start = nullptr;
  size_t length = 0;
};

/// The absolute path, without symbolic links, of what `path` names; `path`
/// itself if there is nothing.
std::string resolvePath(const std::string &path);

/// What `path` names through symbolic links, whether it exists or not; `path`
/// itself if it is no link.
std::string followLinks(const std::string &path);

/// A file that appears under its name only when it is complete: bytes go to a
/// temporary file beside it, which `commit` renames. Without `commit` nothing
/// is left. Of a symbolic link, the file that it names is written. A device or
/// a pipe is written straight away.
class OutputFile {
public:
  static Result<OutputFile> create(const std::string &path);

  OutputFile(OutputFile &&other) { swap(other); }
  OutputFile &operator=(OutputFile &&other) {
    swap(other);
    return *this;
  }
  ~OutputFile();

  Status write(const void *data, size_t size);
  Status write(std::string_view text) {
    return write(text.data(), text.size());
  }
  /// Flushes to the disk, then renames.
  Status commit();

  /// Size and CRC-32 of what has been written.
  uint64_t size() const { return writtenBytes; }
  uint32_t checksum() const { return writtenChecksum; }

private:
  OutputFile() = default;
  Status failure(const char *action) const;
  void swap(OutputFile &other) {
    std::swap(finalPath, other.finalPath);
    std::swap(temporaryPath, other.temporaryPath);
    std::swap(descriptor, other.descriptor);
    std::swap(writtenBytes, other.writtenBytes);
    std::swap(writtenChecksum, other.writtenChecksum);
  }

  std::string finalPath;
  std::string temporaryPath; // Empty once renamed, and for a device.
  int descriptor = -1;
  uint64_t writtenBytes = 0;
  uint32_t writtenChecksum = 0;
};

/// Whether `path` is an existing directory.
bool isDirectory(const std::string &path);
/// Whether anything exists at `path`.
bool fileExists(const std::string &path);

} // namespace pi_runtime

#endif // PI_RUNTIME_FILE_H
