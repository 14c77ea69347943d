//===- Registration.cpp - All dialects and passes of the project ----------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Registration.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "pi/Conversion/HostRuntime/Passes.h"
#include "pi/Conversion/PiToLinalg/Passes.h"
#include "pi/Conversion/PiToPirt/Kernels.h"
#include "pi/Conversion/PiToPirt/Passes.h"
#include "pi/Conversion/PiToPirt/PlanEmitter.h"
#include "pi/Conversion/PiToPirt/RowKernel.h"
#include "pi/Cost/ExternalModels.h"
#include "pi/Cost/Passes.h"
#include "pi/Dialect/Pi/IR/Pi.h"
#include "pi/Dialect/Pirt/IR/Pirt.h"
#include "pi/Dialect/Pirt/Transforms/Passes.h"
#include "pi/Target/Cubin/Cubin.h"
#include "pi/Target/Pirt/CudaCode.h"
#include "pi/Target/Pirt/ExportPlan.h"
#include "pi/Transforms/Architecture/Passes.h"
#include "pi/Transforms/Execution/Passes.h"
#include "pi/Transforms/Precision/Passes.h"
#include "pi/Transforms/Private/Passes.h"
#include "pi/Transforms/Training/Passes.h"

using namespace mlir;

void mlir::pi::registerAllDialects(DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  registry.insert<pi::PIDialect, pirt::PIRTDialect>();
  pi::registerCubinTranslations(registry);
  pi::registerCostExternalModels(registry);
  pi::registerDifferentiableModels(registry);
  pi::registerRecomputableModels(registry);
  pi::registerPlanOpModels(registry);
  pi::registerRowOpModels(registry);
}

void mlir::pi::registerAllPasses() {
  mlir::registerAllPasses();
  pi::registerArchitecturePasses();
  pi::registerConvertPiToPirt();
  pi::registerCubinPasses();
  pi::registerKernelsPasses();
  pi::registerCostPasses();
  pi::registerExecutionPasses();
  pi::registerExecutionPipeline();
  pi::registerPiToLinalgPasses();
  pi::registerHostRuntimePasses();
  pi::registerCPUPipeline();
  pi::registerPrecisionPasses();
  pi::registerPrivatePasses();
  pi::registerTrainingPasses();
  pi::registerTrainStepPipeline();
  pirt::registerPirtPasses();
  pirt::registerPirtTargetPasses();
  pirt::registerCudaPipeline();
}
