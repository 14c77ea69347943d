//===- RowKernel.h - Kernels of chains of row operations --------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One generator for elementwise operations, reductions over the last dimension
// and gathers of rows: it takes a chain of operations with RowOpInterface and
// emits one kernel. A row is held in registers by one warp, or by one block if
// it is long; accesses are 16 bytes a thread and arithmetic is f32. The floor
// of such a kernel is the bytes of its arguments over the memory bandwidth.
//
//===----------------------------------------------------------------------===//

#ifndef PI_CONVERSION_PITOPIRT_ROWKERNEL_H
#define PI_CONVERSION_PITOPIRT_ROWKERNEL_H

#include "pi/Conversion/PiToPirt/Kernels.h"

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::pi {

class KernelBuilder;

/// The elements of a row that one thread holds, as f32.
using RowFragment = SmallVector<Value>;

/// What RowOpInterface::emitRow works with: the row being computed, seen from
/// one thread.
class RowEmitter {
public:
  virtual ~RowEmitter() = default;

  /// For arithmetic on f32 and index values.
  virtual KernelBuilder &builder() = 0;
  /// The number of the row of the operation's space, an index.
  virtual Value row() = 0;
  /// This row of an operand. An operand with fewer rows is repeated; one of
  /// rank 1 is the same for all rows.
  virtual RowFragment operandRow(Value operand) = 0;
  /// A row of a buffer by number, `columnOffset` elements in, where rows are
  /// `stride` elements apart.
  virtual RowFragment loadRow(Value operand, Value row, int64_t stride,
                              int64_t columnOffset) = 0;
  /// Writes a row of a buffer by number.
  virtual void storeRow(const RowFragment &values, Value operand,
                        Value row) = 0;
  /// An element of an operand: f32, or the index of an integer.
  virtual Value element(Value operand, Value index) = 0;
  /// The sum of the elements of a row, in every thread.
  virtual Value sum(const RowFragment &values) = 0;
  /// Sets the row of the result.
  virtual void setResult(RowFragment values) = 0;
};

} // namespace mlir::pi

#include "pi/Conversion/PiToPirt/RowOpInterface.h.inc"

namespace mlir::pi {

/// A kernel, and the tensors whose buffers it takes: first those it reads, then
/// those it writes.
struct RowKernel {
  KernelLaunch launch;
  SmallVector<Value> arguments;
};

/// Emits the kernel of `ops`, which stand in order and all but the first of
/// which have the first one's row space or a repeated part of it. Values with
/// users outside are written to memory.
FailureOr<RowKernel> buildRowKernel(gpu::GPUModuleOp module,
                                    ArrayRef<Operation *> ops);

/// Attaches RowOpInterface to operations of pi.
void registerRowOpModels(DialectRegistry &registry);

} // namespace mlir::pi

#endif // PI_CONVERSION_PITOPIRT_ROWKERNEL_H
