//===- RowOpInterface.td - Operations on rows --------------*- tablegen -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_CONVERSION_PITOPIRT_ROWOPINTERFACE_TD
#define PI_CONVERSION_PITOPIRT_ROWOPINTERFACE_TD

include "mlir/IR/OpBase.td"

def RowOpInterface : OpInterface<"RowOpInterface"> {
  let description = [{
    An operation that computes each row of its result (the last dimension) from
    rows of its operands, so that a chain of such operations becomes one kernel
    that keeps the row in registers. Results may also be sums over all rows,
    which the kernel gathers on its way.
  }];
  let cppNamespace = "::mlir::pi";
  let methods = [
    InterfaceMethod<[{
      Emits the computation of one row: of the result, or what it adds to sums.
    }], "void", "emitRow", (ins "::mlir::pi::RowEmitter &":$emitter)>,
    InterfaceMethod<[{
      The number of rows and columns of one evaluation.
    }], "std::pair<int64_t, int64_t>", "getRowSpace", (ins), [{}], [{
      auto type = cast<::mlir::RankedTensorType>($_op->getResult(0).getType());
      int64_t columns = type.getRank() == 0 ? 1 : type.getShape().back();
      return std::make_pair(type.getNumElements() / columns, columns);
    }]>,
    InterfaceMethod<[{
      The operand that the operation writes its result into, if it does not
      give a new value; it then is a kernel of its own.
    }], "::mlir::OpOperand *", "getUpdatedOperand", (ins), [{}], [{
      return nullptr;
    }]>,
    InterfaceMethod<[{
      Whether an operand is read from memory, at other rows than the one that is
      computed, so that it has to be complete before.
    }], "bool", "isGathered", (ins "::mlir::OpOperand &":$operand), [{}], [{
      return false;
    }]>,
    InterfaceMethod<[{
      Whether a result is a sum over rows, of which it has the last dimensions or
      (a scalar) none.
    }], "bool", "isRowSum", (ins "::mlir::OpResult":$result), [{}], [{
      return false;
    }]>
  ];
}

#endif // PI_CONVERSION_PITOPIRT_ROWOPINTERFACE_TD
