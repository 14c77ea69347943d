//===- KernelRowEmitter.h - One row of a kernel, in registers ---*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_CONVERSION_PITOPIRT_KERNELS_KERNELROWEMITTER_H
#define PI_LIB_CONVERSION_PITOPIRT_KERNELS_KERNELROWEMITTER_H

#include "KernelBuilder.h"
#include "RowLayout.h"
#include "pi/Conversion/PiToPirt/RowKernel.h"

namespace mlir::pi {

/// Emits the body of a kernel of row operations. `buffers` are by tensor,
/// whatever its shape.
class KernelRowEmitter final : public RowEmitter {
public:
  KernelRowEmitter(KernelBuilder &b, const RowLayout &layout,
                   const DenseMap<Value, Value> &buffers);

  /// Computes all rows of the block, stores those of `results`, and leaves the
  /// sums of the block in the buffers of `sums`.
  void run(ArrayRef<Operation *> ops, ArrayRef<Value> results,
           ArrayRef<Value> sums);

  KernelBuilder &builder() override { return b; }
  Value row() override;
  int64_t numColumns() override { return layout.columns; }
  RowFragment operandRow(Value operand) override;
  RowFragment loadRow(Value operand, Value row, int64_t stride,
                      int64_t columnOffset) override;
  void storeRow(const RowFragment &values, Value operand, Value row) override;
  Value element(Value operand, Value index) override;
  Value sum(const RowFragment &values) override;
  void setResult(RowFragment values) override;
  void addToSum(Value result, const RowFragment &values) override;

private:
  /// One of the rows that are computed at a time.
  struct Slot {
    Value row;
    /// Whether there is such a row; null if there always is.
    Value isThere;
    DenseMap<Value, RowFragment> fragments;
  };

  void runStep(Value step, ArrayRef<Operation *> ops, ArrayRef<Value> results);
  Slot makeSlot(Value step);
  /// `row` among `rows` that are repeated.
  Value repeat(Value row, int64_t rows);
  /// The row of an operand that does not depend on the row that is computed.
  RowFragment constantRow(Value operand);
  /// The sum of what a thread holds.
  Value sumFragment(const RowFragment &values);
  /// What `value` is for a thread whose last access is inside of the row.
  Value maskLastChunk(Value value, size_t element);

  /// Stores the thread's part of a row that begins at `base`, if `condition`
  /// is null or holds.
  void store(const RowFragment &values, Value buffer, Value base,
             Value condition);

  /// Sum over the threads of the block, or those with the same columns.
  void finishScalar(Value total, Value result);
  void finishColumns(const RowFragment &total, Value result);

  KernelBuilder &b;
  const RowLayout &layout;
  const DenseMap<Value, Value> &buffers;
  RowOpInterface current;
  /// Places in the grid and the block: of the block among the splits and the
  /// kept rows, of the team, of the thread in its team.
  Value part, split, kept, team, lane;
  /// Where the thread's accesses begin, and whether the last one is inside of
  /// the row; null if it always is.
  SmallVector<Value> columns;
  Value inside;
  /// The loop over rows; null if there is a single step.
  Operation *loop = nullptr;
  SmallVector<Slot> slots;
  Slot *slot = nullptr;
  DenseMap<Value, RowFragment> constantRows;
  llvm::MapVector<Value, RowFragment> totals;
  bool usesBarrier = false;
  /// Shared memory of a row for each team, once it is needed.
  Value meeting;
};

} // namespace mlir::pi

#endif // PI_LIB_CONVERSION_PITOPIRT_KERNELS_KERNELROWEMITTER_H
