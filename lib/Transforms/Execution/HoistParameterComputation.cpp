//===- HoistParameterComputation.cpp - Compute at load time ---------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Dialect/Pi/IR/Pi.h"
#include "pi/Transforms/Execution/Passes.h"

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace mlir::pi {
#define GEN_PASS_DEF_PIHOISTPARAMETERCOMPUTATION
#include "pi/Transforms/Execution/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

static bool isStaticTensor(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.hasStaticShape();
}

namespace {
struct HoistParameterComputation final
    : public pi::impl::PiHoistParameterComputationBase<
          HoistParameterComputation> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    stored.clear();
    getOperation().walk(
        [&](StoreOp op) { stored.insert(op.getTargetAttr().getAttr()); });
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isExternal() && !function->hasAttr(kTrainingAttr))
        hoistFrom(function, symbols);
  }

private:
  bool isSource(Operation *op, const SymbolTable &symbols) const;
  void hoistFrom(func::FuncOp function, SymbolTable &symbols);
  ParameterOp derive(Operation *root, SymbolTable &symbols);

  /// The symbols that some function gives a new value.
  DenseSet<StringAttr> stored;
};
} // namespace

/// Whether the operation is where a computation starts that gives the same in
/// every run.
bool HoistParameterComputation::isSource(Operation *op,
                                         const SymbolTable &symbols) const {
  if (auto load = dyn_cast<LoadOp>(op)) {
    StringAttr name = load.getParameterAttr().getAttr();
    return symbols.lookup<ParameterOp>(name) && !stored.contains(name);
  }
  return op->hasTrait<OpTrait::ConstantLike>();
}

void HoistParameterComputation::hoistFrom(func::FuncOp function,
                                          SymbolTable &symbols) {
  // Operations in order, so operands are known before their users.
  DenseSet<Operation *> invariant;
  SmallVector<Operation *> hoisted;
  for (Operation &op : function.getFunctionBody().front()) {
    bool known = llvm::all_of(op.getOperands(), [&](Value operand) {
      return invariant.contains(operand.getDefiningOp());
    });
    if (isSource(&op, symbols)) {
      invariant.insert(&op);
    } else if (known && op.getNumOperands() > 0 && op.getNumResults() == 1 &&
               op.getNumRegions() == 0 && isMemoryEffectFree(&op) &&
               !isa<GenerationOpInterface>(op) &&
               isStaticTensor(op.getResult(0).getType())) {
      invariant.insert(&op);
      hoisted.push_back(&op);
    }
  }
  // One parameter for each value that the rest of the function reads.
  for (Operation *op : hoisted) {
    if (llvm::all_of(op->getUsers(),
                     [&](Operation *user) { return invariant.contains(user); }))
      continue;
    ParameterOp parameter = derive(op, symbols);
    OpBuilder builder(op);
    auto load = LoadOp::create(builder, op->getLoc(), parameter.getTensorType(),
                               parameter.getSymName());
    op->getResult(0).replaceUsesWithIf(load, [&](OpOperand &use) {
      return !invariant.contains(use.getOwner());
    });
    ++numParameters;
  }
  for (Operation *op : llvm::reverse(hoisted))
    if (op->use_empty()) {
      op->erase();
      ++numHoisted;
    }
}

/// Declares the parameter whose derivation computes the result of `root`.
ParameterOp HoistParameterComputation::derive(Operation *root,
                                              SymbolTable &symbols) {
  BackwardSliceOptions options;
  options.inclusive = true;
  SetVector<Operation *> slice;
  (void)getBackwardSlice(root, &slice, options);

  StringRef firstSource = "constant";
  Operation *insertAfter = nullptr;
  for (Operation *op : slice) {
    auto load = dyn_cast<LoadOp>(op);
    if (!load)
      continue;
    auto source = symbols.lookup<ParameterOp>(load.getParameter());
    if (!insertAfter)
      firstSource = load.getParameter();
    if (!insertAfter || insertAfter->isBeforeInBlock(source))
      insertAfter = source;
  }

  OpBuilder builder(&getContext());
  std::string name = (firstSource + "." + root->getName().stripDialect()).str();
  auto parameter = ParameterOp::create(
      builder, root->getLoc(), name,
      cast<RankedTensorType>(root->getResult(0).getType()), Attribute());
  Block &body = parameter.getDerivation().emplaceBlock();
  builder.setInsertionPointToEnd(&body);
  IRMapping mapping;
  for (Operation *op : slice)
    builder.clone(*op, mapping);
  YieldOp::create(builder, root->getLoc(), mapping.lookup(root->getResult(0)));
  Block *moduleBody = getOperation().getBody();
  symbols.insert(parameter, insertAfter
                                ? std::next(Block::iterator(insertAfter))
                                : moduleBody->begin());
  return parameter;
}
