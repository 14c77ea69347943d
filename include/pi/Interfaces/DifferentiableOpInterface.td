//===- DifferentiableOpInterface.td - Reverse rules --------*- tablegen -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_INTERFACES_DIFFERENTIABLEOPINTERFACE_TD
#define PI_INTERFACES_DIFFERENTIABLEOPINTERFACE_TD

include "mlir/IR/OpBase.td"

def DifferentiableOpInterface : OpInterface<"DifferentiableOpInterface"> {
  let description = [{
    An operation that can be differentiated in reverse: from the gradients of
    its results it builds those of its operands. The gradient of a tensor is a
    tensor of the same type, the derivative of one scalar (the loss) with
    respect to every element.

    A rule is local: it reads operands and results of the operation it stands
    for and the gradients it is given. `pi-differentiate` composes the rules,
    sums what flows into a value from several users, and drops what nobody
    reads in the end, so a rule may build more than is needed.
  }];
  let cppNamespace = "::mlir::pi";
  let methods = [
    InterfaceMethod<[{
      Builds, with `builder`, the gradients of the operands. Both lists are in
      the order of the operation's operands and results. `resultGradients[i]`
      is null where nothing flows into result i, but not for all i;
      `operandGradients`, all null at first, is to be left so where nothing
      flows on, as for integers. A failure has been reported.
      }],
      "::llvm::LogicalResult", "buildGradients",
      (ins "::mlir::OpBuilder &":$builder,
           "::mlir::ValueRange":$resultGradients,
           "::llvm::MutableArrayRef<::mlir::Value>":$operandGradients)>,
    InterfaceMethod<[{
      Builds the operation in the function that computes gradients, with
      operands as mapped by `mapping`, and maps its results. What stands there
      is asked for its gradients. An operation whose rule reads more than
      inference does (attention: the log-sum-exp of each row) builds a form of
      itself that gives it; by default it is cloned.
      }],
      "::mlir::Operation *", "buildForward",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::IRMapping &":$mapping),
      /*methodBody=*/"", /*defaultImplementation=*/[{
        return builder.clone(*$_op.getOperation(), mapping);
      }]>,
  ];
}

#endif // PI_INTERFACES_DIFFERENTIABLEOPINTERFACE_TD
