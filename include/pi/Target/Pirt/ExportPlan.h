//===- ExportPlan.h - Execution plans as JSON -------------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TARGET_PIRT_EXPORTPLAN_H
#define PI_TARGET_PIRT_EXPORTPLAN_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include "llvm/Support/JSON.h"

namespace mlir::pirt {

/// The plan that the runtime executes for one function of `pirt` operations
/// after `pirt-plan-memory`:
///
///     { "arena_bytes": N,
///       "parameters": {"wte.weight": N, ...},
///       "outputs": [{"name": "logits", "dtype": "bf16", "columns": 50257,
///                    "stride": 50304}, ...],
///       "steps": [{"op": "gemm" | "launch" | "copy", "location": ..., ...}] }
///
/// A buffer has a "space" ("arena", "parameter", "state", "input" or "output"),
/// an "offset" there in bytes, and the "name" of a parameter or state or the
/// "index" of an input or output. "parameters" are the bytes of each, those
/// behind its last element being zero. Rows of an output are `stride` elements
/// apart. An operation that is no step of a plan is an error.
FailureOr<llvm::json::Value> exportPlan(func::FuncOp plan);

/// The functions of a module that are plans, in order.
SmallVector<func::FuncOp> getPlans(ModuleOp module);

#define GEN_PASS_DECL
#include "pi/Target/Pirt/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "pi/Target/Pirt/Passes.h.inc"

} // namespace mlir::pirt

#endif // PI_TARGET_PIRT_EXPORTPLAN_H
