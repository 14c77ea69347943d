//===- OperationModel.h - Compiles and runs some operations ----*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_UNITTESTS_TORCH_OPERATIONMODEL_H
#define PI_UNITTESTS_TORCH_OPERATIONMODEL_H

#include "CompiledModel.h"

namespace pi_torch {

using Shape = std::vector<int64_t>;

/// An argument of the function under test, as `%NAME` in its body.
struct Argument {
  std::string name;
  Tensor value;
  std::string elementType = "f32";
};

std::string tensorType(const Shape &shape, const std::string &elementType);

/// Compiles and runs a function of `arguments` with this body, which has to
/// define %r0, %r1, ..., results of these shapes.
std::vector<Tensor> evaluate(const std::vector<Argument> &arguments,
                             const std::string &body,
                             const std::vector<Shape> &resultShapes,
                             const std::string &resultElementType = "f32");

/// Evaluates a body with one result.
Tensor evaluateOne(const std::vector<Argument> &arguments,
                   const std::string &body, const Shape &resultShape);

} // namespace pi_torch

#endif // PI_UNITTESTS_TORCH_OPERATIONMODEL_H
