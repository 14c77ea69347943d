//===- CudaCode.cpp - Plans and kernels of a model ------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Target/Pirt/CudaCode.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassRegistry.h"
#include "pi/Conversion/PiToPirt/Passes.h"
#include "pi/Dialect/Pirt/Transforms/Passes.h"
#include "pi/Target/Pirt/ExportPlan.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::pirt;

void mlir::pirt::buildCudaPipeline(OpPassManager &manager) {
  manager.addPass(pi::createConvertPiToPirt());
  manager.addNestedPass<func::FuncOp>(createPirtPlanMemory());
}

void mlir::pirt::registerCudaPipeline() {
  PassPipelineRegistration<>("pi-cuda-pipeline",
                             "from the execution form to plans for a GPU",
                             buildCudaPipeline);
}

FailureOr<CudaCode>
mlir::pirt::compileForCuda(ModuleOp module, const pi::CubinOptions &options) {
  OwningOpRef<ModuleOp> lowered = module.clone();
  PassManager manager(module.getContext());
  buildCudaPipeline(manager);
  if (failed(manager.run(*lowered)))
    return failure();

  CudaCode code;
  for (func::FuncOp function : getPlans(*lowered)) {
    FailureOr<llvm::json::Value> plan = exportPlan(function);
    if (failed(plan))
      return failure();
    code.plans.emplace_back(function.getName(),
                            llvm::formatv("{0}", *plan).str());
  }
  auto kernels = lowered->lookupSymbol<gpu::GPUModuleOp>(pi::kKernelModuleName);
  if (!kernels || kernels.getOps<gpu::GPUFuncOp>().empty())
    return code;
  FailureOr<pi::Cubin> cubin = pi::assembleCubin(kernels, options);
  if (failed(cubin))
    return failure();
  code.cubin = std::move(cubin->bytes);
  return code;
}
