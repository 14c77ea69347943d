//===- ResultPlaces.cpp - Where results of a function are written ---------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Transforms/Execution/ResultPlaces.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::pi;

static bool isReshape(Operation *op) {
  return isa_and_present<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(op);
}

Value mlir::pi::stripReshapes(Value tensor) {
  while (isReshape(tensor.getDefiningOp()))
    tensor = tensor.getDefiningOp()->getOperand(0);
  return tensor;
}

bool mlir::pi::hasReader(Value tensor, function_ref<bool(Operation *)> holds) {
  return llvm::any_of(tensor.getUsers(), [&](Operation *user) {
    return isReshape(user) ? hasReader(user->getResult(0), holds) : holds(user);
  });
}

void mlir::pi::emitCopies(SmallVector<ResultCopy> copies,
                          function_ref<void(const ResultCopy &)> emit,
                          function_ref<Value(Value)> stage) {
  while (!copies.empty()) {
    auto *ready = llvm::find_if(copies, [&](const ResultCopy &copy) {
      return llvm::none_of(copies, [&](const ResultCopy &other) {
        return &other != &copy && other.origin == copy.target;
      });
    });
    if (ready == copies.end()) {
      ResultCopy &first = copies.front();
      first.source = first.origin = stage(first.source);
      continue;
    }
    emit(*ready);
    copies.erase(ready);
  }
}
