//===- ForwardSignature.cpp - What @forward takes and gives ---------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Transforms/Utils/ForwardSignature.h"

using namespace mlir;
using namespace mlir::pi;

FailureOr<ForwardSignature>
mlir::pi::readForwardSignature(func::FuncOp function) {
  if (!llvm::hasSingleElement(function.getFunctionBody()))
    return function.emitError("@forward has to be one block, but has ")
           << function.getFunctionBody().getBlocks().size();
  if (function.getNumArguments() == 1 && function.getNumResults() == 1) {
    auto tokens = dyn_cast<RankedTensorType>(function.getArgumentTypes()[0]);
    auto logits = dyn_cast<RankedTensorType>(function.getResultTypes()[0]);
    if (tokens && logits && tokens.getRank() == 2 && logits.getRank() == 3 &&
        tokens.hasStaticShape() && logits.hasStaticShape() &&
        tokens.getElementType().isInteger(32) &&
        isa<FloatType>(logits.getElementType()) &&
        logits.getShape().take_front(2) == tokens.getShape())
      return ForwardSignature{tokens, logits};
  }
  return function.emitError("@forward has to take tokens B x T of i32 and give "
                            "logits B x T x V of floats, of static shape, but "
                            "is ")
         << function.getFunctionType();
}
