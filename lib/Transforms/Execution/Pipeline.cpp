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

namespace {
struct ExecutionOptions : PassPipelineOptions<ExecutionOptions> {
  Option<bool> generation{*this, "generation",
                          llvm::cl::desc("make @prefill and @decode"),
                          llvm::cl::init(true)};
};
} // namespace

void mlir::pi::buildExecutionPipeline(OpPassManager &manager, bool generation) {
  manager.addPass(createPiStripTraining());
  manager.addPass(createPiHoistParameterComputation());
  if (generation)
    manager.addPass(createPiBuildGeneration());
  manager.addPass(createPiExternalizeParameters());
  manager.addPass(createCanonicalizerPass());
}

void mlir::pi::registerExecutionPipeline() {
  PassPipelineRegistration<ExecutionOptions>(
      "pi-execution-pipeline",
      "from a model with @forward to functions with all parameters and states "
      "as arguments",
      [](OpPassManager &manager, const ExecutionOptions &options) {
        buildExecutionPipeline(manager, options.generation);
      });
}
