//===- IndexOpInterface.td - Operands that are indices -----*- tablegen -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_INTERFACES_INDEXOPINTERFACE_TD
#define PI_INTERFACES_INDEXOPINTERFACE_TD

include "mlir/IR/OpBase.td"

def IndexOpInterface : OpInterface<"IndexOpInterface"> {
  let description = [{
    An operation that reads or writes where the integers of an operand say. Its
    code does not check them. An artefact records what the inputs of its
    functions may hold, and the runtime refuses other values.
  }];
  let cppNamespace = "::mlir::pi";
  let methods = [
    InterfaceMethod<[{
      The operand, null if it is not given, and what its elements may be.
      }],
      "::mlir::pi::IndexUse", "getIndexUse">,
  ];
}

#endif // PI_INTERFACES_INDEXOPINTERFACE_TD
