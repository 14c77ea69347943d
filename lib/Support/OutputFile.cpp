//===- OutputFile.cpp - Output that appears when complete -----------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Support/OutputFile.h"

#include "pi/Runtime/File.h"

#include "llvm/ADT/Twine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <cerrno>
#include <unistd.h>

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

/// Whether something is at `path` and no regular file, such as a device.
static bool isSpecial(llvm::StringRef path) {
  llvm::sys::fs::file_status status;
  return !llvm::sys::fs::status(path, status) &&
         !llvm::sys::fs::is_regular_file(status);
}

llvm::Error pi::writeOutputFile(llvm::StringRef path, Printer print) {
  if (path == "-")
    return printTo(llvm::outs(), print);

  if (isSpecial(path)) {
    std::error_code error;
    llvm::raw_fd_ostream os(path, error);
    return error ? llvm::errorCodeToError(error) : printTo(os, print);
  }

  // As OutputFile of the runtime does it, which has another kind of errors.
  std::string target = pi_runtime::followLinks(path.str());
  llvm::Expected<llvm::sys::fs::TempFile> file =
      llvm::sys::fs::TempFile::create(target + ".%%%%%%.tmp");
  if (!file)
    return file.takeError();
  llvm::raw_fd_ostream os(file->FD, /*shouldClose=*/false);
  if (llvm::Error error = printTo(os, print))
    return llvm::joinErrors(std::move(error), file->discard());
  if (::fsync(file->FD) != 0) {
    std::error_code error(errno, std::generic_category());
    return llvm::joinErrors(llvm::errorCodeToError(error), file->discard());
  }
  return file->keep(target);
}

/// Whether two paths are one entry of a directory, or the standard output.
static bool isSamePlace(llvm::StringRef lhs, llvm::StringRef rhs) {
  if (lhs == "-" || rhs == "-")
    return lhs == rhs;
  auto getDirectory = [](llvm::StringRef path) {
    llvm::StringRef parent = llvm::sys::path::parent_path(path);
    return parent.empty() ? "." : parent;
  };
  return llvm::sys::path::filename(lhs) == llvm::sys::path::filename(rhs) &&
         llvm::sys::fs::equivalent(getDirectory(lhs), getDirectory(rhs)) &&
         !isSpecial(lhs);
}

llvm::Error pi::writeOutputFiles(llvm::ArrayRef<OutputFile> files) {
  for (const OutputFile &file : files)
    for (const OutputFile &earlier : files.take_front(&file - files.begin()))
      if (isSamePlace(file.path, earlier.path))
        return llvm::createStringError(earlier.option + " and " + file.option +
                                       " are both '" + file.path +
                                       "'; give each a file of its own");
  for (const OutputFile &file : files) {
    llvm::Error error = writeOutputFile(file.path, file.print);
    if (!error)
      continue;
    for (const OutputFile &written : files.take_front(&file - files.begin()))
      if (written.path != "-" && !isSpecial(written.path))
        (void)llvm::sys::fs::remove(written.path);
    return llvm::createStringError(file.path + ": " +
                                   llvm::toString(std::move(error)));
  }
  return llvm::Error::success();
}
