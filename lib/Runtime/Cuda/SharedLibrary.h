//===- SharedLibrary.h - Libraries opened when they are needed --*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_RUNTIME_CUDA_SHAREDLIBRARY_H
#define PI_LIB_RUNTIME_CUDA_SHAREDLIBRARY_H

#include <dlfcn.h>

#include <string>
#include <vector>

namespace pi_runtime {

/// Opens the first of `paths` that there is; null if there is none.
inline void *openSharedLibrary(const std::vector<std::string> &paths) {
  for (const std::string &path : paths)
    if (void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL))
      return library;
  return nullptr;
}

/// Sets `function` to the symbol of that name, or to null. Whether there is
/// one.
template <typename Function>
bool findFunction(void *library, const char *name, Function &function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

} // namespace pi_runtime

#endif // PI_LIB_RUNTIME_CUDA_SHAREDLIBRARY_H
