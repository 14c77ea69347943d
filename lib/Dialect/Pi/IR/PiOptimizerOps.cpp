//===- PiOptimizerOps.cpp - What updates parameters -----------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ShapeInference.h"

#include "pi/Dialect/Pi/IR/Pi.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace mlir::pi;

LogicalResult StoreOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifySymbolType(*this, getTargetAttr(), "stores",
                          getValue().getType(), symbols);
}

LogicalResult GlobalNormOp::verify() {
  return getInputs().empty() ? emitOpError("needs at least one operand")
                             : success();
}

LogicalResult AdamWOp::verify() {
  for (APFloat beta : {getBeta1(), getBeta2()})
    if (!beta.isFinite() || beta.isNegative() ||
        beta >= APFloat::getOne(beta.getSemantics()))
      return emitOpError("beta1 and beta2 have to be at least 0 and below 1");
  if (!getEpsilon().isFinite() || getEpsilon().isNegative())
    return emitOpError("epsilon has to be finite and not negative");
  return success();
}

LogicalResult IsFiniteOp::verify() {
  return getInputs().empty() ? emitOpError("needs at least one operand")
                             : success();
}

LogicalResult
MeanEntropyOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc,
                                Adaptor adaptor,
                                SmallVectorImpl<Type> &resultTypes) {
  auto entropy = getTensor(loc, adaptor.getEntropy(), "entropy", 3);
  if (failed(entropy))
    return failure();
  if (entropy->getRank() != 3)
    return emitOptionalError(loc, "entropy has to be B x H x T, but is ",
                             *entropy);
  resultTypes.push_back(entropy->clone(entropy->getDimSize(1)));
  return success();
}
