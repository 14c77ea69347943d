//===- PiRecomputation.cpp - What it takes to compute a value again -------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Dialect/Pi/IR/Pi.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::pi;

#include "pi/Interfaces/RecomputableOpInterface.cpp.inc"

/// The arithmetic of products in the time that one byte takes. Measured on an
/// H100: 600 TFLOP/s in bf16, and 3 TB/s. Only the order that costs put
/// operations in matters, which is the same on machines that compute less for
/// each byte: a product takes longer than what reads and writes as much.
static constexpr uint64_t kFlopsPerByte = 200;

uint64_t mlir::pi::getTensorBytes(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !tensor.hasStaticShape() ||
      !tensor.getElementType().isIntOrFloat())
    return 0;
  uint64_t bytes = llvm::divideCeil(tensor.getElementTypeBitWidth(), 8u);
  for (int64_t size : tensor.getShape())
    bytes = llvm::SaturatingMultiply(bytes, uint64_t(size));
  return bytes;
}

uint64_t mlir::pi::getExecutionCost(Operation *op) {
  uint64_t cost = 0;
  for (Type type : op->getOperandTypes())
    cost = llvm::SaturatingAdd(cost, getTensorBytes(type));
  for (Type type : op->getResultTypes())
    cost = llvm::SaturatingAdd(cost, getTensorBytes(type));
  if (auto product = dyn_cast<FlopCountOpInterface>(op))
    cost = llvm::SaturatingAdd(cost, product.getFlopCount() / kFlopsPerByte);
  return cost;
}
