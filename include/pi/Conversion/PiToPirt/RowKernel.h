//===- RowKernel.h - Kernels of chains of row operations --------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One generator for elementwise operations, reductions over the last dimension
// or over rows, and gathers of rows: it takes a chain of operations with
// RowOpInterface and emits one kernel. A row is held in registers by one warp,
// or by several if it is long; accesses are 16 bytes a thread and arithmetic is
// f32. The floor of such a kernel is the bytes of its arguments over the memory
// bandwidth.
//
// A sum over rows is gathered in registers while a block walks its rows. Where
// several blocks add to one sum, each writes its part, and a second kernel sums
// the parts: the order of all additions follows from the shapes alone.
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
  virtual int64_t numColumns() = 0;
  /// This row of an operand. An operand with fewer rows is repeated; one of
  /// rank 1 is the same for all rows, and a scalar for all elements.
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
  /// Sets the row of the operation's first result.
  virtual void setResult(RowFragment values) = 0;
  /// Adds a row to a result that is a sum over rows. It sums all elements if it
  /// is a scalar.
  virtual void addToSum(Value result, const RowFragment &values) = 0;
};

} // namespace mlir::pi

#include "pi/Conversion/PiToPirt/RowOpInterface.h.inc"

namespace mlir::pi {

/// The kernels of a run of operations, and the tensors whose buffers they take.
struct RowKernel {
  KernelLaunch launch;
  /// Takes buffers of `inputs`, of `results`, and of `sums` or their parts.
  SmallVector<Value> inputs, results, sums;
  /// For each sum the type of the buffer that blocks leave their parts in, or
  /// null if the kernel completes it. `finish` takes these buffers, and then
  /// those of the sums that they are parts of.
  SmallVector<MemRefType> parts;
  KernelLaunch finish;
};

/// Whether `op` can be computed row by row together with `run`, which it
/// follows: its rows are those of the first operation, or some of them
/// repeated.
bool canJoinRun(ArrayRef<Operation *> run, RowOpInterface op);

/// Emits the kernels of `ops`, each of which can join those before it. Values
/// with users outside are written to memory. A constant whose elements are
/// equal is part of the code.
FailureOr<RowKernel> buildRowKernel(gpu::GPUModuleOp module,
                                    ArrayRef<Operation *> ops);

/// Whether `value` is a constant of equal floating-point numbers.
bool isSplatConstant(Value value);

/// Attaches RowOpInterface to operations of pi, and of arith on tensors.
void registerRowOpModels(DialectRegistry &registry);

} // namespace mlir::pi

#endif // PI_CONVERSION_PITOPIRT_ROWKERNEL_H
