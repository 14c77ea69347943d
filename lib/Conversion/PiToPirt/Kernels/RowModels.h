//===- RowModels.h - What models of RowOpInterface share --------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_CONVERSION_PITOPIRT_KERNELS_ROWMODELS_H
#define PI_LIB_CONVERSION_PITOPIRT_KERNELS_ROWMODELS_H

#include "KernelBuilder.h"
#include "pi/Conversion/PiToPirt/RowKernel.h"

#include "llvm/ADT/APFloat.h"

namespace mlir::pi {

template <typename Model, typename Op>
using RowModel = RowOpInterface::ExternalModel<Model, Op>;

/// An operation that maps each element of a row.
template <typename Model, typename Op>
struct ElementRowModel : RowModel<Model, Op> {
  void emitRow(Operation *op, RowEmitter &emitter) const {
    RowFragment row = emitter.operandRow(op->getOperand(0));
    for (Value &value : row)
      value = Model::map(cast<Op>(op), emitter.builder(), value);
    emitter.setResult(std::move(row));
  }
};

/// An operation that maps each pair of elements of two rows.
template <typename Model, typename Op>
struct BinaryRowModel : RowModel<Model, Op> {
  void emitRow(Operation *op, RowEmitter &emitter) const {
    RowFragment lhs = emitter.operandRow(op->getOperand(0));
    RowFragment rhs = emitter.operandRow(op->getOperand(1));
    for (auto [left, right] : llvm::zip_equal(lhs, rhs))
      left = Model::map(cast<Op>(op), emitter.builder(), left, right);
    emitter.setResult(std::move(lhs));
  }
};

/// An operation that reads all its operands at other rows than its own.
template <typename Model, typename Op>
struct GatherRowModel : RowModel<Model, Op> {
  bool isGathered(Operation *, OpOperand &) const { return true; }
};

/// Subtracts the mean from a row, and gives `1 / sqrt(variance + epsilon)`.
Value centerRow(RowEmitter &emitter, RowFragment &row, const APFloat &epsilon);

/// The operations of gradients, and those of arith on tensors.
void attachRowGradientOps(MLIRContext &context);
void attachRowArithOps(MLIRContext &context);

} // namespace mlir::pi

#endif // PI_LIB_CONVERSION_PITOPIRT_KERNELS_ROWMODELS_H
