//===- Pirt.cpp - The pirt dialect ----------------------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Dialect/Pirt/IR/Pirt.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::pirt;

#include "pi/Dialect/Pirt/IR/PirtDialect.cpp.inc"
#include "pi/Dialect/Pirt/IR/PirtEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "pi/Dialect/Pirt/IR/PirtAttributes.cpp.inc"

#define GET_OP_CLASSES
#include "pi/Dialect/Pirt/IR/PirtOps.cpp.inc"

void PIRTDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "pi/Dialect/Pirt/IR/PirtOps.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "pi/Dialect/Pirt/IR/PirtAttributes.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

FailureOr<MatrixView> mlir::pirt::getMatrixView(MemRefType type) {
  SmallVector<int64_t> strides;
  int64_t offset;
  if (!type.hasStaticShape() || type.getRank() == 0 ||
      failed(type.getStridesAndOffset(strides, offset)) || strides.back() != 1)
    return failure();
  ArrayRef<int64_t> shape = type.getShape();
  MatrixView view{1, shape.back(), shape.back()};
  // From the innermost leading dimension outwards; a dimension of one element
  // is never stepped over, so its stride says nothing.
  for (int64_t i = type.getRank() - 2; i >= 0; --i) {
    if (shape[i] == 1)
      continue;
    if (view.rows == 1)
      view.stride = strides[i];
    else if (strides[i] != view.rows * view.stride)
      return failure();
    view.rows *= shape[i];
  }
  if (view.stride < view.columns)
    return failure();
  return view;
}

int64_t mlir::pirt::getBufferBytes(MemRefType type) {
  int64_t elements = type.getNumElements();
  if (!type.getLayout().isIdentity())
    if (FailureOr<MatrixView> view = getMatrixView(type); succeeded(view))
      elements = view->rows * view->stride;
  return elements * (type.getElementTypeBitWidth() / 8);
}

/// Checks that getBufferBytes() knows how far the buffer reaches.
static LogicalResult verifyExtent(Operation *op, MemRefType type) {
  if (!type.getLayout().isIdentity() && failed(getMatrixView(type)))
    return op->emitOpError("rows of the buffer have to be contiguous and a "
                           "fixed distance apart, but it is ")
           << type;
  return success();
}

LogicalResult AllocOp::verify() {
  return verifyExtent(*this, getBuffer().getType());
}

LogicalResult ViewOp::verify() {
  MemRefType source = getSource().getType(), result = getResult().getType();
  if (source.getElementType() != result.getElementType())
    return emitOpError("has to have the elements of its source, but they are ")
           << result << " and " << source;
  if (failed(verifyExtent(*this, source)) ||
      failed(verifyExtent(*this, result)))
    return failure();
  int64_t available = getBufferBytes(source), asked = getBufferBytes(result);
  int64_t elementBytes = source.getElementTypeBitWidth() / 8;
  if (asked > available ||
      static_cast<int64_t>(getOffset()) > (available - asked) / elementBytes)
    return emitOpError("of ")
           << asked << " bytes from element " << getOffset()
           << " on does not lie in the " << available << " bytes of its source";
  return success();
}

ViewOrigin mlir::pirt::getViewOrigin(Value buffer) {
  ViewOrigin origin{buffer, 0};
  while (auto view = origin.buffer.getDefiningOp<ViewOp>()) {
    int64_t elementBytes = view.getType().getElementTypeBitWidth() / 8;
    origin.offset += static_cast<int64_t>(view.getOffset()) * elementBytes;
    origin.buffer = view.getSource();
  }
  return origin;
}

//===----------------------------------------------------------------------===//
// GemmOp
//===----------------------------------------------------------------------===//

void GemmOp::build(OpBuilder &builder, OperationState &state, Value a, Value b,
                   Value bias, Value c, Value d, bool transposeB,
                   Epilogue epilogue) {
  build(builder, state, a, b, bias, c, d, /*transpose_a=*/false, transposeB,
        /*batched=*/false, APFloat(1.0), APFloat(1.0), epilogue,
        /*algorithm=*/IntegerAttr());
}

/// One matrix of a buffer that holds one for each index of its first dimension.
static MemRefType dropBatch(MemRefType type) {
  return MemRefType::get(type.getShape().drop_front(), type.getElementType());
}

GemmOp::Extents GemmOp::getExtents() {
  MemRefType a = getA().getType(), d = getD().getType();
  int64_t batch = 1;
  if (getBatched()) {
    batch = d.getDimSize(0);
    a = dropBatch(a);
    d = dropBatch(d);
  }
  FailureOr<MatrixView> left = getMatrixView(a), result = getMatrixView(d);
  int64_t n = result->columns;
  if (getTransposeB() && !getBatched())
    n = getMatrixView(getB().getType())->rows;
  return {result->rows, n, getTransposeA() ? left->rows : left->columns, batch};
}

LogicalResult GemmOp::verify() {
  auto view = [&](Value value, StringRef name,
                  MatrixView &result) -> LogicalResult {
    auto type = cast<MemRefType>(value.getType());
    if (getBatched()) {
      if (type.getRank() != 3 || !type.getLayout().isIdentity() ||
          type.getDimSize(0) != getD().getType().getShape().front())
        return emitOpError(name)
               << " of a batched product has to be contiguous, of rank 3, "
                  "and have one matrix for each product, but is "
               << type;
      type = dropBatch(type);
    }
    FailureOr<MatrixView> found = getMatrixView(type);
    if (failed(found))
      return emitOpError(name)
             << " has to be a row-major matrix, but is " << type;
    result = *found;
    return success();
  };
  MatrixView a, b, d;
  if (failed(view(getD(), "d", d)) || failed(view(getA(), "a", a)) ||
      failed(view(getB(), "b", b)))
    return failure();
  if (getTransposeA())
    std::swap(a.rows, a.columns);
  if (getTransposeB())
    std::swap(b.rows, b.columns);
  bool takesPadding = getTransposeB() && !getBatched() && !getC() && !getBias();
  bool fits = b.columns == d.columns ||
              (takesPadding && b.columns > d.columns && b.columns <= d.stride);
  if (a.rows != d.rows || !fits || a.columns != b.rows)
    return emitOpError("product of ")
           << a.rows << " x " << a.columns << " and " << b.rows << " x "
           << b.columns << " cannot be " << d.rows << " x " << d.columns;
  Type element = getA().getType().getElementType();
  Type resultElement = getD().getType().getElementType();
  if (getB().getType().getElementType() != element)
    return emitOpError("a and b have to have one element type");
  if (resultElement != element && !resultElement.isF32())
    return emitOpError("d has to have elements of type ")
           << element << " or f32, but is " << getD().getType();
  if (getC()) {
    MatrixView c;
    if (failed(view(getC(), "c", c)))
      return failure();
    if (c.rows != d.rows || c.columns != d.columns ||
        cast<MemRefType>(getC().getType()).getElementType() != resultElement)
      return emitOpError("c has to have the shape and elements of d");
  }
  if (getBias()) {
    auto bias = cast<MemRefType>(getBias().getType());
    if (bias.getRank() != 1 || bias.getDimSize(0) != d.columns ||
        bias.getElementType() != resultElement)
      return emitOpError("bias has to have ")
             << d.columns << " elements of type " << resultElement
             << ", but is " << bias;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// LaunchOp, CopyOp
//===----------------------------------------------------------------------===//

LogicalResult LaunchOp::verify() {
  auto check = [&](ArrayRef<int64_t> extents, ArrayRef<int64_t> limits,
                   StringRef name) -> LogicalResult {
    if (extents.size() != 3)
      return emitOpError(name) << " has to have 3 extents";
    for (auto [extent, limit] : llvm::zip_equal(extents, limits))
      if (extent < 1 || extent > limit)
        return emitOpError(name)
               << " has extent " << extent << " outside 1 to " << limit;
    return success();
  };
  if (failed(check(getGrid(), {2147483647, 65535, 65535}, "grid")) ||
      failed(check(getBlock(), {1024, 1024, 64}, "block")))
    return failure();
  int64_t threads = getBlock()[0] * getBlock()[1] * getBlock()[2];
  if (threads > 1024)
    return emitOpError("block has ") << threads << " threads; at most 1024 run";
  return success();
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto kernel =
      symbols.lookupNearestSymbolFrom<gpu::GPUFuncOp>(*this, getKernelAttr());
  if (!kernel || !kernel.isKernel())
    return emitOpError("there is no kernel ") << getKernel();
  size_t numArguments = getBuffers().size() + !getTable().empty();
  if (kernel.getNumArguments() != numArguments)
    return emitOpError("gives ")
           << numArguments << " arguments to kernel " << getKernel()
           << ", which takes " << kernel.getNumArguments();
  auto takesBuffers = kernel.getArgumentTypes().take_front(getBuffers().size());
  if (!getTable().empty()) {
    auto type = dyn_cast<MemRefType>(kernel.getArgumentTypes().back());
    if (!type || !type.getElementType().isInteger(64) ||
        type.getNumElements() != static_cast<int64_t>(getTable().size()))
      return emitOpError("gives kernel ")
             << getKernel() << " a table of " << getTable().size()
             << " addresses as " << kernel.getArgumentTypes().back();
  }
  for (auto [index, buffer, type] :
       llvm::enumerate(getBuffers().getTypes(), takesBuffers)) {
    // A bare pointer does not say what it points to.
    auto expected = dyn_cast<MemRefType>(type);
    if (expected &&
        expected.getElementType() != cast<MemRefType>(buffer).getElementType())
      return emitOpError("gives kernel ")
             << getKernel() << " a " << buffer << " as argument " << index
             << ", which is " << type;
  }
  return success();
}

LogicalResult CopyOp::verify() {
  MemRefType source = getSource().getType(), target = getTarget().getType();
  if (source.getElementType() != target.getElementType() ||
      source.getNumElements() != target.getNumElements() ||
      !source.getLayout().isIdentity() || !target.getLayout().isIdentity())
    return emitOpError("buffers have to be contiguous and alike, but are ")
           << source << " and " << target;
  return success();
}
