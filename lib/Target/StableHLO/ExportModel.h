//===- ExportModel.h - Models of the export interface -----------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_TARGET_STABLEHLO_EXPORTMODEL_H
#define PI_LIB_TARGET_STABLEHLO_EXPORTMODEL_H

#include "pi/Target/StableHLO/StableHLOEmitter.h"

#include "mlir/IR/DialectRegistry.h"

namespace mlir::pi {

template <typename Model, typename Op>
using ExportModel = StableHLOExportInterface::ExternalModel<Model, Op>;

/// The operands of an operation by their names, as values of the text.
template <typename Op>
using HloOperands = typename Op::template GenericAdaptor<ArrayRef<HloValue>>;

/// An operation that is one step: `Model::build` writes its body.
template <typename Model, typename Op>
struct StepModel : ExportModel<Model, Op> {
  LogicalResult exportStableHLO(Operation *op,
                                StableHLOEmitter &emitter) const {
    emitter.finish(op->getResult(0), "", emitter.lookup(op->getOperands()),
                   [&](HloBuilder &b, ArrayRef<HloValue> arguments) {
                     return Model::build(
                         b, cast<Op>(op),
                         HloOperands<Op>(arguments, cast<Op>(op)));
                   });
    return success();
  }
};

/// scale / temperature (H x T): the factor of each row of scores, known to the
/// owner of the weights.
HloValue buildScoreFactor(HloBuilder &b, const HloValue &temperature,
                          double scale);

void registerGenerationExportModels(MLIRContext *context);
void registerLinearExportModels(MLIRContext *context);
void registerNonlinearExportModels(MLIRContext *context);
void registerAttentionExportModels(MLIRContext *context);
void registerWeightExportModels(MLIRContext *context);
void registerUpstreamExportModels(DialectRegistry &registry);

} // namespace mlir::pi

#endif // PI_LIB_TARGET_STABLEHLO_EXPORTMODEL_H
