//===- HostCode.h - Compiled host functions of an artefact ------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_RUNTIME_HOSTCODE_H
#define PI_RUNTIME_HOSTCODE_H

#include "pi/Runtime/Artifact.h"

namespace pi_runtime {

/// A host function: pointers in the order of its manifest entry, each aligned
/// to 64 bytes; 0 is success.
using HostFunction = int32_t (*)(void *const *args);

/// The section `host.so`, loaded. Its functions live as long as this object.
class HostCode {
public:
  static Result<HostCode> load(const Artifact &artifact);

  HostCode(HostCode &&other)
      : artifactPath(std::move(other.artifactPath)),
        library(std::exchange(other.library, nullptr)),
        descriptor(std::exchange(other.descriptor, -1)) {}
  HostCode &operator=(HostCode &&) = delete;
  ~HostCode();

  Result<HostFunction> function(const std::string &symbol) const;

private:
  explicit HostCode(std::string path) : artifactPath(std::move(path)) {}

  std::string artifactPath;
  void *library = nullptr;
  int descriptor = -1;
};

} // namespace pi_runtime

#endif // PI_RUNTIME_HOSTCODE_H
