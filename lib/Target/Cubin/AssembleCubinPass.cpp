//===- AssembleCubinPass.cpp - Assembles the GPU modules of a module ------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Support/OutputFile.h"
#include "pi/Target/Cubin/Cubin.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

namespace mlir::pi {
#define GEN_PASS_DEF_PIASSEMBLECUBIN
#include "pi/Target/Cubin/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

/// Builtin attributes as JSON.
static llvm::json::Value toJson(Attribute attribute) {
  if (auto integer = dyn_cast<IntegerAttr>(attribute))
    return integer.getValue().getSExtValue();
  if (auto array = dyn_cast<DenseI64ArrayAttr>(attribute))
    return llvm::json::Array(array.asArrayRef());
  if (auto dictionary = dyn_cast<DictionaryAttr>(attribute)) {
    llvm::json::Object object;
    for (NamedAttribute entry : dictionary)
      object[llvm::json::fixUTF8(entry.getName())] = toJson(entry.getValue());
    return object;
  }
  return nullptr;
}

static DictionaryAttr toAttribute(Builder &builder,
                                  const KernelResources &kernel) {
  return builder.getDictionaryAttr(
      {builder.getNamedAttr("registers",
                            builder.getI64IntegerAttr(kernel.registers)),
       builder.getNamedAttr("spill_bytes",
                            builder.getI64IntegerAttr(kernel.spillBytes)),
       builder.getNamedAttr("shared_bytes",
                            builder.getI64IntegerAttr(kernel.sharedBytes))});
}

namespace {

struct AssembleCubin : pi::impl::PiAssembleCubinBase<AssembleCubin> {
  using Base::Base;

  void runOnOperation() override {
    auto modules = llvm::to_vector(getOperation().getOps<gpu::GPUModuleOp>());
    bool writesFiles =
        !output.empty() || !ptxOutput.empty() || !launchesOutput.empty();
    if (writesFiles && modules.size() != 1) {
      getOperation().emitError("has ")
          << modules.size() << " gpu.modules; the files hold exactly one";
      return signalPassFailure();
    }
    for (gpu::GPUModuleOp module : modules)
      if (failed(assemble(module)))
        return signalPassFailure();
  }

private:
  LogicalResult assemble(gpu::GPUModuleOp module) {
    CubinOptions options;
    options.ptxas = ptxas;
    FailureOr<Cubin> cubin = assembleCubin(module, options);
    if (failed(cubin))
      return failure();
    Builder builder(module.getContext());
    llvm::json::Array launches;
    for (const KernelResources &kernel : cubin->kernels) {
      auto function = module.lookupSymbol<gpu::GPUFuncOp>(kernel.name);
      if (!function)
        continue;
      function->setAttr("pi.resources", toAttribute(builder, kernel));
      llvm::json::Object entry{{"kernel", llvm::json::fixUTF8(kernel.name)}};
      entry["resources"] = toJson(function->getAttr("pi.resources"));
      if (Attribute launch = function->getAttr("pi.launch"))
        entry["launch"] = toJson(launch);
      launches.push_back(std::move(entry));
    }
    return success(
        succeeded(write(output, cubin->bytes)) &&
        succeeded(write(ptxOutput, cubin->ptx)) &&
        succeeded(write(
            launchesOutput,
            llvm::formatv("{0:2}\n", llvm::json::Value(std::move(launches)))
                .str())));
  }

  LogicalResult write(StringRef path, StringRef contents) {
    if (path.empty())
      return success();
    llvm::Error error = pi::writeOutputFile(
        path, [&](llvm::raw_ostream &stream) { stream << contents; });
    if (error)
      return getOperation().emitError("cannot write '")
             << path << "': " << llvm::toString(std::move(error));
    return success();
  }
};

} // namespace
