//===- Ptxas.h - The assembler as a child process ---------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TARGET_CUBIN_PTXAS_H
#define PI_TARGET_CUBIN_PTXAS_H

#include "pi/Target/Cubin/Cubin.h"

namespace mlir::pi {

/// Assembles `ptx`. Errors are reported at `loc`.
FailureOr<Cubin> runPtxas(Location loc, StringRef ptx,
                          const CubinOptions &options);

} // namespace mlir::pi

#endif // PI_TARGET_CUBIN_PTXAS_H
