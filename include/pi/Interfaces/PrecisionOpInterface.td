//===- PrecisionOpInterface.td - Number formats of operands -*- tablegen -*-==//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_INTERFACES_PRECISIONOPINTERFACE_TD
#define PI_INTERFACES_PRECISIONOPINTERFACE_TD

include "mlir/IR/OpBase.td"

def PrecisionOpInterface : OpInterface<"PrecisionOpInterface"> {
  let description = [{
    An operation that, in a model computed in a short number format, works on
    values of that format, as products on tensor cores do. What scales a whole
    row, or is a sum over many positions, stays wide (f32) beside them.

    An operation without this interface takes what it is given, and its results
    have the format of its first float operand.
  }];
  let cppNamespace = "::mlir::pi";
  let methods = [
    InterfaceMethod<[{
      The format that an operand is given in.
      }],
      "::mlir::pi::NumberFormat", "getOperandFormat",
      (ins "::mlir::OpOperand &":$operand), /*methodBody=*/"",
      /*defaultImplementation=*/"return ::mlir::pi::NumberFormat::Compute;">,
    InterfaceMethod<[{
      The format of a result.
      }],
      "::mlir::pi::NumberFormat", "getResultFormat",
      (ins "::mlir::OpResult":$result), /*methodBody=*/"",
      /*defaultImplementation=*/"return ::mlir::pi::NumberFormat::Compute;">
  ];
}

#endif // PI_INTERFACES_PRECISIONOPINTERFACE_TD
