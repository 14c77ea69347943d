//===- OutputFile.h - Output that appears when complete ---------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_SUPPORT_OUTPUTFILE_H
#define PI_SUPPORT_OUTPUTFILE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

#include <functional>

namespace mlir::pi {

/// Writes what `print` prints to `path`: a file that appears under its name
/// when it is complete, and not at all after an error (the directory cannot be
/// written, the disk is full). It is on the disk before it gets its name. Of a
/// symbolic link, the file that it names is written. `-` is the standard
/// output. What exists and is no regular file, such as a device or a pipe, is
/// written to, never replaced.
llvm::Error
writeOutputFile(llvm::StringRef path,
                llvm::function_ref<void(llvm::raw_ostream &)> print);

/// A file that a tool writes where `option`, such as `-o`, says.
struct OutputFile {
  llvm::StringRef option, path;
  std::function<void(llvm::raw_ostream &)> print;
};

/// Writes files of one run, which are of use together alone: after an error,
/// whose message names the file, none is left. Two that are one, of which the
/// second would replace or follow the first, are an error; a device takes both.
llvm::Error writeOutputFiles(llvm::ArrayRef<OutputFile> files);

} // namespace mlir::pi

#endif // PI_SUPPORT_OUTPUTFILE_H
