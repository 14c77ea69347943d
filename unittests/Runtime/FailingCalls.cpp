//===- FailingCalls.cpp - System calls that fail when told to -------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The executable's functions take the place of the C library's.

#include "FailingCalls.h"

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace pi_runtime;

static CallFault armedFault;
/// Calls until the fault; the fault comes at 1, and 0 or less is after it.
static std::atomic<int> remaining;
static std::atomic<bool> isArmed;

void pi_runtime::armFault(CallFault fault, int number) {
  armedFault = fault;
  remaining = number;
  isArmed = true;
}

bool pi_runtime::disarmFault() {
  isArmed = false;
  return remaining <= 0;
}

/// Whether this call fails. `isData` says that it needs room on the disk.
static bool fails(bool isData) {
  if (!isArmed)
    return false;
  int number = remaining--;
  if (number > 1)
    return false;
  if (number < 1 && !(armedFault == CallFault::DiskFull && isData))
    return false;
  if (armedFault == CallFault::Kill)
    ::_exit(killedStatus);
  errno = ENOSPC;
  return true;
}

template <typename Function>
static Function *next(Function *, const char *name) {
  return reinterpret_cast<Function *>(dlsym(RTLD_NEXT, name));
}

extern "C" {

ssize_t write(int descriptor, const void *data, size_t size) {
  static auto *original = next(&::write, "write");
  if (isArmed && armedFault == CallFault::Kill && remaining == 1)
    (void)!original(descriptor, data, size / 2);
  return fails(true) ? -1 : original(descriptor, data, size);
}

int fsync(int descriptor) {
  static auto *original = next(&::fsync, "fsync");
  return fails(true) ? -1 : original(descriptor);
}

int rename(const char *from, const char *to) noexcept {
  static auto *original = next(&::rename, "rename");
  return fails(false) ? -1 : original(from, to);
}

int mkdir(const char *path, mode_t mode) noexcept {
  static auto *original = next(&::mkdir, "mkdir");
  return fails(false) ? -1 : original(path, mode);
}

char *mkdtemp(char *pattern) noexcept {
  static auto *original = next(&::mkdtemp, "mkdtemp");
  return fails(false) ? nullptr : original(pattern);
}

int mkostemp(char *pattern, int flags) {
  static auto *original = next(&::mkostemp, "mkostemp");
  return fails(false) ? -1 : original(pattern, flags);
}

int symlink(const char *target, const char *path) noexcept {
  static auto *original = next(&::symlink, "symlink");
  return fails(false) ? -1 : original(target, path);
}

int unlink(const char *path) noexcept {
  static auto *original = next(&::unlink, "unlink");
  return fails(false) ? -1 : original(path);
}

int unlinkat(int descriptor, const char *path, int flags) noexcept {
  static auto *original = next(&::unlinkat, "unlinkat");
  return fails(false) ? -1 : original(descriptor, path, flags);
}

} // extern "C"
