//===- Diagnostics.cpp - Errors of tools without a source file ------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Support/Diagnostics.h"

#include "llvm/Support/raw_ostream.h"

using namespace mlir;

static StringRef toString(DiagnosticSeverity severity) {
  switch (severity) {
  case DiagnosticSeverity::Note:
    return "note";
  case DiagnosticSeverity::Warning:
    return "warning";
  case DiagnosticSeverity::Error:
    return "error";
  case DiagnosticSeverity::Remark:
    return "remark";
  }
  llvm_unreachable("unknown severity");
}

void mlir::pi::printDiagnostic(Diagnostic &diagnostic, StringRef tool) {
  llvm::raw_ostream &os = llvm::errs();
  auto loc = dyn_cast<FileLineColLoc>(diagnostic.getLocation());
  if (auto name = dyn_cast<NameLoc>(diagnostic.getLocation()))
    os << name.getName().getValue() << ": ";
  else if (!loc)
    os << tool << ": ";
  else if (loc.getLine() == 0)
    os << loc.getFilename().getValue() << ": ";
  else
    os << loc.getFilename().getValue() << ":" << loc.getLine() << ":"
       << loc.getColumn() << ": ";
  os << toString(diagnostic.getSeverity()) << ": " << diagnostic << "\n";
  for (Diagnostic &note : diagnostic.getNotes())
    printDiagnostic(note, tool);
}
