//===- Diagnostics.h - Errors of tools without a source file ----*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_SUPPORT_DIAGNOSTICS_H
#define PI_SUPPORT_DIAGNOSTICS_H

#include "mlir/IR/Diagnostics.h"

namespace mlir::pi {

/// Prints `file:line:column: error: message` and the notes to the standard
/// error, without the parts that are not known; `tool` stands for the place
/// where nothing is.
void printDiagnostic(Diagnostic &diagnostic, StringRef tool);

} // namespace mlir::pi

#endif // PI_SUPPORT_DIAGNOSTICS_H
