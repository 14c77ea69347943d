//===- Evaluation.h - Sets how attentions are evaluated ---------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_TRANSFORMS_PRIVATE_EVALUATION_H
#define PI_LIB_TRANSFORMS_PRIVATE_EVALUATION_H

#include "pi/Dialect/Pi/IR/Pi.h"

namespace mlir::pi {

/// Gives every attention below `root` the evaluation that `change` makes of its
/// present one, which it may give back. Returns how many have changed.
inline int64_t changeEvaluations(
    Operation *root,
    function_ref<EvaluationAttr(AttentionOp, EvaluationAttr)> change) {
  int64_t numChanged = 0;
  root->walk([&](AttentionOp attention) {
    EvaluationAttr present = attention.getEvaluationOrDefault();
    EvaluationAttr changed = change(attention, present);
    if (changed == present)
      return;
    attention.setEvaluationAttr(changed);
    ++numChanged;
  });
  return numChanged;
}

} // namespace mlir::pi

#endif // PI_LIB_TRANSFORMS_PRIVATE_EVALUATION_H
