//===- Passes.td - Writing execution plans -----------------*- tablegen -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TARGET_PIRT_PASSES_TD
#define PI_TARGET_PIRT_PASSES_TD

include "mlir/Pass/PassBase.td"

def PirtExportPlan : Pass<"pirt-export-plan", "::mlir::ModuleOp"> {
  let summary = "write the execution plans of a module as JSON";
  let description = [{
    Writes one JSON object with the plan of each function that has been through
    `pirt-plan-memory`, as the artefact holds it: the size of the arena, the
    form of each output in device memory, and the steps with their locations.
    The module does not change.
  }];
  let options = [
    Option<"output", "output", "std::string", "\"-\"",
           "File for the JSON; - is the standard output">
  ];
}

#endif // PI_TARGET_PIRT_PASSES_TD
