//===- Pipeline.cpp - From the execution form to LLVM ---------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Conversion/HostRuntime/Passes.h"
#include "pi/Conversion/PiToLinalg/Passes.h"
#include "pi/Transforms/Execution/Passes.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SCF/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::pi;

/// Tensors to buffers.
static void addBufferization(OpPassManager &manager) {
  manager.addPass(createPiComputeInF32());
  manager.addPass(createPiOutlineOperations());
  manager.addPass(createConvertPiToLinalg());
  manager.addPass(createCanonicalizerPass());
  // No CSE in between: two equal empty tensors that became one would share the
  // buffer of one result, and the first value in it would be lost.
  manager.addPass(bufferization::createEmptyTensorEliminationPass());
  manager.addPass(bufferization::createOneShotBufferizePass());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
}

/// Buffers to loops and calls.
static void addLoops(OpPassManager &manager) {
  manager.addPass(createConvertLinalgToBLAS());
  manager.addPass(createPiCopyByLoops());
  auto &functions = manager.nest<func::FuncOp>();
  functions.addPass(createForallToParallelLoopPass());
  functions.addPass(createConvertLinalgToParallelLoopsPass());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createPiOutlineParallelLoops());
  manager.addNestedPass<func::FuncOp>(createPiPlanHostBuffers());
}

/// Everything to the LLVM dialect.
static void addLLVM(OpPassManager &manager) {
  manager.addPass(createPiApproximateMath());
  manager.addPass(createPiExpandBFloat16());
  manager.addPass(memref::createExpandStridedMetadataPass());
  manager.addPass(createLowerAffinePass());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  manager.addPass(createSCFToControlFlowPass());
  manager.addPass(createConvertMathToLLVMPass());
  manager.addPass(createConvertMathToLibmPass());
  manager.addPass(createArithToLLVMConversionPass());
  FinalizeMemRefToLLVMConversionPassOptions memref;
  manager.addPass(createFinalizeMemRefToLLVMConversionPass(memref));
  ConvertFuncToLLVMPassOptions function;
  function.useBarePtrCallConv = true;
  manager.addPass(createConvertFuncToLLVMPass(function));
  manager.addPass(createConvertControlFlowToLLVMPass());
  manager.addPass(createReconcileUnrealizedCastsPass());
  manager.addPass(createPiEmitHostEntryPoints());
}

void mlir::pi::buildCPUPipeline(OpPassManager &manager) {
  addBufferization(manager);
  addLoops(manager);
  addLLVM(manager);
}

void mlir::pi::registerCPUPipeline() {
  PassPipelineRegistration<>(
      "pi-cpu-pipeline",
      "from the execution form to the LLVM dialect, for the host",
      buildCPUPipeline);
}
