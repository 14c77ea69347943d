//===- ExportStableHLO.h - A model as StableHLO text ------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TARGET_STABLEHLO_EXPORTSTABLEHLO_H
#define PI_TARGET_STABLEHLO_EXPORTSTABLEHLO_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "llvm/Support/JSON.h"

namespace mlir::pi {

/// A model as StableHLO, and what a program that runs it has to know.
struct StableHLOModule {
  /// `module @NAME` with `func.func @main` and one private function for each
  /// step that it calls. The inputs of @forward come first among the arguments
  /// of @main, in their order, marked `pi.name`; then the parameters that its
  /// steps read, in the order of the first use, marked `pi.parameter`.
  std::string text;
  /// The same for programs, where a value is the name of an SSA value of @main
  /// without %:
  ///
  ///     { "arguments": [{"value", "name", "kind", "shape", "type"}, ...],
  ///       "results": [{"value", "name", "shape", "type"}, ...],
  ///       "steps": [{"value", "function", "location", "op", "operands",
  ///                  "shape", "type"}, ...],
  ///       "parameters": [{"value", "name", "shape", "type", "derived"}, ...],
  ///       "derivations": [a step that reads parameters alone, ...] }
  ///
  /// The kind of an argument is "input" (secret), "position" (an input that is
  /// public) or "parameter". A parameter is the tensor of its name in the
  /// checkpoint, or else, if the checkpoint lacks it, the value of the
  /// derivation that "derived" gives, if there is one; an argument that is no
  /// parameter of the model is the result of a derivation itself.
  llvm::json::Value interface = nullptr;
};

/// Exports the function @forward of a module, which is brought to the execution
/// form (`pi-execution-pipeline`) first. What depends on parameters alone is
/// not part of @main: it becomes a derivation. An operation without
/// StableHLOExportInterface is an error that names it.
FailureOr<StableHLOModule> exportStableHLO(ModuleOp module);

/// Attaches StableHLOExportInterface to operations of pi and to the upstream
/// ones that may stand beside them.
void registerStableHLOExportModels(DialectRegistry &registry);

} // namespace mlir::pi

#endif // PI_TARGET_STABLEHLO_EXPORTSTABLEHLO_H
