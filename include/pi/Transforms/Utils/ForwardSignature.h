//===- ForwardSignature.h - What @forward takes and gives -------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TRANSFORMS_UTILS_FORWARDSIGNATURE_H
#define PI_TRANSFORMS_UTILS_FORWARDSIGNATURE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::pi {

/// What @forward looks like: one input B x T, one result B x T x V of floats,
/// both of static shape.
struct ForwardSignature {
  RankedTensorType tokens;
  RankedTensorType logits;
};

/// The signature of `function`, whose body is one block, or failure after an
/// error message. It has a body.
FailureOr<ForwardSignature> readForwardSignature(func::FuncOp function);

} // namespace mlir::pi

#endif // PI_TRANSFORMS_UTILS_FORWARDSIGNATURE_H
