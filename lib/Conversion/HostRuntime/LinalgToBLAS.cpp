//===- LinalgToBLAS.cpp - Matrix products by the runtime ------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Conversion/HostRuntime/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"

namespace mlir::pi {
#define GEN_PASS_DEF_CONVERTLINALGTOBLAS
#define GEN_PASS_DEF_PICOPYBYLOOPS
#include "pi/Conversion/HostRuntime/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

static constexpr StringLiteral kSgemm = "pi_rt_sgemm";

/// Whether rows are contiguous f32: any stride from row to row.
static bool isRowMajor(Value buffer) {
  auto type = dyn_cast<MemRefType>(buffer.getType());
  SmallVector<int64_t> strides;
  int64_t offset;
  return type && type.getRank() == 2 && type.getElementType().isF32() &&
         succeeded(type.getStridesAndOffset(strides, offset)) &&
         (strides[1] == 1 || type.getDimSize(1) == 1);
}

/// The fill with zero right before the product, if it fills the accumulator.
static linalg::FillOp getZeroFill(linalg::MatmulOp op) {
  Value accumulator = op.getDpsInits()[0];
  for (Operation *before = op->getPrevNode(); before;
       before = before->getPrevNode()) {
    if (auto fill = dyn_cast<linalg::FillOp>(before))
      return fill.getDpsInits()[0] == accumulator &&
                     matchPattern(fill.getInputs()[0], m_AnyZeroFloat())
                 ? fill
                 : linalg::FillOp();
    if (!isMemoryEffectFree(before))
      return {};
  }
  return {};
}

namespace {
/// A matrix in memory: its first element and the distance of rows.
struct Matrix {
  Value pointer, leadingDimension;
};

struct LinalgToBLAS final
    : public pi::impl::ConvertLinalgToBLASBase<LinalgToBLAS> {
  void runOnOperation() override {
    getOperation().walk([&](linalg::MatmulOp op) {
      if (op.hasPureBufferSemantics() &&
          llvm::all_of(op->getOperands(), isRowMajor))
        lower(op);
    });
  }

private:
  void lower(linalg::MatmulOp op);
  void declare(ImplicitLocOpBuilder &b, FunctionType type);
  Matrix getMatrix(ImplicitLocOpBuilder &b, Value buffer);
  Value getSize(ImplicitLocOpBuilder &b, Value buffer, int64_t dimension);
};
} // namespace

namespace {
struct CopyByLoops final : public pi::impl::PiCopyByLoopsBase<CopyByLoops> {
  void runOnOperation() override {
    getOperation().walk([](memref::CopyOp op) {
      auto isContiguous = [](Value buffer) {
        auto type = dyn_cast<MemRefType>(buffer.getType());
        return type && type.getLayout().isIdentity();
      };
      if (isContiguous(op.getSource()) && isContiguous(op.getTarget()))
        return;
      OpBuilder b(op);
      linalg::CopyOp::create(b, op.getLoc(), op.getSource(), op.getTarget());
      op.erase();
    });
  }
};
} // namespace

static Value toI64(ImplicitLocOpBuilder &b, Value index) {
  return arith::IndexCastOp::create(b, b.getI64Type(), index);
}

Matrix LinalgToBLAS::getMatrix(ImplicitLocOpBuilder &b, Value buffer) {
  auto metadata = memref::ExtractStridedMetadataOp::create(b, buffer);
  Value base = memref::ExtractAlignedPointerAsIndexOp::create(b, buffer);
  Value size = arith::ConstantIndexOp::create(b, sizeof(float));
  Value bytes = arith::MulIOp::create(b, metadata.getOffset(), size);
  Value address = arith::AddIOp::create(b, base, bytes);
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  return {LLVM::IntToPtrOp::create(b, pointer, toI64(b, address)),
          toI64(b, metadata.getStrides()[0])};
}

Value LinalgToBLAS::getSize(ImplicitLocOpBuilder &b, Value buffer,
                            int64_t dimension) {
  return toI64(b, b.createOrFold<memref::DimOp>(buffer, dimension));
}

void LinalgToBLAS::declare(ImplicitLocOpBuilder &b, FunctionType type) {
  if (getOperation().lookupSymbol(kSgemm))
    return;
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(getOperation().getBody());
  func::FuncOp::create(b, kSgemm, type).setPrivate();
}

void LinalgToBLAS::lower(linalg::MatmulOp op) {
  AffineMap lhsMap = op.getMatchingIndexingMap(op.getDpsInputOperand(0));
  AffineMap rhsMap = op.getMatchingIndexingMap(op.getDpsInputOperand(1));
  AffineExpr m, n, k;
  bindDims(op.getContext(), m, n, k);
  // lhs is m x k or k x m, rhs is k x n or n x k; anything else is no product
  // of two matrices.
  auto matches = [&](AffineMap map, AffineExpr rows, AffineExpr columns) {
    return map.getNumResults() == 2 && map.getResult(0) == rows &&
           map.getResult(1) == columns;
  };
  bool transA = matches(lhsMap, k, m), transB = matches(rhsMap, n, k);
  if (!(transA || matches(lhsMap, m, k)) || !(transB || matches(rhsMap, k, n)))
    return;

  ImplicitLocOpBuilder b(op.getLoc(), op);
  Value lhs = op.getDpsInputs()[0], rhs = op.getDpsInputs()[1];
  Value accumulator = op.getDpsInits()[0];
  linalg::FillOp fill = getZeroFill(op);
  auto flag = [&](bool value) {
    return arith::ConstantOp::create(b, b.getI32IntegerAttr(value));
  };
  auto real = [&](float value) {
    return arith::ConstantOp::create(b, b.getF32FloatAttr(value));
  };
  Matrix a = getMatrix(b, lhs), bm = getMatrix(b, rhs),
         c = getMatrix(b, accumulator);
  SmallVector<Value> arguments = {flag(transA),
                                  flag(transB),
                                  getSize(b, accumulator, 0),
                                  getSize(b, accumulator, 1),
                                  getSize(b, lhs, transA ? 0 : 1),
                                  real(1.0f),
                                  a.pointer,
                                  a.leadingDimension,
                                  bm.pointer,
                                  bm.leadingDimension,
                                  real(fill ? 0.0f : 1.0f),
                                  c.pointer,
                                  c.leadingDimension};
  declare(b, b.getFunctionType(TypeRange(arguments), {}));
  func::CallOp::create(b, kSgemm, TypeRange(), arguments);
  op.erase();
  if (fill)
    fill.erase();
  ++numProducts;
}
