//===- StableHLOExportInterface.td - Text of one operation -*- tablegen -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TARGET_STABLEHLO_STABLEHLOEXPORTINTERFACE_TD
#define PI_TARGET_STABLEHLO_STABLEHLOEXPORTINTERFACE_TD

include "mlir/IR/OpBase.td"

def StableHLOExportInterface : OpInterface<"StableHLOExportInterface"> {
  let description = [{
    An operation that inference can hold, and that `pi-translate
    --pi-to-stablehlo` writes. It is cut into steps as its cost is into items
    (`PICostOpInterface`), so that what a step was measured to send stands
    beside what was modelled for it.
  }];
  let cppNamespace = "::mlir::pi";
  let methods = [
    InterfaceMethod<[{
      Emits the operation as one or more steps (`StableHLOEmitter::step`) and
      binds its results. Fails, with an error, for a form that StableHLO has
      no text for.
    }], "::llvm::LogicalResult", "exportStableHLO",
        (ins "::mlir::pi::StableHLOEmitter &":$emitter)>
  ];
}

#endif // PI_TARGET_STABLEHLO_STABLEHLOEXPORTINTERFACE_TD
