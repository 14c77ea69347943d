//===- Passes.h - Passes over execution plans -------------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_DIALECT_PIRT_TRANSFORMS_PASSES_H
#define PI_DIALECT_PIRT_TRANSFORMS_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include "pi/Dialect/Pirt/IR/Pirt.h"

namespace mlir::pirt {

/// Where a buffer of the arena starts is a multiple of this.
constexpr int64_t kArenaAlignment = 256;

/// A buffer to be placed: its size, and the steps of its first and last use.
struct LiveBuffer {
  int64_t bytes, first, last;
};

/// The offset of each buffer such that buffers alive at the same step do not
/// overlap, and the bytes that all of them span.
struct ArenaPlan {
  SmallVector<int64_t> offsets;
  int64_t bytes = 0;
};
ArenaPlan planArena(ArrayRef<LiveBuffer> buffers);

#define GEN_PASS_DECL
#include "pi/Dialect/Pirt/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "pi/Dialect/Pirt/Transforms/Passes.h.inc"

} // namespace mlir::pirt

#endif // PI_DIALECT_PIRT_TRANSFORMS_PASSES_H
