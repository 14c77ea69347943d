//===- PiOps.td - All of the pi dialect --------------------*- tablegen -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_DIALECT_PI_IR_PIOPS_TD
#define PI_DIALECT_PI_IR_PIOPS_TD

include "pi/Dialect/Pi/IR/PiAttentionOps.td"
include "pi/Dialect/Pi/IR/PiGradientOps.td"
include "pi/Dialect/Pi/IR/PiLinearOps.td"
include "pi/Dialect/Pi/IR/PiNonlinearOps.td"
include "pi/Dialect/Pi/IR/PiOptimizerOps.td"
include "pi/Dialect/Pi/IR/PiParameterOps.td"
include "pi/Dialect/Pi/IR/PiTrainingOps.td"
include "pi/Dialect/Pi/IR/PiWeightOps.td"

#endif // PI_DIALECT_PI_IR_PIOPS_TD
