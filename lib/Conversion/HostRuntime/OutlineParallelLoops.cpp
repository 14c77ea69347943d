//===- OutlineParallelLoops.cpp - Loops run by threads --------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Conversion/HostRuntime/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"

namespace mlir::pi {
#define GEN_PASS_DEF_PIOUTLINEPARALLELLOOPS
#include "pi/Conversion/HostRuntime/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

/// The iterations of one dimension of a loop where they are known.
static std::optional<int64_t> getTripCount(Value lower, Value upper,
                                           Value step) {
  auto begin = getConstantIntValue(lower), end = getConstantIntValue(upper),
       by = getConstantIntValue(step);
  if (!begin || !end || !by || *by <= 0)
    return std::nullopt;
  return std::max<int64_t>(0, (*end - *begin + *by - 1) / *by);
}

/// About how many operations a loop runs. Loops of unknown length and calls
/// count as many.
static int64_t estimateWork(Operation *op) {
  constexpr int64_t kUnknown = 64, kCall = 4096;
  int64_t iterations = 1;
  if (auto loop = dyn_cast<scf::ForOp>(op))
    iterations =
        getTripCount(loop.getLowerBound(), loop.getUpperBound(), loop.getStep())
            .value_or(kUnknown);
  if (auto loop = dyn_cast<scf::ParallelOp>(op))
    for (auto [lower, upper, step] :
         llvm::zip(loop.getLowerBound(), loop.getUpperBound(), loop.getStep()))
      iterations *= getTripCount(lower, upper, step).value_or(kUnknown);
  if (isa<CallOpInterface>(op))
    return kCall;
  int64_t inside = 1;
  for (Region &region : op->getRegions())
    for (Operation &nested : region.getOps())
      inside += estimateWork(&nested);
  return iterations * inside;
}

/// Whether iterations are more than a few scalar operations.
static bool hasLoopsOrCalls(scf::ParallelOp loop) {
  return loop.getBody()
      ->walk([&](Operation *op) {
        return isa<LoopLikeOpInterface, CallOpInterface>(op)
                   ? WalkResult::interrupt()
                   : WalkResult::advance();
      })
      .wasInterrupted();
}

/// Builds nested sequential loops over the dimensions from `first` on, and in
/// the innermost a copy of the body of `loop`.
static void buildSequential(OpBuilder &builder, scf::ParallelOp loop,
                            unsigned first, IRMapping &mapping) {
  ImplicitLocOpBuilder b(loop.getLoc(), builder);
  for (unsigned i = first; i < loop.getNumLoops(); ++i) {
    auto sequential =
        scf::ForOp::create(b, mapping.lookupOrDefault(loop.getLowerBound()[i]),
                           mapping.lookupOrDefault(loop.getUpperBound()[i]),
                           mapping.lookupOrDefault(loop.getStep()[i]));
    mapping.map(loop.getInductionVars()[i], sequential.getInductionVar());
    b.setInsertionPointToStart(sequential.getBody());
  }
  for (Operation &op : loop.getBody()->without_terminator())
    b.clone(op, mapping);
}

namespace {
struct OutlineParallelLoops final
    : public pi::impl::PiOutlineParallelLoopsBase<OutlineParallelLoops> {
  using PiOutlineParallelLoopsBase::PiOutlineParallelLoopsBase;

  void runOnOperation() override {
    for (auto function : llvm::to_vector(getOperation().getOps<func::FuncOp>()))
      lowerLoops(function);
  }

private:
  void lowerLoops(func::FuncOp function);
  bool outline(scf::ParallelOp loop, func::FuncOp function);
  int64_t nextNumber = 0;
  /// The functions made of loops of the present function.
  SmallVector<func::FuncOp> bodies;
};

/// The values that a loop's body reads from outside: what to compute again in
/// it, in order, and what to pass.
struct Captures {
  SetVector<Operation *> recomputed;
  SetVector<Value> passed;

  void add(Value value) {
    Operation *op = value.getDefiningOp();
    if (!op || !isPure(op) || op->getNumRegions() != 0) {
      passed.insert(value);
      return;
    }
    for (Value operand : op->getOperands())
      add(operand);
    recomputed.insert(op);
  }
};
} // namespace

/// Moves the loop's body to a function of a range of iterations. Returns
/// whether it could.
bool OutlineParallelLoops::outline(scf::ParallelOp loop,
                                   func::FuncOp function) {
  unsigned split = loop.getNumLoops();
  if (split > 1 && !hasLoopsOrCalls(loop))
    --split;
  SmallVector<int64_t> counts;
  int64_t total = 1;
  for (unsigned i = 0; i < split; ++i) {
    auto count = getTripCount(loop.getLowerBound()[i], loop.getUpperBound()[i],
                              loop.getStep()[i]);
    if (!count)
      return false;
    counts.push_back(*count);
    total *= *count;
  }
  if (total < 2 || loop.getNumReductions() != 0)
    return false;

  Captures captures;
  for (Value operand : loop->getOperands())
    captures.add(operand);
  SetVector<Value> outside;
  getUsedValuesDefinedAbove(loop.getRegion(), outside);
  for (Value value : outside)
    captures.add(value);

  // The body: a function of the range and of what is passed.
  ImplicitLocOpBuilder b(loop.getLoc(), function);
  std::string name =
      (function.getSymName() + ".parallel." + std::to_string(nextNumber++))
          .str();
  SmallVector<Type> types(2, b.getIndexType());
  for (Value value : captures.passed)
    types.push_back(value.getType());
  auto body = func::FuncOp::create(b, name, b.getFunctionType(types, {}));
  body.setPrivate();
  bodies.push_back(body);
  Block *entry = body.addEntryBlock();
  b.setInsertionPointToStart(entry);
  IRMapping mapping;
  for (auto [index, value] : llvm::enumerate(captures.passed))
    mapping.map(value, entry->getArgument(2 + index));
  for (Operation *op : captures.recomputed)
    b.clone(*op, mapping);
  Value one = arith::ConstantIndexOp::create(b, 1);
  auto range =
      scf::ForOp::create(b, entry->getArgument(0), entry->getArgument(1), one);
  func::ReturnOp::create(b);
  b.setInsertionPointToStart(range.getBody());
  Value rest = range.getInductionVar();
  for (int i = split - 1; i >= 0; --i) {
    Value position = rest;
    if (i > 0) {
      Value count = arith::ConstantIndexOp::create(b, counts[i]);
      position = arith::RemUIOp::create(b, rest, count);
      rest = arith::DivUIOp::create(b, rest, count);
    }
    Value scaled = arith::MulIOp::create(
        b, position, mapping.lookupOrDefault(loop.getStep()[i]));
    mapping.map(
        loop.getInductionVars()[i],
        arith::AddIOp::create(
            b, scaled, mapping.lookupOrDefault(loop.getLowerBound()[i])));
  }
  buildSequential(b, loop, split, mapping);

  // The call, through a declaration that says what runs and how often.
  b.setInsertionPoint(function);
  types.erase(types.begin(), types.begin() + 2);
  auto run =
      func::FuncOp::create(b, name + ".run", b.getFunctionType(types, {}));
  run.setPrivate();
  run->setAttr("pi.parallel_body", FlatSymbolRefAttr::get(body));
  run->setAttr("pi.iterations", b.getI64IntegerAttr(total));
  b.setInsertionPoint(loop);
  func::CallOp::create(b, run, captures.passed.getArrayRef());
  loop.erase();
  ++numLoops;
  return true;
}

/// Makes sequential loops of all parallel loops, outer ones first.
static void runInOrder(func::FuncOp function) {
  while (true) {
    scf::ParallelOp next;
    function.walk<WalkOrder::PreOrder>([&](scf::ParallelOp loop) {
      next = loop;
      return WalkResult::interrupt();
    });
    if (!next)
      return;
    OpBuilder builder(next);
    IRMapping mapping;
    buildSequential(builder, next, 0, mapping);
    next.erase();
  }
}

void OutlineParallelLoops::lowerLoops(func::FuncOp function) {
  SmallVector<scf::ParallelOp> outermost;
  function.walk<WalkOrder::PreOrder>([&](scf::ParallelOp loop) {
    outermost.push_back(loop);
    return WalkResult::skip();
  });
  nextNumber = 0;
  for (scf::ParallelOp loop : outermost) {
    // Threads do not start threads: a loop in a loop stays sequential.
    if (loop->getParentOfType<scf::ForOp>() || estimateWork(loop) < minimumWork)
      continue;
    outline(loop, function);
  }
  // Everything else runs in order, in this function and in the new ones.
  runInOrder(function);
  for (func::FuncOp body : bodies)
    runInOrder(body);
  bodies.clear();
}
