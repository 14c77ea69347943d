//===- LinearPlan.h - Plans of linear layers --------------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_CONVERSION_PITOPIRT_LINEARPLAN_H
#define PI_LIB_CONVERSION_PITOPIRT_LINEARPLAN_H

#include "LinearFusion.h"

#include "pi/Conversion/PiToPirt/PlanEmitter.h"

namespace mlir::pi {

/// The type of what a linear layer writes into an output or with a padded
/// weight: rows of an awkward length are padded.
MemRefType getPaddedType(Type type);

/// The type of a weight whose rows are padded to an aligned number.
MemRefType getPaddedWeightType(MemRefType type);

/// Whether a product by cuBLASLt takes this weight [out, in] padded to an
/// aligned number of rows: only then is it fast, whatever the rows' strides.
bool isPaddable(const FusedLinear &layer);

/// Adds the product by cuBLASLt, or the kernel, that computes a layer.
LogicalResult emitLinear(const FusedLinear &layer, PlanEmitter &emitter);

} // namespace mlir::pi

#endif // PI_LIB_CONVERSION_PITOPIRT_LINEARPLAN_H
