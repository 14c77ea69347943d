//===- TemporaryFile.cpp - A file for another program ---------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Support/TemporaryFile.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::pi;

TemporaryFile::~TemporaryFile() {
  if (path.empty())
    return;
  llvm::sys::fs::remove(path);
  llvm::sys::DontRemoveFileOnSignal(path);
}

std::error_code TemporaryFile::create(StringRef prefix, StringRef suffix,
                                      StringRef contents) {
  int descriptor;
  if (std::error_code error =
          llvm::sys::fs::createTemporaryFile(prefix, suffix, descriptor, path))
    return error;
  llvm::sys::RemoveFileOnSignal(path);
  llvm::raw_fd_ostream stream(descriptor, /*shouldClose=*/true);
  stream << contents;
  stream.close();
  std::error_code error = stream.error();
  // A stream that goes with an error set ends the process.
  stream.clear_error();
  return error;
}

FailureOr<std::string> TemporaryFile::read() const {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return failure();
  return (*buffer)->getBuffer().str();
}
