//===- CostInterfaces.td - What an operation costs ---------*- tablegen -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Interfaces through which the reports ask an operation what it costs. A pass
// never lists operations: one that these interfaces do not describe is an error
// there. Upstream operations get them through external models
// (include/pi/Cost/ExternalModels.h).
//
//===----------------------------------------------------------------------===//

#ifndef PI_INTERFACES_COSTINTERFACES_TD
#define PI_INTERFACES_COSTINTERFACES_TD

include "mlir/IR/OpBase.td"

def NonlinearOpInterface : OpInterface<"NonlinearOpInterface"> {
  let description = [{
    A nonlinear function of activations, counted as the literature on private
    inference counts them: `SM 144xR^{128x128}` is 144 softmaxes, each over a
    128 x 128 matrix.
  }];
  let cppNamespace = "::mlir::pi";
  let methods = [
    InterfaceMethod<[{
      The short name of the function: `SM` softmax, `LN` LayerNorm, `G` GELU,
      `R` ReLU, `P` polynomial, `AM` argmax.
    }], "::llvm::StringRef", "getNonlinearKind">,
    InterfaceMethod<[{
      How many times the function stands in the operation: once for each
      sequence of the batch and, for softmax, each head. By default all but the
      two last dimensions of the first operand.
    }], "int64_t", "getNonlinearInstances", (ins), "", [{
      return ::mlir::pi::getNumElements(
          ::mlir::pi::getMatrixShape($_op->getOperand(0).getType()).first);
    }]>,
    InterfaceMethod<[{
      The shape of the tensor that one instance acts on. By default the two
      last dimensions of the first operand.
    }], "::llvm::SmallVector<int64_t>", "getNonlinearShape", (ins), "", [{
      return ::llvm::to_vector(
          ::mlir::pi::getMatrixShape($_op->getOperand(0).getType()).second);
    }]>,
  ];
}

def FlopCountOpInterface : OpInterface<"FlopCountOpInterface"> {
  let description = [{
    Floating-point operations in the convention of the paper (arXiv
    2501.03489): products of matrices only, 2 for each multiply-accumulate.
  }];
  let cppNamespace = "::mlir::pi";
  let methods = [
    InterfaceMethod<[{
      The operations of one execution. At most UINT64_MAX, where the count
      saturates.
    }], "uint64_t", "getFlopCount">,
  ];
}

def PICostOpInterface : OpInterface<"PICostOpInterface"> {
  let description = [{
    The cost of an operation under private inference. What an operation asks
    for is written in terms of the functions of a `Protocol`
    (include/pi/Cost/Protocol.h), so that no operation knows any protocol and no
    protocol knows any operation.

    An operation that both parties execute on their own shares (an addition, a
    slice, a read of a parameter) has the interface with its default method.
  }];
  let cppNamespace = "::mlir::pi";
  let methods = [
    InterfaceMethod<[{
      Appends the cost of one execution under `protocol`, as one item or, where
      parts are worth telling apart, as several with names (`scores`,
      `softmax`, `context`).
    }], "void", "appendCost",
      (ins "const ::mlir::pi::Protocol &":$protocol,
           "::llvm::SmallVectorImpl<::mlir::pi::CostItem> &":$items),
      /*methodBody=*/"", /*defaultImplementation=*/"return;">,
  ];
}

#endif // PI_INTERFACES_COSTINTERFACES_TD
