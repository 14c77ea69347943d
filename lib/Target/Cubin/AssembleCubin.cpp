//===- AssembleCubin.cpp - GPU modules to machine code --------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Ptxas.h"
#include "pi/Target/Cubin/Cubin.h"

#include "mlir/Conversion/GPUToNVVM/GPUToNVVMPass.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVM/ModuleToObject.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;
using namespace mlir::pi;

void mlir::pi::registerCubinTranslations(DialectRegistry &registry) {
  registerBuiltinDialectTranslation(registry);
  registerGPUDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
}

/// From everything a kernel may hold to the LLVM dialect.
static LogicalResult lowerToNVVM(ModuleOp module) {
  PassManager outer(module.getContext());
  outer.enableVerifier(false);
  OpPassManager &manager = outer.nest<gpu::GPUModuleOp>();
  manager.addPass(createConvertVectorToSCFPass());
  manager.addPass(createSCFToControlFlowPass());
  manager.addPass(memref::createExpandStridedMetadataPass());
  manager.addPass(createLowerAffinePass());
  manager.addPass(createConvertNVGPUToNVVMPass());
  ConvertGpuOpsToNVVMOpsOptions options;
  options.useBarePtrCallConv = true;
  manager.addPass(createConvertGpuOpsToNVVMOps(options));
  manager.addPass(createReconcileUnrealizedCastsPass());
  return outer.run(module);
}

namespace {

/// Translates a lowered module to PTX.
class ModuleToPTX : public LLVM::ModuleToObject {
public:
  ModuleToPTX(Operation &module, const CubinOptions &options)
      : ModuleToObject(module, "nvptx64-nvidia-cuda", options.chip,
                       options.features, /*optLevel=*/3) {}

  std::optional<SmallVector<std::unique_ptr<llvm::Module>>>
  loadBitcodeFiles(llvm::Module &llvmModule) override {
    SmallVector<std::unique_ptr<llvm::Module>> libraries;
    bool callsLibrary =
        llvm::any_of(llvmModule, [](const llvm::Function &function) {
          return function.isDeclaration() &&
                 function.getName().starts_with("__nv_");
        });
    if (!callsLibrary)
      return libraries;
    std::unique_ptr<llvm::Module> library =
        loadBitcodeFile(llvmModule.getContext(), PI_CUDA_LIBDEVICE);
    if (!library)
      return std::nullopt;
    libraries.push_back(std::move(library));
    return libraries;
  }

  FailureOr<SmallVector<char, 0>>
  moduleToObject(llvm::Module &llvmModule) override {
    FailureOr<llvm::TargetMachine *> machine = getOrCreateTargetMachine();
    if (failed(machine))
      return failure();
    FailureOr<SmallString<0>> isa = translateModuleToISA(
        llvmModule, **machine, [&] { return module.emitError(); });
    if (failed(isa))
      return failure();
    return SmallVector<char, 0>(isa->begin(), isa->end());
  }
};

} // namespace

static void initializeTarget() {
  static bool once = [] {
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
    return true;
  }();
  (void)once;
}

/// Reports kernels that promise not to spill and do.
static LogicalResult checkSpills(gpu::GPUModuleOp module, const Cubin &cubin) {
  LogicalResult result = success();
  for (const KernelResources &kernel : cubin.kernels) {
    auto function = module.lookupSymbol<gpu::GPUFuncOp>(kernel.name);
    if (function && function->hasAttr(kNoSpillAttr) && kernel.spillBytes)
      result = function.emitError("kernel '")
               << kernel.name << "' spills " << kernel.spillBytes
               << " bytes at " << kernel.registers
               << " registers; it promises (" << kNoSpillAttr << ") not to";
  }
  return result;
}

FailureOr<Cubin> mlir::pi::assembleCubin(gpu::GPUModuleOp module,
                                         const CubinOptions &options) {
  initializeTarget();
  // The conversion asks the enclosing module for its data layout.
  OwningOpRef<ModuleOp> holder(ModuleOp::create(module.getLoc()));
  gpu::GPUModuleOp lowered = module.clone();
  holder->push_back(lowered);
  if (failed(lowerToNVVM(*holder)))
    return module.emitError("cannot be lowered to NVVM");
  std::optional<SmallVector<char, 0>> ptx =
      ModuleToPTX(*lowered.getOperation(), options).run();
  if (!ptx)
    return module.emitError("cannot be translated to PTX");
  // The printed ISA may end in a null character, which ptxas rejects.
  StringRef text = StringRef(ptx->data(), ptx->size()).rtrim('\0');
  FailureOr<Cubin> cubin = runPtxas(module.getLoc(), text, options);
  if (failed(cubin) || failed(checkSpills(module, *cubin)))
    return failure();
  return cubin;
}
