//===- GenerationOpInterface.td - One token at a time ------*- tablegen -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_INTERFACES_GENERATIONOPINTERFACE_TD
#define PI_INTERFACES_GENERATIONOPINTERFACE_TD

include "mlir/IR/OpBase.td"

def GenerationOpInterface : OpInterface<"GenerationOpInterface"> {
  let description = [{
    An operation on a whole sequence whose result depends on where in the
    sequence its rows stand: it looks at other positions, or at the number of
    its own. To generate token by token it needs a form that reads a prompt
    (prefill) and a form that reads one new position (decode), and may keep a
    state from step to step. Both forms give the first result; a value that
    needs another one has no such form.

    Operations without this interface work in all three forms as they are, at
    the shapes that follow from their operands.
  }];
  let cppNamespace = "::mlir::pi";
  let methods = [
    InterfaceMethod<[{
      The type of the state that is kept between steps; null if there is none.
      }],
      "::mlir::RankedTensorType", "getStateType", (ins),
      /*methodBody=*/"", /*defaultImplementation=*/"return {};">,
    InterfaceMethod<[{
      Builds the form that reads the prompt, from position 0 on, with operands
      as mapped by `operands`. `state` is the state before (null if there is
      none) and is set to the state after.
      }],
      "::mlir::Value", "buildPrefill",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::IRMapping &":$operands,
           "::mlir::Value &":$state)>,
    InterfaceMethod<[{
      Why the operation has no form that reads one position, as an error says it
      after the operation's name; empty if it has one.
      }],
      "::llvm::StringRef", "getDecodeObstacle", (ins),
      /*methodBody=*/"", /*defaultImplementation=*/"return {};">,
    InterfaceMethod<[{
      Builds the form that reads one position, whose number is the scalar
      `position`; only if nothing is in the way (`getDecodeObstacle`).
      }],
      "::mlir::Value", "buildDecode",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::IRMapping &":$operands,
           "::mlir::Value":$position, "::mlir::Value &":$state)>,
  ];
}

#endif // PI_INTERFACES_GENERATIONOPINTERFACE_TD
