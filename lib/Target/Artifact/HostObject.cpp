//===- HostObject.cpp - Machine code of the host --------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Target/Artifact/HostObject.h"

#include "pi/Dialect/Pi/IR/Pi.h"
#include "pi/Runtime/HostFeatureNames.h"
#include "pi/Support/TemporaryFile.h"

#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"

using namespace mlir;
using namespace mlir::pi;

std::string mlir::pi::getHostCPU(const HostOptions &options) {
  return options.cpu == "native" ? llvm::sys::getHostCPUName().str()
                                 : options.cpu;
}

/// A string of "+feature,-feature" of the processor this runs on.
static std::string getNativeFeatures() {
  std::string text;
  for (const auto &feature : llvm::sys::getHostCPUFeatures())
    text += (text.empty() ? "" : ",") +
            std::string(feature.second ? "+" : "-") + feature.first().str();
  return text;
}

/// The host's target of LLVM, or null with an error message.
static const llvm::Target *getHostTarget(std::string &error) {
  static bool isInitialized = !llvm::InitializeNativeTarget() &&
                              !llvm::InitializeNativeTargetAsmPrinter();
  if (!isInitialized) {
    error = "LLVM was built without it";
    return nullptr;
  }
  return llvm::TargetRegistry::lookupTarget(
      llvm::Triple(llvm::sys::getDefaultTargetTriple()), error);
}

static std::unique_ptr<llvm::MCSubtargetInfo>
makeSubtarget(const llvm::Target &target, const HostOptions &options) {
  return std::unique_ptr<llvm::MCSubtargetInfo>(target.createMCSubtargetInfo(
      llvm::Triple(llvm::sys::getDefaultTargetTriple()), getHostCPU(options),
      options.cpu == "native" ? getNativeFeatures() : ""));
}

std::vector<std::string> mlir::pi::getHostFeatures(const HostOptions &options) {
  std::vector<std::string> features;
  std::string error;
  const llvm::Target *target = getHostTarget(error);
  if (!target)
    return features;
  [[maybe_unused]] auto subtarget = makeSubtarget(*target, options);
#if defined(__x86_64__)
#define PI_ADD_FEATURE(feature)                                                \
  if (subtarget->checkFeatures("+" feature))                                   \
    features.push_back(feature);
  PI_FOR_EACH_X86_FEATURE(PI_ADD_FEATURE)
#undef PI_ADD_FEATURE
#endif
  return features;
}

static FailureOr<std::unique_ptr<llvm::TargetMachine>>
makeTargetMachine(ModuleOp module, const HostOptions &options) {
  std::string error;
  const llvm::Target *target = getHostTarget(error);
  if (!target)
    return module.emitError("no code generator for the host: ") << error;
  // Asked of a processor that LLVM knows: making a subtarget of an unknown one
  // prints a warning.
  std::string cpu = getHostCPU(options);
  HostOptions generic;
  generic.cpu = "generic";
  if (!makeSubtarget(*target, generic)->isCPUStringValid(cpu))
    return module.emitError("unknown processor '") << cpu << "'";
  std::unique_ptr<llvm::MCSubtargetInfo> subtarget =
      makeSubtarget(*target, options);
  llvm::TargetOptions targetOptions;
  // A product and its sum may be rounded once.
  targetOptions.AllowFPOpFusion = llvm::FPOpFusion::Fast;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      llvm::Triple(llvm::sys::getDefaultTargetTriple()), cpu,
      subtarget->getFeatureString(), targetOptions, llvm::Reloc::PIC_,
      std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

static llvm::OptimizationLevel getLevel(unsigned level) {
  switch (level) {
  case 0:
    return llvm::OptimizationLevel::O0;
  case 1:
    return llvm::OptimizationLevel::O1;
  case 2:
    return llvm::OptimizationLevel::O2;
  default:
    return llvm::OptimizationLevel::O3;
  }
}

static void optimize(llvm::Module &module, llvm::TargetMachine &machine,
                     unsigned level) {
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = tuning.SLPVectorization = level > 1;
  llvm::PassBuilder builder(&machine, tuning);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  llvm::ModulePassManager passes =
      level == 0 ? builder.buildO0DefaultPipeline(llvm::OptimizationLevel::O0)
                 : builder.buildPerModuleDefaultPipeline(getLevel(level));
  passes.run(module, modules);
}

/// Every function is for the processor with all of its registers: the default
/// of some is to leave the widest unused.
static void setFunctionAttributes(llvm::Module &module,
                                  const llvm::TargetMachine &machine) {
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", machine.getTargetCPU());
    function.addFnAttr("target-features", machine.getTargetFeatureString());
    function.addFnAttr("prefer-vector-width", "512");
    function.addFnAttr(llvm::Attribute::NoUnwind);
  }
}

static FailureOr<SmallVector<char, 0>>
emitObject(ModuleOp module, llvm::Module &llvmModule,
           llvm::TargetMachine &machine) {
  SmallVector<char, 0> object;
  llvm::raw_svector_ostream os(object);
  llvm::legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, os, nullptr,
                                  llvm::CodeGenFileType::ObjectFile))
    return module.emitError("the host's code generator writes no object files");
  passes.run(llvmModule);
  return object;
}

/// Makes a shared object of an object file.
static FailureOr<std::string> link(ModuleOp module, ArrayRef<char> object) {
  llvm::ErrorOr<std::string> linker = llvm::sys::findProgramByName("ld.lld");
  if (!linker)
    linker = llvm::sys::findProgramByName("ld");
  if (!linker)
    return module.emitError("no linker for host code; install lld (ld.lld)");
  TemporaryFile objectFile, libraryFile;
  std::error_code error = objectFile.create(
      "pi-host", "o", StringRef(object.data(), object.size()));
  if (!error)
    error = libraryFile.create("pi-host", "so");
  if (error)
    return module.emitError("cannot write a temporary file: ")
           << error.message();

  std::string message;
  StringRef arguments[] = {*linker,
                           "-shared",
                           "--build-id=none",
                           "-s",
                           "-z",
                           "noexecstack",
                           "-o",
                           libraryFile.getPath(),
                           objectFile.getPath()};
  if (llvm::sys::ExecuteAndWait(*linker, arguments, std::nullopt, {}, 0, 0,
                                &message))
    return module.emitError("cannot link the host code by ")
           << *linker << ": " << message;
  FailureOr<std::string> library = libraryFile.read();
  if (failed(library))
    return module.emitError("cannot read what ") << *linker << " has written";
  return library;
}

FailureOr<std::string> mlir::pi::compileHostCode(ModuleOp module,
                                                 const HostOptions &options) {
  auto machine = makeTargetMachine(module, options);
  if (failed(machine))
    return failure();
  // What describes the model has no code.
  for (auto parameter :
       llvm::make_early_inc_range(module.getOps<ParameterOp>()))
    parameter.erase();
  MLIRContext &context = *module.getContext();
  registerBuiltinDialectTranslation(context);
  registerLLVMDialectTranslation(context);
  llvm::LLVMContext llvmContext;
  std::unique_ptr<llvm::Module> llvmModule =
      translateModuleToLLVMIR(module, llvmContext, "host");
  if (!llvmModule)
    return module.emitError("cannot be translated to LLVM IR");
  llvmModule->setTargetTriple((*machine)->getTargetTriple());
  llvmModule->setDataLayout((*machine)->createDataLayout());
  setFunctionAttributes(*llvmModule, **machine);
  optimize(*llvmModule, **machine, options.optimizationLevel);
  FailureOr<SmallVector<char, 0>> object =
      emitObject(module, *llvmModule, **machine);
  if (failed(object))
    return failure();
  return link(module, *object);
}
