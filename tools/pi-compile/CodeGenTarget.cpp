//===- CodeGenTarget.cpp - Code for the CPU and for CUDA ------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CodeGenTarget.h"

#include "pi/Conversion/HostRuntime/Passes.h"
#include "pi/Target/Artifact/HostObject.h"
#include "pi/Target/Artifact/ManifestBuilder.h"
#include "pi/Target/Pirt/CudaCode.h"
#include "pi/Transforms/Execution/Passes.h"
#include "pi/Transforms/Precision/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace pi_compile;
using llvm::ArrayRef;
using llvm::StringRef;

/// The processor that initialisers of a CUDA artefact are compiled for: such an
/// artefact usually runs on another machine than the compiler's.
static constexpr StringRef portableProcessor = "x86-64-v3";

/// Lowers what is left of a module to host code.
static FailureOr<std::string> compileHost(ModuleOp module,
                                          const pi::HostOptions &options) {
  PassManager manager(module.getContext());
  pi::buildCPUPipeline(manager);
  if (failed(manager.run(module)))
    return failure();
  return pi::compileHostCode(module, options);
}

namespace {
class CpuTarget : public CodeGenTarget {
public:
  StringRef name() const override { return "cpu"; }
  ArrayRef<StringRef> precisions() const override {
    static const StringRef names[] = {"f32"};
    return names;
  }

  FailureOr<CompiledModel>
  compile(ModuleOp module, const CodeGenOptions &options) const override {
    pi::HostOptions host;
    if (!options.processor.empty())
      host.cpu = options.processor;
    FailureOr<pi_runtime::Manifest> manifest =
        pi::buildManifest(module, name(), pi::getHostCPU(host));
    if (failed(manifest))
      return failure();
    FailureOr<std::string> code = compileHost(module, host);
    if (failed(code))
      return failure();
    manifest->hostFeatures = pi::getHostFeatures(host);
    return CompiledModel{std::move(*manifest),
                         {{pi_runtime::hostCodeSection, std::move(*code)}}};
  }
};

class CudaTarget : public CodeGenTarget {
public:
  StringRef name() const override { return "cuda"; }
  ArrayRef<StringRef> precisions() const override {
    static const StringRef names[] = {"bf16", "f32"};
    return names;
  }

  FailureOr<CompiledModel>
  compile(ModuleOp module, const CodeGenOptions &options) const override {
    if (options.precision == "bf16") {
      PassManager manager(module.getContext());
      manager.addPass(pi::createPiLowerPrecision());
      if (failed(manager.run(module)))
        return failure();
    }
    pi::CubinOptions cubin;
    FailureOr<pi_runtime::Manifest> manifest =
        pi::buildManifest(module, name(), cubin.chip);
    if (failed(manifest))
      return failure();
    FailureOr<pirt::CudaCode> code = pirt::compileForCuda(module, cubin);
    if (failed(code))
      return failure();

    CompiledModel model{std::move(*manifest), {}};
    for (pi_runtime::EntryPoint &entry : model.manifest.entryPoints) {
      entry.symbol.clear();
      for (auto &[plan, text] : code->plans)
        if (plan == entry.name)
          entry.plan = std::move(text);
    }
    if (!code->cubin.empty())
      model.sections.emplace_back(pi_runtime::kernelSection,
                                  std::move(code->cubin));
    if (failed(addInitializers(module, options, model)))
      return failure();
    return model;
  }

private:
  /// Derived parameters are computed on the host, when weights load.
  static LogicalResult addInitializers(ModuleOp module,
                                       const CodeGenOptions &options,
                                       CompiledModel &model) {
    if (model.manifest.initializers.empty())
      return success();
    for (auto function :
         llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
      if (function.isPublic())
        function.erase();
    pi::HostOptions host;
    host.cpu =
        options.processor.empty() ? portableProcessor.str() : options.processor;
    FailureOr<std::string> code = compileHost(module, host);
    if (failed(code))
      return failure();
    model.manifest.hostFeatures = pi::getHostFeatures(host);
    model.sections.emplace_back(pi_runtime::hostCodeSection, std::move(*code));
    return success();
  }
};
} // namespace

ArrayRef<const CodeGenTarget *> pi_compile::getTargets() {
  static const CpuTarget cpu;
  static const CudaTarget cuda;
  static const CodeGenTarget *const targets[] = {&cpu, &cuda};
  return targets;
}
