//===- File.cpp - Files mapped to read, written whole ---------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Runtime/File.h"

#include "pi/Runtime/Checksum.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace pi_runtime {

static std::string systemError() { return std::strerror(errno); }

bool isDirectory(const std::string &path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

bool fileExists(const std::string &path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0;
}

Result<MappedFile> MappedFile::open(const std::string &path) {
  auto failure = [&](const std::string &reason) {
    return invalidFile("cannot read '" + path + "': " + reason);
  };
  // Without O_NONBLOCK a pipe would be waited for before it is refused.
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    return failure(systemError());
  MappedFile file;
  file.filePath = path;
  struct stat info;
  Status status = Status::success();
  if (::fstat(descriptor, &info) != 0) {
    status = failure(systemError());
  } else if (!S_ISREG(info.st_mode)) {
    status = failure("not a regular file");
  } else if (info.st_size > 0) { // An empty mapping is not allowed.
    size_t length = static_cast<size_t>(info.st_size);
    void *start =
        ::mmap(nullptr, length, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (start == MAP_FAILED) {
      status = failure(systemError());
    } else {
      file.start = static_cast<const unsigned char *>(start);
      file.length = length;
    }
  }
  ::close(descriptor);
  if (!status)
    return status;
  return file;
}

MappedFile::~MappedFile() {
  if (start)
    ::munmap(const_cast<unsigned char *>(start), length);
}

Status OutputFile::failure(const char *action) const {
  return executionFailed(std::string("cannot ") + action + " '" + finalPath +
                         "': " + systemError());
}

std::string resolvePath(const std::string &path) {
  char *resolved = ::realpath(path.c_str(), nullptr);
  if (!resolved)
    return path;
  std::string result = resolved;
  std::free(resolved);
  return result;
}

std::string followLinks(const std::string &path) {
  constexpr int most = 40; // As many as Linux follows.
  std::filesystem::path current = path;
  std::error_code error;
  for (int links = 0; links < most; ++links) {
    std::filesystem::path target =
        std::filesystem::read_symlink(current, error);
    if (error)
      return current.string();
    current = current.parent_path() / target;
  }
  return path;
}

Result<OutputFile> OutputFile::create(const std::string &path) {
  OutputFile file;
  file.finalPath = path;
  struct stat info;
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    file.descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (file.descriptor < 0)
      return file.failure("write");
    return file;
  }
  // A rename is to replace the file that a link names, and not the link.
  file.finalPath = followLinks(path);
  std::string pattern = file.finalPath + ".XXXXXX";
  file.descriptor = ::mkostemp(pattern.data(), O_CLOEXEC);
  if (file.descriptor < 0)
    return file.failure("write");
  file.temporaryPath = pattern;
  // mkostemp makes a private file; give it the mode that open would.
  mode_t mask = ::umask(0);
  ::umask(mask);
  ::fchmod(file.descriptor, 0666 & ~mask);
  return file;
}

OutputFile::~OutputFile() {
  if (descriptor >= 0)
    ::close(descriptor);
  if (!temporaryPath.empty())
    ::unlink(temporaryPath.c_str());
}

Status OutputFile::write(const void *data, size_t size) {
  const char *next = static_cast<const char *>(data);
  writtenBytes += size;
  writtenChecksum = crc32({next, size}, writtenChecksum);
  while (size > 0) {
    ssize_t written = ::write(descriptor, next, size);
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      return failure("write");
    next += written;
    size -= static_cast<size_t>(written);
  }
  return Status::success();
}

Status OutputFile::commit() {
  if (temporaryPath.empty())
    return Status::success();
  if (::fsync(descriptor) != 0)
    return failure("write");
  if (::rename(temporaryPath.c_str(), finalPath.c_str()) != 0)
    return failure("write");
  temporaryPath.clear();
  return Status::success();
}

} // namespace pi_runtime
