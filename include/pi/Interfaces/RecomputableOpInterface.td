//===- RecomputableOpInterface.td - What runs twice --------*- tablegen -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_INTERFACES_RECOMPUTABLEOPINTERFACE_TD
#define PI_INTERFACES_RECOMPUTABLEOPINTERFACE_TD

include "mlir/IR/OpBase.td"

def RecomputableOpInterface : OpInterface<"RecomputableOpInterface"> {
  let description = [{
    An operation without effects that training may execute a second time, where
    the backward part reads its results, instead of keeping these from the
    forward part. `pi-plan-recomputation` decides which.
  }];
  let cppNamespace = "::mlir::pi";
  let methods = [
    InterfaceMethod<[{
      What one execution takes: the number of bytes that move to or from memory
      in the same time. By default those of operands and results, and, of
      products, what their arithmetic (FlopCountOpInterface) is worth.
      }],
      "uint64_t", "getRecomputationCost", (ins), /*methodBody=*/"",
      /*defaultImplementation=*/[{
        return ::mlir::pi::getExecutionCost($_op.getOperation());
      }]>,
  ];
}

#endif // PI_INTERFACES_RECOMPUTABLEOPINTERFACE_TD
