//===- PlanMemory.cpp - Places the buffers of a plan in one arena ---------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Dialect/Pirt/Transforms/Passes.h"

#include "mlir/IR/Builders.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::pirt {
#define GEN_PASS_DEF_PIRTPLANMEMORY
#include "pi/Dialect/Pirt/Transforms/Passes.h.inc"
} // namespace mlir::pirt

using namespace mlir;
using namespace mlir::pirt;

/// The start of the smallest gap of at least `bytes` between the occupied
/// ranges, or the end of the last one.
static int64_t findBestGap(ArrayRef<std::pair<int64_t, int64_t>> occupied,
                           int64_t bytes) {
  int64_t best = -1, bestSize = 0, end = 0;
  for (auto [begin, rangeEnd] : occupied) {
    int64_t gap = begin - end;
    if (gap >= bytes && (best < 0 || gap < bestSize)) {
      best = end;
      bestSize = gap;
    }
    end = std::max(end, rangeEnd);
  }
  return best < 0 ? end : best;
}

ArenaPlan mlir::pirt::planArena(ArrayRef<LiveBuffer> buffers) {
  auto order = llvm::to_vector(llvm::seq<size_t>(0, buffers.size()));
  llvm::stable_sort(order, [&](size_t a, size_t b) {
    return buffers[a].bytes > buffers[b].bytes;
  });
  ArenaPlan plan;
  plan.offsets.resize(buffers.size());
  SmallVector<size_t> placed;
  for (size_t index : order) {
    const LiveBuffer &buffer = buffers[index];
    SmallVector<std::pair<int64_t, int64_t>> occupied;
    for (size_t other : placed)
      if (buffers[other].first <= buffer.last &&
          buffer.first <= buffers[other].last)
        occupied.emplace_back(
            plan.offsets[other],
            plan.offsets[other] +
                llvm::alignTo(buffers[other].bytes, kArenaAlignment));
    llvm::sort(occupied);
    int64_t bytes = llvm::alignTo(buffer.bytes, kArenaAlignment);
    plan.offsets[index] = findBestGap(occupied, bytes);
    plan.bytes = std::max(plan.bytes, plan.offsets[index] + bytes);
    placed.push_back(index);
  }
  return plan;
}

/// Makes the buffer live where it, or a view of it, is used.
static void addUses(Value value, const DenseMap<Operation *, int64_t> &steps,
                    LiveBuffer &buffer) {
  for (Operation *user : value.getUsers()) {
    if (auto view = dyn_cast<ViewOp>(user)) {
      addUses(view.getResult(), steps, buffer);
      continue;
    }
    buffer.first = std::min(buffer.first, steps.lookup(user));
    buffer.last = std::max(buffer.last, steps.lookup(user));
  }
}

/// Whether the function is a plan, which may be as little as a copy of a state.
/// Others, such as those that derive parameters on the host, have tensors.
static bool isPlan(func::FuncOp function) {
  return function.isPublic() && function.getBody().hasOneBlock() &&
         function.getNumResults() == 0 &&
         llvm::all_of(function.getArgumentTypes(), llvm::IsaPred<MemRefType>);
}

namespace {
struct PlanMemoryPass : pirt::impl::PirtPlanMemoryBase<PlanMemoryPass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (!isPlan(function))
      return;
    DenseMap<Operation *, int64_t> steps;
    for (auto [step, op] : llvm::enumerate(function.getBody().front()))
      steps[&op] = step;

    for (Operation &op :
         llvm::make_early_inc_range(llvm::reverse(function.getBody().front())))
      if (isa<ViewOp>(op) && op.use_empty())
        op.erase();

    SmallVector<AllocOp> allocations;
    SmallVector<LiveBuffer> buffers;
    for (AllocOp alloc :
         llvm::make_early_inc_range(function.getOps<AllocOp>())) {
      if (alloc->use_empty()) {
        alloc.erase();
        continue;
      }
      LiveBuffer buffer{getBufferBytes(alloc.getBuffer().getType()),
                        std::numeric_limits<int64_t>::max(), 0};
      addUses(alloc.getBuffer(), steps, buffer);
      allocations.push_back(alloc);
      buffers.push_back(buffer);
      bufferBytes += buffer.bytes;
    }

    ArenaPlan plan = planArena(buffers);
    for (auto [alloc, offset] : llvm::zip_equal(allocations, plan.offsets))
      alloc.setOffset(offset);
    function->setAttr(kArenaBytesAttr,
                      Builder(&getContext()).getI64IntegerAttr(plan.bytes));
    if (static_cast<uint64_t>(plan.bytes) > arenaBytes)
      arenaBytes = plan.bytes;
  }
};
} // namespace
