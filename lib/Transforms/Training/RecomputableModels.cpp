//===- RecomputableModels.cpp - Upstream operations that run twice --------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Interfaces/RecomputableOpInterface.h"
#include "pi/Transforms/Training/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::pi;

namespace {
template <typename Op>
struct ConversionModel
    : RecomputableOpInterface::ExternalModel<ConversionModel<Op>, Op> {};
} // namespace

void mlir::pi::registerRecomputableModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, arith::ArithDialect *) {
    arith::ExtFOp::attachInterface<ConversionModel<arith::ExtFOp>>(*context);
    arith::TruncFOp::attachInterface<ConversionModel<arith::TruncFOp>>(
        *context);
  });
}
