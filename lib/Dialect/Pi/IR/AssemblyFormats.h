//===- AssemblyFormats.h - Custom parts of assembly formats -----*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_DIALECT_PI_IR_ASSEMBLYFORMATS_H
#define PI_LIB_DIALECT_PI_IR_ASSEMBLYFORMATS_H

#include "mlir/IR/OpImplementation.h"

namespace mlir::pi {

/// The results of attention, `type` or `(type[, type][, log_sum_exp type])`:
/// the keyword tells two optional results of one type apart.
ParseResult parseAttentionResults(OpAsmParser &parser, Type &result,
                                  Type &entropy, Type &logSumExp);
void printAttentionResults(OpAsmPrinter &printer, Operation *op, Type result,
                           Type entropy, Type logSumExp);

} // namespace mlir::pi

#endif // PI_LIB_DIALECT_PI_IR_ASSEMBLYFORMATS_H
