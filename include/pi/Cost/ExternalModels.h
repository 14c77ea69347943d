//===- ExternalModels.h - Costs of upstream operations ----------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_COST_EXTERNALMODELS_H
#define PI_COST_EXTERNALMODELS_H

#include "mlir/IR/DialectRegistry.h"

namespace mlir::pi {

/// Gives the upstream operations that may stand beside those of `pi` in an
/// inference function their cost: none, since each party moves or holds its own
/// shares. Operations of `func`, `arith` and `tensor` that compute something
/// are left without, and so are an error in a report.
void registerCostExternalModels(DialectRegistry &registry);

} // namespace mlir::pi

#endif // PI_COST_EXTERNALMODELS_H
