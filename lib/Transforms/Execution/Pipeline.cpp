//===- Pipeline.cpp - The pipeline to the execution form ------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Transforms/Execution/Passes.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::pi;

void mlir::pi::buildExecutionPipeline(OpPassManager &manager) {
  manager.addPass(createPiStripTraining());
  manager.addPass(createPiHoistParameterComputation());
  manager.addPass(createPiBuildGeneration());
  manager.addPass(createPiExternalizeParameters());
  manager.addPass(createCanonicalizerPass());
}

void mlir::pi::registerExecutionPipeline() {
  PassPipelineRegistration<>("pi-execution-pipeline",
                             "from a model with @forward to functions with "
                             "all parameters and states as arguments",
                             buildExecutionPipeline);
}
