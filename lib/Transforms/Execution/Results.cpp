//===- Results.cpp - What functions of the execution form give ------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Transforms/Execution/Passes.h"

using namespace mlir;
using namespace mlir::pi;

std::string mlir::pi::getOutputName(func::FuncOp function, unsigned index) {
  if (auto name = function.getResultAttrOfType<StringAttr>(index, kNameAttr))
    return name.str();
  if (auto parameter =
          function.getResultAttrOfType<FlatSymbolRefAttr>(index, kGradientAttr))
    return (kGradientPrefix + parameter.getValue()).str();
  return "";
}

Attribute mlir::pi::getUpdatedArgument(func::FuncOp function, unsigned index) {
  if (Attribute state = function.getResultAttr(index, kStateAttr))
    return state;
  return function.getResultAttr(index, kParameterAttr);
}
