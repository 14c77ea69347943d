//===- EntryPoints.cpp - What the runtime calls in host code --------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Conversion/HostRuntime/Passes.h"
#include "pi/Transforms/Execution/Passes.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::pi {
#define GEN_PASS_DEF_PIEMITHOSTENTRYPOINTS
#include "pi/Conversion/HostRuntime/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

std::string mlir::pi::getEntrySymbol(StringRef function) {
  if (function.consume_front(kInitializePrefix))
    return ("pi_initialize_" + function).str();
  return ("pi_entry_" + function).str();
}

/// Defines `int32_t pi_entry_NAME(void *const *arguments)`.
static void emitEntryPoint(LLVM::LLVMFuncOp function) {
  ImplicitLocOpBuilder b(function.getLoc(), function);
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  auto entry = LLVM::LLVMFuncOp::create(
      b, getEntrySymbol(function.getSymName()),
      LLVM::LLVMFunctionType::get(b.getI32Type(), pointer));
  Block *block = entry.addEntryBlock(b);
  b.setInsertionPointToStart(block);
  SmallVector<Value> arguments;
  for (int64_t i = 0, n = function.getNumArguments(); i < n; ++i) {
    Value address =
        LLVM::GEPOp::create(b, pointer, pointer, block->getArgument(0),
                            ArrayRef<LLVM::GEPArg>{int32_t(i)});
    arguments.push_back(LLVM::LoadOp::create(b, pointer, address));
  }
  LLVM::CallOp::create(b, function, arguments);
  LLVM::ReturnOp::create(b, LLVM::ConstantOp::create(b, b.getI32Type(), 0));
}

/// Defines what a parallel loop calls: packs its arguments into memory and has
/// the runtime call, from its threads, a function that unpacks them and calls
/// the loop's body.
static void emitParallelCall(LLVM::LLVMFuncOp run, LLVM::LLVMFuncOp body,
                             LLVM::LLVMFuncOp parallelFor) {
  ImplicitLocOpBuilder b(run.getLoc(), run);
  MLIRContext *context = b.getContext();
  Type pointer = LLVM::LLVMPointerType::get(context);
  Type i64 = b.getI64Type(), nothing = LLVM::LLVMVoidType::get(context);
  auto packed = LLVM::LLVMStructType::getLiteral(
      context, run.getFunctionType().getParams());

  auto unpack = LLVM::LLVMFuncOp::create(
      b, (body.getSymName() + ".unpack").str(),
      LLVM::LLVMFunctionType::get(nothing, {i64, i64, pointer}),
      LLVM::Linkage::Internal);
  Block *block = unpack.addEntryBlock(b);
  b.setInsertionPointToStart(block);
  Value values = LLVM::LoadOp::create(b, packed, block->getArgument(2));
  SmallVector<Value> arguments = {block->getArgument(0), block->getArgument(1)};
  for (int64_t i = 0, n = packed.getBody().size(); i < n; ++i)
    arguments.push_back(LLVM::ExtractValueOp::create(b, values, i));
  LLVM::CallOp::create(b, body, arguments);
  LLVM::ReturnOp::create(b, ValueRange());

  block = run.addEntryBlock(b);
  run.setLinkage(LLVM::Linkage::Internal);
  b.setInsertionPointToStart(block);
  Value one = LLVM::ConstantOp::create(b, i64, 1);
  Value memory = LLVM::AllocaOp::create(b, pointer, packed, one);
  values = LLVM::PoisonOp::create(b, packed);
  for (auto [index, argument] : llvm::enumerate(block->getArguments()))
    values = LLVM::InsertValueOp::create(b, values, argument, index);
  LLVM::StoreOp::create(b, values, memory);
  Value count = LLVM::ConstantOp::create(
      b, i64, run->getAttrOfType<IntegerAttr>("pi.iterations").getInt());
  Value address = LLVM::AddressOfOp::create(b, unpack);
  LLVM::CallOp::create(b, parallelFor, ValueRange{count, address, memory});
  LLVM::ReturnOp::create(b, ValueRange());
}

namespace {
struct EmitHostEntryPoints final
    : public pi::impl::PiEmitHostEntryPointsBase<EmitHostEntryPoints> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SymbolTable symbols(module);
    useRuntimeAllocator(symbols);
    for (auto function : llvm::to_vector(module.getOps<LLVM::LLVMFuncOp>())) {
      auto body =
          function->getAttrOfType<FlatSymbolRefAttr>("pi.parallel_body");
      if (body) {
        emitParallelCall(function,
                         symbols.lookup<LLVM::LLVMFuncOp>(body.getValue()),
                         getParallelFor());
      } else if (!function.isExternal()) {
        if (isEntryPoint(function))
          emitEntryPoint(function);
        function.setLinkage(LLVM::Linkage::Internal);
      }
    }
  }

private:
  /// A function that nothing in the module calls is there for the runtime.
  static bool isEntryPoint(LLVM::LLVMFuncOp function) {
    return function.getSymName().starts_with(kInitializePrefix) ||
           function.getVisibility() == SymbolTable::Visibility::Public;
  }

  /// Allocations were lowered to libc's; the runtime's are aligned and reuse
  /// memory from call to call.
  void useRuntimeAllocator(SymbolTable &symbols) {
    for (auto [libc, runtime] :
         {std::pair("malloc", "pi_rt_alloc"), std::pair("free", "pi_rt_free")})
      if (auto function = symbols.lookup<LLVM::LLVMFuncOp>(libc))
        if (failed(symbols.rename(function, runtime)))
          llvm_unreachable("the module has no other function of this name");
  }

  LLVM::LLVMFuncOp getParallelFor() {
    constexpr StringLiteral name = "pi_rt_parallel_for";
    if (auto known = getOperation().lookupSymbol<LLVM::LLVMFuncOp>(name))
      return known;
    OpBuilder b = OpBuilder::atBlockBegin(getOperation().getBody());
    Type pointer = LLVM::LLVMPointerType::get(b.getContext());
    return LLVM::LLVMFuncOp::create(
        b, getOperation().getLoc(), name,
        LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()),
                                    {b.getI64Type(), pointer, pointer}));
  }
};
} // namespace
