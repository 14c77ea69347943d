//===- PlanEmitter.h - Steps of an execution plan ---------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_CONVERSION_PITOPIRT_PLANEMITTER_H
#define PI_CONVERSION_PITOPIRT_PLANEMITTER_H

#include "pi/Conversion/PiToPirt/Kernels.h"

#include "mlir/IR/DialectRegistry.h"

namespace mlir::pi {

/// The dense buffer of a tensor.
inline MemRefType getBufferType(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return MemRefType::get(tensor.getShape(), tensor.getElementType());
}

/// What PlanOpInterface::emitPlan works with: the plan of one function, to
/// whose end it adds steps.
class PlanEmitter {
public:
  virtual ~PlanEmitter() = default;

  /// For operations of pirt.
  virtual OpBuilder &builder() = 0;
  /// Where kernels are built.
  virtual gpu::GPUModuleOp kernels() = 0;
  /// The buffer of a tensor that has been computed.
  virtual Value lookup(Value tensor) = 0;
  /// A buffer for a tensor that is about to be computed: where the function
  /// gives it if it is a result, and nothing is still to read what is there.
  /// `type` is the tensor's unless given.
  virtual Value allocate(Value tensor, MemRefType type = {}) = 0;
  /// Makes the buffer of `before` that of `after`, which is written over it. An
  /// error at the operation that computes `after` unless the function returns
  /// it as the new value of `before`, which nothing else is still to read.
  virtual LogicalResult updateInPlace(Value before, OpResult after) = 0;
  /// A buffer for what no tensor of the function stands for.
  virtual Value allocateScratch(Location loc, MemRefType type) = 0;
  /// Launches a kernel, or passes on that it could not be built. The kernel
  /// takes a table of addresses last if there is one.
  virtual LogicalResult launch(Location loc, FailureOr<KernelLaunch> kernel,
                               ValueRange buffers, ValueRange table = {}) = 0;
};

/// Attaches PlanOpInterface to operations of pi.
void registerPlanOpModels(DialectRegistry &registry);

} // namespace mlir::pi

#include "pi/Conversion/PiToPirt/PlanOpInterface.h.inc"

#endif // PI_CONVERSION_PITOPIRT_PLANEMITTER_H
