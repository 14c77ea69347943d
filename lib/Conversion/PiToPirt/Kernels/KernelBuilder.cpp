//===- KernelBuilder.cpp - What kernel builders share ---------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::pi;

KernelBuilder::KernelBuilder(gpu::GPUModuleOp module, Location loc,
                             StringRef name, ArrayRef<Type> arguments,
                             int64_t numThreads)
    : ImplicitLocOpBuilder(loc, module.getContext()) {
  setInsertionPointToEnd(module.getBody());
  kernel = gpu::GPUFuncOp::create(*this, name, getFunctionType(arguments, {}));
  kernel->setAttr(gpu::GPUDialect::getKernelFuncAttrName(), getUnitAttr());
  kernel.setKnownBlockSizeAttr(
      getDenseI32ArrayAttr({static_cast<int32_t>(numThreads), 1, 1}));
  setInsertionPointToEnd(&kernel.getBody().front());
  gpu::ReturnOp::create(*this);
  setInsertionPoint(kernel.getBody().front().getTerminator());
}

Value KernelBuilder::allocateShared(ArrayRef<int64_t> shape, Type element) {
  auto space = gpu::AddressSpaceAttr::get(
      getContext(), gpu::GPUDialect::getWorkgroupAddressSpace());
  auto type = MemRefType::get(shape, element, AffineMap(), space);
  unsigned index = kernel.getNumWorkgroupAttributions();
  Value buffer = kernel.addWorkgroupAttribution(type, getLoc());
  // LLVM joins loads of neighbouring elements to wide ones.
  kernel.setWorkgroupAttributionAttr(index,
                                     LLVM::LLVMDialect::getAlignAttrName(),
                                     getI64IntegerAttr(kAccessBytes));
  return buffer;
}

Value KernelBuilder::index(int64_t value) {
  return arith::ConstantIndexOp::create(*this, value);
}
Value KernelBuilder::i32(int64_t value) {
  return arith::ConstantIntOp::create(*this, value, 32);
}
Value KernelBuilder::f32(double value) {
  return arith::ConstantOp::create(*this, getF32FloatAttr(value));
}

static bool isFloat(Value value) { return isa<FloatType>(value.getType()); }

Value KernelBuilder::add(Value lhs, Value rhs) {
  if (isFloat(lhs))
    return arith::AddFOp::create(*this, lhs, rhs);
  return arith::AddIOp::create(*this, lhs, rhs);
}
Value KernelBuilder::sub(Value lhs, Value rhs) {
  if (isFloat(lhs))
    return arith::SubFOp::create(*this, lhs, rhs);
  return arith::SubIOp::create(*this, lhs, rhs);
}
Value KernelBuilder::mul(Value lhs, Value rhs) {
  if (isFloat(lhs))
    return arith::MulFOp::create(*this, lhs, rhs);
  return arith::MulIOp::create(*this, lhs, rhs);
}
Value KernelBuilder::div(Value lhs, Value rhs) {
  if (isFloat(lhs))
    return arith::DivFOp::create(*this, lhs, rhs);
  return arith::DivUIOp::create(*this, lhs, rhs);
}
Value KernelBuilder::rem(Value lhs, Value rhs) {
  return arith::RemUIOp::create(*this, lhs, rhs);
}
Value KernelBuilder::min(Value lhs, Value rhs) {
  return arith::MinSIOp::create(*this, lhs, rhs);
}
Value KernelBuilder::max(Value lhs, Value rhs) {
  if (isFloat(lhs))
    return arith::MaxNumFOp::create(*this, lhs, rhs);
  return arith::MaxSIOp::create(*this, lhs, rhs);
}
Value KernelBuilder::fma(Value a, Value b, Value c) {
  return math::FmaOp::create(*this, a, b, c);
}
Value KernelBuilder::select(Value condition, Value yes, Value no) {
  return arith::SelectOp::create(*this, condition, yes, no);
}
Value KernelBuilder::less(Value lhs, Value rhs) {
  if (isFloat(lhs))
    return arith::CmpFOp::create(*this, arith::CmpFPredicate::OLT, lhs, rhs);
  return arith::CmpIOp::create(*this, arith::CmpIPredicate::slt, lhs, rhs);
}
Value KernelBuilder::equal(Value lhs, Value rhs) {
  if (isFloat(lhs))
    return arith::CmpFOp::create(*this, arith::CmpFPredicate::OEQ, lhs, rhs);
  return arith::CmpIOp::create(*this, arith::CmpIPredicate::eq, lhs, rhs);
}
Value KernelBuilder::exp(Value x) {
  return math::ExpOp::create(*this, x, arith::FastMathFlags::afn);
}

Value KernelBuilder::loadPacked(Value memref, ValueRange indices,
                                int64_t width) {
  auto type = cast<MemRefType>(memref.getType());
  auto vector = VectorType::get({width}, type.getElementType());
  return vector::LoadOp::create(*this, vector, memref, indices,
                                /*nontemporal=*/false,
                                llvm::MaybeAlign(kAccessBytes));
}

SmallVector<Value> KernelBuilder::unpack(Value packed) {
  auto type = cast<VectorType>(packed.getType());
  if (!type.getElementType().isF32())
    packed = arith::ExtFOp::create(
        *this, VectorType::get(type.getShape(), getF32Type()), packed);
  SmallVector<Value> values;
  for (int64_t i = 0; i < type.getNumElements(); ++i)
    values.push_back(vector::ExtractOp::create(*this, packed, i));
  return values;
}

SmallVector<Value> KernelBuilder::loadVector(Value memref, ValueRange indices,
                                             int64_t width) {
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  int64_t perAccess = kAccessBytes * 8 / element.getIntOrFloatBitWidth();
  SmallVector<Value> values;
  SmallVector<Value> at(indices);
  for (int64_t i = 0; i < width; i += perAccess) {
    at.back() = add(indices.back(), index(i));
    llvm::append_range(
        values, unpack(loadPacked(memref, at, std::min(perAccess, width - i))));
  }
  return values;
}

void KernelBuilder::storeVector(ArrayRef<Value> values, Value memref,
                                ValueRange indices) {
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  int64_t width = values.size();
  Value packed = vector::FromElementsOp::create(
      *this, VectorType::get({width}, getF32Type()), values);
  if (!element.isF32())
    packed = arith::TruncFOp::create(*this, VectorType::get({width}, element),
                                     packed);
  vector::StoreOp::create(*this, packed, memref, indices,
                          /*nontemporal=*/false,
                          llvm::MaybeAlign(kAccessBytes));
}

Value KernelBuilder::loadScalar(Value memref, ValueRange indices) {
  Value value = memref::LoadOp::create(*this, memref, indices);
  if (isFloat(value) && !value.getType().isF32())
    value = arith::ExtFOp::create(*this, getF32Type(), value);
  return value;
}

void KernelBuilder::storeScalar(Value value, Value memref, ValueRange indices) {
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  if (value.getType() != element)
    value = arith::TruncFOp::create(*this, element, value);
  memref::StoreOp::create(*this, value, memref, indices);
}

Value KernelBuilder::reduceLanes(Value value, int64_t width, int64_t stride,
                                 function_ref<Value(Value, Value)> combine) {
  for (int64_t offset = width / 2; offset >= 1; offset /= 2) {
    Value other = gpu::ShuffleOp::create(*this, value, i32(offset * stride),
                                         i32(kWarpSize), gpu::ShuffleMode::XOR)
                      .getShuffleResult();
    value = combine(value, other);
  }
  return value;
}

Value KernelBuilder::sumLanes(Value value, int64_t width, int64_t stride) {
  return reduceLanes(value, width, stride,
                     [&](Value a, Value b) { return add(a, b); });
}

Value KernelBuilder::maxLanes(Value value, int64_t width, int64_t stride) {
  return reduceLanes(value, width, stride,
                     [&](Value a, Value b) { return max(a, b); });
}

Value KernelBuilder::sumBlock(Value value) {
  int64_t numWarps = kernel.getKnownBlockSizeAttr()[0] / kWarpSize;
  Value sums = allocateShared({numWarps}, value.getType());
  Value warp = div(thread(), index(kWarpSize));
  Value lane = rem(thread(), index(kWarpSize));
  Value total = sumLanes(value);
  ifThen(equal(lane, index(0)), [&] { storeScalar(total, sums, warp); });
  barrier();
  total = loadScalar(sums, index(0));
  for (int64_t i = 1; i < numWarps; ++i)
    total = add(total, loadScalar(sums, index(i)));
  return total;
}

void KernelBuilder::waitForPrevious() {
  NVVM::GriddepcontrolOp::create(*this, NVVM::GridDepActionKind::wait);
}

void KernelBuilder::launchNext() {
  NVVM::GriddepcontrolOp::create(*this,
                                 NVVM::GridDepActionKind::launch_dependents);
}

void KernelBuilder::ifThen(Value condition, function_ref<void()> body) {
  auto branch = scf::IfOp::create(*this, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(branch.thenBlock());
  body();
}

SmallVector<Value>
KernelBuilder::loop(Value begin, Value end, Value step, ValueRange carried,
                    function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(*this, begin, end, step, carried);
  OpBuilder::InsertionGuard guard(*this);
  // Without carried values the builder has made the terminator.
  if (carried.empty()) {
    setInsertionPoint(loop.getBody()->getTerminator());
    body(loop.getInductionVar(), {});
    return {};
  }
  setInsertionPointToStart(loop.getBody());
  SmallVector<Value> next =
      body(loop.getInductionVar(), loop.getRegionIterArgs());
  scf::YieldOp::create(*this, next);
  return SmallVector<Value>(loop.getResults());
}

gpu::GPUFuncOp mlir::pi::lookupKernel(gpu::GPUModuleOp module, StringRef name) {
  return module.lookupSymbol<gpu::GPUFuncOp>(name);
}

std::string mlir::pi::getTypeName(Type type) {
  std::string name;
  llvm::raw_string_ostream(name) << type;
  return name;
}
