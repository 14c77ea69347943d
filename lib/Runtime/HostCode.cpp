//===- HostCode.cpp - Compiled host functions of an artefact --------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Runtime/HostCode.h"

#include "HostFeatures.h"
#include "pi/Runtime/HostSupport.h"

#include <cerrno>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace pi_runtime {

/// Makes `pi_rt_*` visible to host code also where this library was itself
/// loaded with local visibility, as Python's ctypes does.
static void publishHostSupport() {
  Dl_info info;
  if (dladdr(reinterpret_cast<void *>(&pi_rt_alloc), &info) && info.dli_fname)
    dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL);
}

static bool writeAll(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

/// A path of the descriptor's file by which the loader knows nothing. It keeps
/// libraries by path, also of files that have been closed, where a library
/// asks never to be unloaded; so the descriptor takes another number then, and
/// stays open as long as its library.
static Result<std::string> findUnusedPath(int &descriptor) {
  for (;;) {
    std::string path = "/proc/self/fd/" + std::to_string(descriptor);
    void *other = dlopen(path.c_str(), RTLD_LAZY | RTLD_NOLOAD);
    if (!other)
      return path;
    dlclose(other);
    int next = ::fcntl(descriptor, F_DUPFD_CLOEXEC, descriptor + 1);
    ::close(descriptor);
    descriptor = next;
    if (descriptor < 0)
      return unavailable(std::string("no file descriptor for host code: ") +
                         std::strerror(errno));
  }
}

Result<HostCode> HostCode::load(const Artifact &artifact) {
  Result<std::string_view> bytes = artifact.section(hostCodeSection);
  if (!bytes)
    return bytes.status();
  if (Status status = checkHostFeatures(artifact); !status)
    return status;
  HostCode code(artifact.path());
  code.descriptor = ::memfd_create(hostCodeSection, MFD_CLOEXEC);
  if (code.descriptor < 0 || !writeAll(code.descriptor, *bytes))
    return unavailable("no memory for the host code of '" + artifact.path() +
                       "': " + std::strerror(errno));
  publishHostSupport();
  Result<std::string> path = findUnusedPath(code.descriptor);
  if (!path)
    return path.status();
  code.library = dlopen(path->c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!code.library)
    return invalidFile("cannot load the host code of '" + artifact.path() +
                       "': " + dlerror());
  return code;
}

HostCode::~HostCode() {
  if (library)
    dlclose(library);
  if (descriptor >= 0)
    ::close(descriptor);
}

Result<HostFunction> HostCode::function(const std::string &symbol) const {
  void *address = dlsym(library, symbol.c_str());
  if (!address)
    return invalidFile("'" + artifactPath + "': section '" + hostCodeSection +
                       "' has no symbol '" + symbol + "'");
  return reinterpret_cast<HostFunction>(address);
}

} // namespace pi_runtime
