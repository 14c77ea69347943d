//===- OutputFile.cpp - Output that appears when complete -----------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Support/OutputFile.h"

#include "llvm/Support/FileSystem.h"

using namespace mlir;

using Printer = llvm::function_ref<void(llvm::raw_ostream &)>;

/// Prints to an open stream; the error of the stream, if it has one.
static llvm::Error printTo(llvm::raw_fd_ostream &os, Printer print) {
  print(os);
  os.flush();
  std::error_code error = os.error();
  // A stream that goes with an error set ends the process.
  os.clear_error();
  return llvm::errorCodeToError(error);
}

llvm::Error pi::writeOutputFile(llvm::StringRef path, Printer print) {
  if (path == "-")
    return printTo(llvm::outs(), print);

  llvm::sys::fs::file_status status;
  if (!llvm::sys::fs::status(path, status) &&
      !llvm::sys::fs::is_regular_file(status)) {
    std::error_code error;
    llvm::raw_fd_ostream os(path, error);
    return error ? llvm::errorCodeToError(error) : printTo(os, print);
  }

  llvm::Expected<llvm::sys::fs::TempFile> file =
      llvm::sys::fs::TempFile::create(path + ".%%%%%%.tmp");
  if (!file)
    return file.takeError();
  llvm::raw_fd_ostream os(file->FD, /*shouldClose=*/false);
  if (llvm::Error error = printTo(os, print))
    return llvm::joinErrors(std::move(error), file->discard());
  return file->keep(path);
}
