//===- DifferentiableModels.cpp - Rules of upstream operations ------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Interfaces/DifferentiableOpInterface.h"
#include "pi/Transforms/Training/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::pi;

namespace {
/// A linear operation of one operand whose transpose is operation `Inverse`.
template <typename Op, typename Inverse>
struct ConversionModel
    : DifferentiableOpInterface::ExternalModel<ConversionModel<Op, Inverse>,
                                               Op> {
  LogicalResult buildGradients(Operation *op, OpBuilder &builder,
                               ValueRange results,
                               MutableArrayRef<Value> operands) const {
    operands[0] = Inverse::create(builder, op->getLoc(),
                                  op->getOperand(0).getType(), results[0]);
    return success();
  }
};

template <typename Op, typename Inverse>
struct ReshapeModel
    : DifferentiableOpInterface::ExternalModel<ReshapeModel<Op, Inverse>, Op> {
  LogicalResult buildGradients(Operation *op, OpBuilder &builder,
                               ValueRange results,
                               MutableArrayRef<Value> operands) const {
    operands[0] =
        Inverse::create(builder, op->getLoc(), op->getOperand(0).getType(),
                        results[0], cast<Op>(op).getReassociationIndices());
    return success();
  }
};
} // namespace

void mlir::pi::registerDifferentiableModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, arith::ArithDialect *) {
    using arith::ExtFOp, arith::TruncFOp;
    ExtFOp::attachInterface<ConversionModel<ExtFOp, TruncFOp>>(*context);
    TruncFOp::attachInterface<ConversionModel<TruncFOp, ExtFOp>>(*context);
  });
  registry.addExtension(+[](MLIRContext *context, tensor::TensorDialect *) {
    using tensor::CollapseShapeOp, tensor::ExpandShapeOp;
    CollapseShapeOp::attachInterface<
        ReshapeModel<CollapseShapeOp, ExpandShapeOp>>(*context);
    ExpandShapeOp::attachInterface<
        ReshapeModel<ExpandShapeOp, CollapseShapeOp>>(*context);
  });
}
