//===- PiTrainingOps.cpp - Operations of training -------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Dialect/Pi/IR/Pi.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace mlir::pi;

LogicalResult EntropyPenaltyOp::verify() {
  RankedTensorType entropy = getEntropy().getType();
  RankedTensorType threshold = getThreshold().getType();
  if (entropy.getRank() != 3 || threshold.getRank() != 1 ||
      entropy.getDimSize(1) != threshold.getDimSize(0))
    return emitOpError("entropy B x H x T and threshold H have to agree in H, "
                       "but are ")
           << entropy << " and " << threshold;
  for (APFloat value : {getGamma(), getLambda()})
    if (!value.isFinite() || value.isNegative())
      return emitOpError("gamma and lambda have to be finite and not negative");
  return success();
}
