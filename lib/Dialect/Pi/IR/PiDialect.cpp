//===- PiDialect.cpp - The pi dialect -------------------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AssemblyFormats.h"

#include "pi/Dialect/Pi/IR/Pi.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::pi;

#include "pi/Dialect/Pi/IR/PiDialect.cpp.inc"
#include "pi/Dialect/Pi/IR/PiEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "pi/Dialect/Pi/IR/PiAttributes.cpp.inc"

#define GET_OP_CLASSES
#include "pi/Dialect/Pi/IR/PiOps.cpp.inc"

void PIDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "pi/Dialect/Pi/IR/PiOps.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "pi/Dialect/Pi/IR/PiAttributes.cpp.inc"
      >();
}

Operation *PIDialect::materializeConstant(OpBuilder &builder, Attribute value,
                                          Type type, Location loc) {
  return arith::ConstantOp::materialize(builder, value, type, loc);
}

LogicalResult NormalAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 APFloat stddev) {
  if (!stddev.isFinite() || stddev.isNegative())
    return emitError() << "standard deviation has to be finite and not "
                          "negative";
  return success();
}
