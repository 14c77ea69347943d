//===- GradientRules.h - The reverse rules under test ----------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_UNITTESTS_TORCH_GRADIENTRULES_H
#define PI_UNITTESTS_TORCH_GRADIENTRULES_H

#include "TorchFunctions.h"

#include <functional>
#include <ostream>

namespace pi_torch {

using Shape = std::vector<int64_t>;
using Tensors = std::vector<at::Tensor>;

/// An operand, as `%NAME` in the body.
struct Operand {
  std::string name;
  Tensor value;
};

/// One rule under test.
struct Rule {
  std::string name;
  std::vector<Operand> parameters;
  /// Operands that are integers.
  std::vector<Operand> indices;
  /// Defines %r0, %r1, ... of these shapes, with f32 for the element type.
  std::string body;
  std::vector<Shape> results;
  /// The results from parameters and indices, in order.
  std::function<Tensors(const Tensors &, const Tensors &)> reference;
};

std::ostream &operator<<(std::ostream &stream, const Rule &rule);

/// Every operation that has a rule, in the forms that its rule tells apart.
std::vector<Rule> allRules();

/// The text of a tensor type.
std::string typeText(const Shape &shape, const std::string &element = "f32");

} // namespace pi_torch

#endif // PI_UNITTESTS_TORCH_GRADIENTRULES_H
