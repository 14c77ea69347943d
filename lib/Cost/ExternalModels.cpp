//===- ExternalModels.cpp - Costs of upstream operations ------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Cost/ExternalModels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "pi/Cost/Protocol.h"
#include "pi/Interfaces/CostInterfaces.h"

using namespace mlir;
using namespace mlir::pi;

namespace {
/// An operation that each party does alone.
template <typename Op>
struct LocalModel
    : public PICostOpInterface::ExternalModel<LocalModel<Op>, Op> {};
} // namespace

template <typename... Ops>
static void attachLocal(MLIRContext *context) {
  (Ops::template attachInterface<LocalModel<Ops>>(*context), ...);
}

void mlir::pi::registerCostExternalModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, arith::ArithDialect *) {
    attachLocal<arith::ConstantOp>(context);
  });
  registry.addExtension(+[](MLIRContext *context, func::FuncDialect *) {
    attachLocal<func::ReturnOp>(context);
  });
  registry.addExtension(+[](MLIRContext *context, tensor::TensorDialect *) {
    attachLocal<tensor::CastOp, tensor::CollapseShapeOp, tensor::ConcatOp,
                tensor::EmptyOp, tensor::ExpandShapeOp, tensor::ExtractSliceOp,
                tensor::InsertSliceOp, tensor::ReshapeOp>(context);
  });
}
