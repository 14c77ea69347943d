//===- MultiTensor.cpp - One kernel for many tensors ----------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MultiTensor.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace mlir::pi;

/// Address space of tables that kernels read alone.
static constexpr unsigned kGlobalSpace = 1;

/// The number of the first block of each tensor, and the number of blocks.
static SmallVector<int64_t> getFirstBlocks(ArrayRef<int64_t> elements) {
  SmallVector<int64_t> blocks = {0};
  for (int64_t count : elements)
    blocks.push_back(
        blocks.back() +
        llvm::divideCeil(count, MultiTensorKernel::kBlockElements));
  return blocks;
}

KernelLaunch MultiTensorKernel::getLaunch(ArrayRef<int64_t> elements) {
  KernelLaunch launch;
  launch.grid = {getFirstBlocks(elements).back(), 1, 1};
  launch.block = {kThreads, 1, 1};
  launch.sharedBytes = 16;
  return launch;
}

static SmallVector<Type> addTable(ArrayRef<Type> arguments,
                                  MLIRContext *context, int64_t entries) {
  SmallVector<Type> types(arguments);
  types.push_back(MemRefType::get({entries}, IntegerType::get(context, 64)));
  return types;
}

MultiTensorKernel::MultiTensorKernel(gpu::GPUModuleOp module, Location loc,
                                     StringRef name, ArrayRef<int64_t> elements,
                                     int64_t numLists, ArrayRef<Type> arguments)
    : k(module, loc, name,
        addTable(arguments, module.getContext(), numLists * elements.size()),
        kThreads),
      name(name), numTensors(elements.size()), tableArgument(arguments.size()) {
  // Each thread looks at some tensors; the one whose block this is says so.
  SmallVector<int64_t> firstBlocks = getFirstBlocks(elements);
  Val block = k.blockId(gpu::Dimension::x), thread = k.threadId();
  Val shared = k.sharedMemory();
  for (int64_t i = 0; i < numTensors; i += kThreads) {
    Val index = min(thread + i, k.i32(numTensors - 1));
    Val first = loadTable("first_blocks", firstBlocks, index);
    Val next = loadTable("first_blocks", firstBlocks, index + 1);
    Val isInside = (block < next) & (first < block + 1);
    k.when(isInside, [&] { k.storeWords({index, first}, shared); });
  }
  k.blockBarrier();
  Vals found = k.loadWords(shared, 2);
  tensorIndex = found[0];
  count = loadTable("elements", elements, tensorIndex);
  begin = (block - found[1]) * kBlockElements + thread * kVector;
}

/// An element of a table that is part of the kernel's code.
Val MultiTensorKernel::loadTable(StringRef table, ArrayRef<int64_t> numbers,
                                 Val index) {
  std::string symbol = (name + "_" + table).str();
  auto module =
      k.getInsertionBlock()->getParentOp()->getParentOfType<gpu::GPUModuleOp>();
  if (!module.lookupSymbol(symbol)) {
    OpBuilder::InsertionGuard guard(k);
    k.setInsertionPointToStart(module.getBody());
    auto narrow = llvm::map_to_vector(
        numbers, [](int64_t number) { return static_cast<int32_t>(number); });
    LLVM::GlobalOp::create(
        k, LLVM::LLVMArrayType::get(k.getI32Type(), narrow.size()),
        /*isConstant=*/true, LLVM::Linkage::Internal, symbol,
        k.getI32TensorAttr(narrow), /*alignment=*/16, kGlobalSpace);
  }
  Val base = k.wrap(LLVM::AddressOfOp::create(
      k, LLVM::LLVMPointerType::get(k.getContext(), kGlobalSpace), symbol));
  return k.load(k.getI32Type(), k.address(base, index * 4), 4,
                /*constant=*/true);
}

Val MultiTensorKernel::numberOfTensor(StringRef table,
                                      ArrayRef<int64_t> numbers) {
  return loadTable(table, numbers, tensorIndex);
}

Val MultiTensorKernel::tensor(int64_t list) {
  Val address = k.load(k.getI64Type(),
                       k.address(k.argument(tableArgument),
                                 (tensorIndex + list * numTensors) * 8),
                       8, /*constant=*/true);
  return k.wrap(LLVM::IntToPtrOp::create(
      k, LLVM::LLVMPointerType::get(k.getContext(), kGlobalSpace),
      Value(address)));
}

Vals MultiTensorKernel::forElements(
    ArrayRef<Val> inits,
    function_ref<Vals(ArrayRef<Val> carried, Val first, int64_t width)> body) {
  Vals carried(inits);
  for (int64_t i = 0; i < kElementsPerThread; i += kVector) {
    Val first = begin + i * kThreads;
    Val rest = count - first;
    Val isWhole = k.i32(kVector - 1) < rest;
    carried =
        k.when(isWhole, carried, [&] { return body(carried, first, kVector); });
    Val isPart = (k.i32(0) < rest) & (rest < kVector);
    carried = k.when(isPart, carried, [&] {
      return k.loop(first, count, 1, carried,
                    [&](Val element, ArrayRef<Val> values) {
                      return body(values, element, 1);
                    });
    });
  }
  return carried;
}

void MultiTensorKernel::forElements(
    function_ref<void(Val first, int64_t width)> body) {
  forElements({}, [&](ArrayRef<Val>, Val first, int64_t width) {
    body(first, width);
    return Vals();
  });
}

Vals MultiTensorKernel::load(Val tensor, Val first, int64_t width) {
  Val address = k.wideAddress(tensor, first, 4);
  return k.unpack(k.getF32Type(), k.loadWords(address, width));
}

void MultiTensorKernel::store(ArrayRef<Val> values, Val tensor, Val first) {
  Val address = k.wideAddress(tensor, first, 4);
  Vals words;
  for (Val value : values)
    words.push_back(k.bitcast(value, k.getI32Type()));
  k.storeWords(words, address);
}
