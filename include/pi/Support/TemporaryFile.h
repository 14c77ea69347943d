//===- TemporaryFile.h - A file for another program ----------- -*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_SUPPORT_TEMPORARYFILE_H
#define PI_SUPPORT_TEMPORARYFILE_H

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/SmallString.h"

namespace mlir::pi {

/// A file in the directory for temporary files, for a program that is run. It
/// exists as long as this object, and is gone too when a signal ends the
/// process.
class TemporaryFile {
public:
  TemporaryFile() = default;
  TemporaryFile(const TemporaryFile &) = delete;
  TemporaryFile &operator=(const TemporaryFile &) = delete;
  ~TemporaryFile();

  /// Makes the file with a name "PREFIX-*.SUFFIX". Called once.
  std::error_code create(StringRef prefix, StringRef suffix,
                         StringRef contents = "");
  /// Its bytes, or failure if it cannot be read.
  FailureOr<std::string> read() const;
  StringRef getPath() const { return path; }

private:
  SmallString<128> path;
};

} // namespace mlir::pi

#endif // PI_SUPPORT_TEMPORARYFILE_H
