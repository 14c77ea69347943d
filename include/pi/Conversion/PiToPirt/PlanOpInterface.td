//===- PlanOpInterface.td - Operations as steps of a plan --*- tablegen -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_CONVERSION_PITOPIRT_PLANOPINTERFACE_TD
#define PI_CONVERSION_PITOPIRT_PLANOPINTERFACE_TD

include "mlir/IR/OpBase.td"

def PlanOpInterface : OpInterface<"PlanOpInterface"> {
  let description = [{
    An operation that becomes steps of an execution plan by itself: launches of
    kernels, products by cuBLASLt. Operations on rows have `RowOpInterface`
    instead.
  }];
  let cppNamespace = "::mlir::pi";
  let methods = [
    InterfaceMethod<[{
      Adds the steps that compute the operation. Every result that has users has
      a buffer afterwards. What cannot run on a GPU is an error at the
      operation.
    }], "::llvm::LogicalResult", "emitPlan",
    (ins "::mlir::pi::PlanEmitter &":$emitter)>
  ];
}

#endif // PI_CONVERSION_PITOPIRT_PLANOPINTERFACE_TD
