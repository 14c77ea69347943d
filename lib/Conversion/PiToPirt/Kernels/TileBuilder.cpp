//===- TileBuilder.cpp - Kernels on pointers and registers ----------------===//
//-*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileBuilder.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::pi;

static constexpr StringLiteral kSharedMemoryName = "pi_shared_memory";
static constexpr unsigned kGlobalSpace = 1, kSharedSpace = 3,
                          kSharedClusterSpace = 7;

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

template <typename IntOp, typename FloatOp>
static Val arithmetic(Val a, Val b) {
  TileBuilder &k = *a.builder;
  if (a.isFloat())
    return k.wrap(FloatOp::create(k, a, b, arith::FastMathFlags::contract));
  return k.wrap(IntOp::create(k, a, b));
}

namespace mlir::pi {
Val operator+(Val a, Val b) {
  return arithmetic<arith::AddIOp, arith::AddFOp>(a, b);
}
Val operator-(Val a, Val b) {
  return arithmetic<arith::SubIOp, arith::SubFOp>(a, b);
}
Val operator*(Val a, Val b) {
  return arithmetic<arith::MulIOp, arith::MulFOp>(a, b);
}
Val operator/(Val a, Val b) {
  return arithmetic<arith::DivUIOp, arith::DivFOp>(a, b);
}
Val operator%(Val a, Val b) {
  return arithmetic<arith::RemUIOp, arith::RemFOp>(a, b);
}
Val operator&(Val a, Val b) {
  return a.builder->wrap(arith::AndIOp::create(*a.builder, a, b));
}
Val operator<(Val a, Val b) {
  TileBuilder &k = *a.builder;
  if (a.isFloat())
    return k.wrap(arith::CmpFOp::create(k, arith::CmpFPredicate::OLT, a, b));
  return k.wrap(arith::CmpIOp::create(k, arith::CmpIPredicate::slt, a, b));
}
Val operator+(Val a, double b) { return a + a.builder->constantLike(a, b); }
Val operator-(Val a, double b) { return a - a.builder->constantLike(a, b); }
Val operator*(Val a, double b) { return a * a.builder->constantLike(a, b); }
Val operator/(Val a, double b) { return a / a.builder->constantLike(a, b); }
Val operator%(Val a, double b) { return a % a.builder->constantLike(a, b); }
Val operator&(Val a, double b) { return a & a.builder->constantLike(a, b); }
Val operator<(Val a, double b) { return a < a.builder->constantLike(a, b); }
Val equal(Val a, double b) {
  TileBuilder &k = *a.builder;
  return k.wrap(arith::CmpIOp::create(k, arith::CmpIPredicate::eq, a,
                                      k.constantLike(a, b)));
}
Val fma(Val a, Val b, Val c) {
  TileBuilder &k = *a.builder;
  return k.wrap(LLVM::FMAOp::create(k, a, b, c));
}
Val max(Val a, Val b) {
  return arithmetic<arith::MaxSIOp, arith::MaxNumFOp>(a, b);
}
Val min(Val a, Val b) {
  return arithmetic<arith::MinSIOp, arith::MinNumFOp>(a, b);
}
Val select(Val condition, Val a, Val b) {
  TileBuilder &k = *a.builder;
  return k.wrap(arith::SelectOp::create(k, condition, a, b));
}
} // namespace mlir::pi

//===----------------------------------------------------------------------===//
// Frame
//===----------------------------------------------------------------------===//

TileBuilder::TileBuilder(gpu::GPUModuleOp module, Location loc, StringRef name,
                         ArrayRef<Type> arguments, int64_t threads,
                         int64_t clusterSize)
    : ImplicitLocOpBuilder(loc, module.getContext()), module(module) {
  setInsertionPointToEnd(module.getBody());
  function =
      gpu::GPUFuncOp::create(*this, name, getFunctionType(arguments, {}));
  function->setAttr(gpu::GPUDialect::getKernelFuncAttrName(), getUnitAttr());
  function.setKnownBlockSizeAttr(
      getDenseI32ArrayAttr({static_cast<int32_t>(threads), 1, 1}));
  if (clusterSize > 1)
    function->setAttr(
        NVVM::NVVMDialect::getClusterDimAttrName(),
        getDenseI32ArrayAttr({static_cast<int32_t>(clusterSize), 1, 1}));
  setInsertionPointToStart(&function.getBody().front());
}

gpu::GPUFuncOp TileBuilder::finish() {
  gpu::ReturnOp::create(*this);
  return function;
}

Val TileBuilder::argument(unsigned index) {
  Value integer =
      arith::IndexCastOp::create(*this, getI64Type(),
                                 memref::ExtractAlignedPointerAsIndexOp::create(
                                     *this, function.getArgument(index)));
  return wrap(LLVM::IntToPtrOp::create(
      *this, LLVM::LLVMPointerType::get(getContext(), kGlobalSpace), integer));
}

Val TileBuilder::i32(int64_t value) {
  return wrap(arith::ConstantOp::create(*this, getI32IntegerAttr(value)));
}

Val TileBuilder::f32(double value) {
  return wrap(arith::ConstantOp::create(*this, getF32FloatAttr(value)));
}

Val TileBuilder::constantLike(Val other, double value) {
  TypedAttr attribute =
      other.isFloat() ? TypedAttr(getFloatAttr(other.getType(), value))
                      : TypedAttr(getIntegerAttr(other.getType(),
                                                 static_cast<int64_t>(value)));
  return wrap(arith::ConstantOp::create(*this, attribute));
}

Val TileBuilder::threadId() {
  return wrap(NVVM::ThreadIdXOp::create(*this, getI32Type()));
}
Val TileBuilder::laneId() { return threadId() % 32; }
Val TileBuilder::warpId() { return threadId() / 32; }

Val TileBuilder::blockId(gpu::Dimension dimension) {
  Type type = getI32Type();
  switch (dimension) {
  case gpu::Dimension::x:
    return wrap(NVVM::BlockIdXOp::create(*this, type));
  case gpu::Dimension::y:
    return wrap(NVVM::BlockIdYOp::create(*this, type));
  case gpu::Dimension::z:
    return wrap(NVVM::BlockIdZOp::create(*this, type));
  }
  llvm_unreachable("a grid has three dimensions");
}

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

static SmallVector<Value> toValues(ArrayRef<Val> vals) {
  return SmallVector<Value>(vals.begin(), vals.end());
}

static Vals toVals(TileBuilder &builder, ValueRange values) {
  return llvm::map_to_vector<16>(
      values, [&](Value value) { return Val(builder, value); });
}

Vals TileBuilder::loop(Val lower, Val upper, int64_t step, ArrayRef<Val> inits,
                       function_ref<Vals(Val, ArrayRef<Val>)> body) {
  auto op = scf::ForOp::create(*this, lower, upper, i32(step), toValues(inits));
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(op.getBody());
  Vals results =
      body(wrap(op.getInductionVar()), toVals(*this, op.getRegionIterArgs()));
  if (!inits.empty())
    scf::YieldOp::create(*this, toValues(results));
  return toVals(*this, op.getResults());
}

void TileBuilder::loop(Val lower, Val upper, int64_t step,
                       function_ref<void(Val)> body) {
  loop(lower, upper, step, {}, [&](Val index, ArrayRef<Val>) {
    body(index);
    return Vals();
  });
}

void TileBuilder::when(Val condition, function_ref<void()> body) {
  auto op = scf::IfOp::create(*this, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(op.thenBlock());
  body();
}

Vals TileBuilder::when(Val condition, ArrayRef<Val> otherwise,
                       function_ref<Vals()> body) {
  if (otherwise.empty()) {
    when(condition, [&] { body(); });
    return {};
  }
  auto op = scf::IfOp::create(*this, ValueRange(toValues(otherwise)).getTypes(),
                              condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(op.thenBlock());
  scf::YieldOp::create(*this, toValues(body()));
  setInsertionPointToStart(op.elseBlock());
  scf::YieldOp::create(*this, toValues(otherwise));
  return toVals(*this, op.getResults());
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Val TileBuilder::sharedMemory() {
  if (!module.lookupSymbol(kSharedMemoryName)) {
    OpBuilder::InsertionGuard guard(*this);
    setInsertionPointToStart(module.getBody());
    LLVM::GlobalOp::create(*this, LLVM::LLVMArrayType::get(getI8Type(), 0),
                           /*isConstant=*/false, LLVM::Linkage::External,
                           kSharedMemoryName, Attribute(),
                           /*alignment=*/16, kSharedSpace);
  }
  return wrap(LLVM::AddressOfOp::create(
      *this, LLVM::LLVMPointerType::get(getContext(), kSharedSpace),
      kSharedMemoryName));
}

Val TileBuilder::address(Val pointer, Val offset) {
  return wrap(LLVM::GEPOp::create(*this, pointer.getType(), getI8Type(),
                                  pointer, LLVM::GEPArg(Value(offset))));
}

Val TileBuilder::address(Val pointer, int64_t offset) {
  return wrap(LLVM::GEPOp::create(*this, pointer.getType(), getI8Type(),
                                  pointer,
                                  LLVM::GEPArg(static_cast<int32_t>(offset))));
}

Val TileBuilder::wideAddress(Val pointer, Val index, int64_t stride) {
  Val wide = wrap(arith::ExtUIOp::create(*this, getI64Type(), index));
  return address(pointer, wide * wrap(arith::ConstantOp::create(
                                     *this, getI64IntegerAttr(stride))));
}

Val TileBuilder::load(Type type, Val pointer, int64_t alignment,
                      bool constant) {
  auto op = LLVM::LoadOp::create(*this, type, pointer, alignment);
  op.setInvariant(constant);
  return wrap(op);
}

void TileBuilder::store(Val value, Val pointer, int64_t alignment) {
  LLVM::StoreOp::create(*this, value, pointer, alignment);
}

Val TileBuilder::loadFloat(Type type, Val pointer) {
  if (type.isF32())
    return load(type, pointer, 4);
  Value narrow = load(type, pointer, 2);
  return wrap(arith::ExtFOp::create(*this, Type(getF32Type()), narrow));
}

void TileBuilder::storeFloat(Type type, Val value, Val pointer) {
  if (type.isF32())
    return store(value, pointer, 4);
  store(wrap(arith::TruncFOp::create(*this, type, Value(value))), pointer, 2);
}

Vals TileBuilder::loadWords(Val pointer, unsigned count, bool constant) {
  if (count == 1)
    return {load(getI32Type(), pointer, 4, constant)};
  Val vector =
      load(VectorType::get(count, getI32Type()), pointer, 4 * count, constant);
  Vals words;
  for (unsigned i = 0; i < count; ++i)
    words.push_back(
        wrap(LLVM::ExtractElementOp::create(*this, vector, i32(i))));
  return words;
}

void TileBuilder::storeWords(ArrayRef<Val> words, Val pointer) {
  int64_t count = words.size();
  if (count == 1)
    return store(words[0], pointer, 4);
  Value vector =
      LLVM::PoisonOp::create(*this, VectorType::get(count, words[0].getType()));
  for (auto [i, word] : llvm::enumerate(words))
    vector = LLVM::InsertElementOp::create(*this, vector, word, i32(i));
  store(wrap(vector), pointer, 4 * count);
}

Vals TileBuilder::unpack(Type type, ArrayRef<Val> words) {
  Vals numbers;
  for (Val word : words) {
    if (type.isF32()) {
      numbers.push_back(bitcast(word, getF32Type()));
      continue;
    }
    // bf16 is the upper half of f32.
    Val low = wrap(arith::ShLIOp::create(*this, word, i32(16)));
    numbers.push_back(bitcast(low, getF32Type()));
    numbers.push_back(bitcast(word & i32(0xffff0000), getF32Type()));
  }
  return numbers;
}

Val TileBuilder::packBF16(Val low, Val high) {
  return bitcast(intrinsic("llvm.nvvm.ff2bf16x2.rn",
                           VectorType::get(2, getBF16Type()), {high, low}),
                 getI32Type());
}

//===----------------------------------------------------------------------===//
// Instructions
//===----------------------------------------------------------------------===//

Val TileBuilder::intrinsic(StringRef name, Type result,
                           ArrayRef<Val> operands) {
  return wrap(LLVM::CallIntrinsicOp::create(*this, result, getStringAttr(name),
                                            toValues(operands))
                  .getResult(0));
}

void TileBuilder::intrinsic(StringRef name, ArrayRef<Val> operands) {
  LLVM::CallIntrinsicOp::create(*this, getStringAttr(name), toValues(operands));
}

Val TileBuilder::bitcast(Val value, Type type) {
  return wrap(LLVM::BitcastOp::create(*this, type, value));
}

Val TileBuilder::exp2(Val x) {
  return intrinsic("llvm.nvvm.ex2.approx.ftz.f32", getF32Type(), x);
}
Val TileBuilder::log2(Val x) {
  return intrinsic("llvm.nvvm.lg2.approx.ftz.f", getF32Type(), x);
}
Val TileBuilder::reciprocal(Val x) {
  return intrinsic("llvm.nvvm.rcp.approx.ftz.f", getF32Type(), x);
}
Val TileBuilder::rsqrt(Val x) {
  return intrinsic("llvm.nvvm.rsqrt.approx.ftz.f", getF32Type(), x);
}

void TileBuilder::blockBarrier() { gpu::BarrierOp::create(*this); }
void TileBuilder::warpBarrier() { NVVM::SyncWarpOp::create(*this, i32(-1)); }
Val TileBuilder::inCluster(Val sharedPointer, Val rank) {
  return wrap(NVVM::MapaOp::create(
      *this, LLVM::LLVMPointerType::get(getContext(), kSharedClusterSpace),
      sharedPointer, rank));
}

Val TileBuilder::shuffleXor(Val value, int64_t mask) {
  return wrap(NVVM::ShflOp::create(*this, value.getType(), i32(-1), value,
                                   i32(mask), i32(31), NVVM::ShflKind::bfly,
                                   UnitAttr()));
}

Val TileBuilder::reduceLanes(Val value, int64_t mask,
                             function_ref<Val(Val, Val)> combine) {
  for (int64_t bit = 1; bit < 32; bit *= 2)
    if (mask & bit)
      value = combine(value, shuffleXor(value, bit));
  return value;
}

Val TileBuilder::sumLanes(Val value, int64_t mask) {
  return reduceLanes(value, mask, [](Val a, Val b) { return a + b; });
}

Val TileBuilder::sumBlock(Val value, Val scratch) {
  int64_t warps = function.getKnownBlockSizeAttr()[0] / 32;
  Val sum = sumLanes(value);
  when(equal(laneId(), 0),
       [&] { store(sum, address(scratch, warpId() * 4), 4); });
  blockBarrier();
  Val total = load(getF32Type(), scratch, 4);
  for (int64_t i = 1; i < warps; ++i)
    total = total + load(getF32Type(), address(scratch, i * 4), 4);
  return total;
}

void TileBuilder::launchNextKernel() {
  NVVM::GriddepcontrolOp::create(*this,
                                 NVVM::GridDepActionKind::launch_dependents);
}

void TileBuilder::waitForPreviousKernels() {
  NVVM::GriddepcontrolOp::create(*this, NVVM::GridDepActionKind::wait);
}

void TileBuilder::copyAsync(Val shared, Val global, Val valid) {
  Value size = valid ? Value(select(valid, i32(16), i32(0))) : Value();
  NVVM::CpAsyncOp::create(*this, shared, global, 16,
                          NVVM::LoadCacheModifierKind::CG, size);
}
void TileBuilder::commitCopies() { NVVM::CpAsyncCommitGroupOp::create(*this); }
void TileBuilder::waitForCopies(int64_t pendingGroups) {
  NVVM::CpAsyncWaitGroupOp::create(*this, pendingGroups);
}

/// The members of a struct.
static Vals getMembers(TileBuilder &builder, Value value) {
  Vals members;
  unsigned count = cast<LLVM::LLVMStructType>(value.getType()).getBody().size();
  for (unsigned i = 0; i < count; ++i)
    members.push_back(
        builder.wrap(LLVM::ExtractValueOp::create(builder, value, i)));
  return members;
}

Vals TileBuilder::loadMatrices(Val pointer, bool transpose) {
  Type type = LLVM::LLVMStructType::getLiteral(
      getContext(), SmallVector<Type>(4, getI32Type()));
  auto shape = NVVM::LdStMatrixShapeAttr::get(getContext(), 8, 8);
  auto op = NVVM::LdMatrixOp::create(*this, type, pointer, 4,
                                     transpose ? NVVM::MMALayout::col
                                               : NVVM::MMALayout::row,
                                     shape, NVVM::LdStMatrixEltType::B16);
  return getMembers(*this, op);
}

Vals TileBuilder::multiplyAccumulate(ArrayRef<Val> a, ArrayRef<Val> b,
                                     ArrayRef<Val> accumulator) {
  Type type = LLVM::LLVMStructType::getLiteral(
      getContext(), SmallVector<Type>(4, getF32Type()));
  auto op = NVVM::MmaOp::create(
      *this, type, toValues(a), toValues(b), toValues(accumulator),
      ArrayRef<int64_t>{16, 8, 16}, std::nullopt, std::nullopt,
      std::array<NVVM::MMATypes, 2>{NVVM::MMATypes::bf16, NVVM::MMATypes::bf16},
      std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row,
                                     NVVM::MMALayout::col});
  return getMembers(*this, op);
}
