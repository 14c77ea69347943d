//===- OutputFile.h - Output that appears when complete ---------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_SUPPORT_OUTPUTFILE_H
#define PI_SUPPORT_OUTPUTFILE_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

namespace mlir::pi {

/// Writes what `print` prints to `path`: a file that appears under its name
/// when it is complete, and not at all after an error (the directory cannot be
/// written, the disk is full). `-` is the standard output. What exists and is
/// no regular file, such as a device or a pipe, is written to, never replaced.
llvm::Error
writeOutputFile(llvm::StringRef path,
                llvm::function_ref<void(llvm::raw_ostream &)> print);

} // namespace mlir::pi

#endif // PI_SUPPORT_OUTPUTFILE_H
