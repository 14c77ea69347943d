//===- UpstreamOps.cpp - Upstream operations as StableHLO -----------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExportModel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::pi;

namespace {
struct ConstantExport : ExportModel<ConstantExport, arith::ConstantOp> {
  LogicalResult exportStableHLO(Operation *op,
                                StableHLOEmitter &emitter) const {
    // Larger ones would be printed as a resource or make the text huge; what
    // is larger is a weight, and an argument.
    constexpr int64_t kMaxElements = 4096;
    auto constant = cast<arith::ConstantOp>(op);
    auto value = dyn_cast<DenseElementsAttr>(constant.getValue());
    if (!value || !isa<RankedTensorType>(value.getType()))
      return op->emitError("this constant has no StableHLO form: it has to be "
                           "a dense tensor");
    if (!value.isSplat() && value.getNumElements() > kMaxElements)
      return op->emitError("a constant of ")
             << value.getNumElements() << " elements is too large for "
             << "StableHLO text (at most " << kMaxElements
             << "): make it a parameter";
    emitter.finish(
        constant.getResult(), "", {},
        [&](HloBuilder &b, ArrayRef<HloValue>) { return b.constant(value); });
    return success();
  }
};

/// Static shapes alone: a dimension that is not known is refused before.
template <typename Op>
struct ReshapeExport : StepModel<ReshapeExport<Op>, Op> {
  static HloValue build(HloBuilder &b, Op op, HloOperands<Op> operands) {
    return b.reshape(operands.getSrc(), op.getResultType().getShape());
  }
};
} // namespace

void mlir::pi::registerUpstreamExportModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, arith::ArithDialect *) {
    arith::ConstantOp::attachInterface<ConstantExport>(*context);
  });
  registry.addExtension(+[](MLIRContext *context, tensor::TensorDialect *) {
    tensor::CollapseShapeOp::attachInterface<
        ReshapeExport<tensor::CollapseShapeOp>>(*context);
    tensor::ExpandShapeOp::attachInterface<
        ReshapeExport<tensor::ExpandShapeOp>>(*context);
  });
}
