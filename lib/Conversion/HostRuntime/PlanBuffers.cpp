//===- PlanBuffers.cpp - One allocation for all buffers -------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Conversion/HostRuntime/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::pi {
#define GEN_PASS_DEF_PIPLANHOSTBUFFERS
#include "pi/Conversion/HostRuntime/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

namespace {
/// A buffer, the range of operations of the function's body that use it, and
/// its place.
struct Buffer {
  memref::AllocOp op;
  uint64_t bytes = 0;
  int64_t first = 0, last = 0;
  uint64_t offset = 0;

  bool isLiveWith(const Buffer &other) const {
    return first <= other.last && other.first <= last;
  }
};

struct PlanBuffers final : public pi::impl::PiPlanHostBuffersBase<PlanBuffers> {
  using PiPlanHostBuffersBase::PiPlanHostBuffersBase;
  void runOnOperation() override;

private:
  FailureOr<SmallVector<Buffer>> collect(Block &body);
};
} // namespace

/// Bytes of a buffer of static shape, or failure if they overflow.
static FailureOr<uint64_t> getByteSize(MemRefType type) {
  bool overflow = false, any = false;
  uint64_t bytes = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  for (int64_t size : type.getShape()) {
    bytes = llvm::SaturatingMultiply<uint64_t>(bytes, size, &overflow);
    any |= overflow;
  }
  if (any || bytes > uint64_t(std::numeric_limits<int64_t>::max()) / 2)
    return failure();
  return bytes;
}

/// Extends the range of a buffer to all users of `value` and of what is
/// computed from it without touching memory: views, pointers.
static void extendRange(Value value, Block &body,
                        const DenseMap<Operation *, int64_t> &order,
                        Buffer &buffer) {
  for (Operation *user : value.getUsers()) {
    int64_t position = order.lookup(body.findAncestorOpInBlock(*user));
    buffer.first = std::min(buffer.first, position);
    buffer.last = std::max(buffer.last, position);
    if (isMemoryEffectFree(user))
      for (Value result : user->getResults())
        extendRange(result, body, order, buffer);
  }
}

FailureOr<SmallVector<Buffer>> PlanBuffers::collect(Block &body) {
  DenseMap<Operation *, int64_t> order;
  for (auto [index, op] : llvm::enumerate(body))
    order[&op] = index;
  SmallVector<Buffer> buffers;
  WalkResult result = getOperation().walk([&](memref::AllocOp op) {
    auto bytes = getByteSize(op.getType());
    if (!op.getType().hasStaticShape() || failed(bytes)) {
      op.emitOpError("needs a static size that fits in memory");
      return WalkResult::interrupt();
    }
    Buffer buffer;
    buffer.op = op;
    buffer.bytes = *bytes;
    buffer.first = buffer.last = order.lookup(body.findAncestorOpInBlock(*op));
    // The allocation itself uses nothing: the range starts at the first user.
    if (op->getBlock() == &body)
      buffer.first = std::numeric_limits<int64_t>::max();
    extendRange(op, body, order, buffer);
    buffers.push_back(buffer);
    return WalkResult::advance();
  });
  if (result.wasInterrupted())
    return failure();
  return buffers;
}

/// Gives each buffer the lowest place that no buffer live with it has, the
/// largest first. Returns the bytes needed.
static uint64_t placeBuffers(MutableArrayRef<Buffer> buffers) {
  constexpr uint64_t kAlignment = 64;
  llvm::stable_sort(buffers, [](const Buffer &lhs, const Buffer &rhs) {
    return lhs.bytes > rhs.bytes;
  });
  uint64_t total = 0;
  for (auto [index, buffer] : llvm::enumerate(buffers)) {
    SmallVector<const Buffer *> neighbours;
    for (const Buffer &placed : buffers.take_front(index))
      if (placed.isLiveWith(buffer))
        neighbours.push_back(&placed);
    llvm::sort(neighbours, [](const Buffer *lhs, const Buffer *rhs) {
      return lhs->offset < rhs->offset;
    });
    for (const Buffer *neighbour : neighbours) {
      if (buffer.offset + buffer.bytes <= neighbour->offset)
        break;
      buffer.offset = std::max(
          buffer.offset,
          llvm::alignTo(neighbour->offset + neighbour->bytes, kAlignment));
    }
    total = std::max(total, buffer.offset + buffer.bytes);
  }
  return total;
}

void PlanBuffers::runOnOperation() {
  if (getOperation().isExternal())
    return;
  Block &body = getOperation().getFunctionBody().front();
  FailureOr<SmallVector<Buffer>> all = collect(body);
  if (failed(all))
    return signalPassFailure();

  OpBuilder builder = OpBuilder::atBlockBegin(&body);
  SmallVector<Buffer> buffers;
  for (Buffer &buffer : *all) {
    if (buffer.bytes > uint64_t(stackBytes)) {
      buffers.push_back(buffer);
      continue;
    }
    Value local = memref::AllocaOp::create(builder, buffer.op.getLoc(),
                                           buffer.op.getType(),
                                           builder.getI64IntegerAttr(64));
    buffer.op.replaceAllUsesWith(local);
  }
  numBuffers += all->size();
  llvm::scope_exit eraseAllocations([&] {
    for (Buffer &buffer : *all)
      buffer.op.erase();
  });
  if (buffers.empty())
    return;

  uint64_t total = placeBuffers(buffers);
  numBytes += total;
  Location loc = getOperation().getLoc();
  Value arena = memref::AllocOp::create(
      builder, loc, MemRefType::get(total, builder.getI8Type()));
  for (Buffer &buffer : buffers) {
    Value offset = arith::ConstantIndexOp::create(builder, loc, buffer.offset);
    Value place =
        memref::ViewOp::create(builder, buffer.op.getLoc(), buffer.op.getType(),
                               arena, offset, ValueRange());
    buffer.op.replaceAllUsesWith(place);
  }
  builder.setInsertionPoint(body.getTerminator());
  memref::DeallocOp::create(builder, loc, arena);
}
