//===- Parameters.cpp - Adding and dropping parameters --------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Transforms/Utils/Parameters.h"

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/IR/Builders.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace mlir::pi;

int64_t mlir::pi::eraseUnusedParameters(ModuleOp module) {
  DenseMap<StringAttr, int64_t> uses;
  // `getSymbolUses` of a region covers attributes of every operation in it. It
  // gives nothing where an unregistered operation may hide uses.
  auto countUses = [&](Region &region, int64_t change) {
    auto refs = SymbolTable::getSymbolUses(&region);
    if (!refs)
      return false;
    for (SymbolTable::SymbolUse use : *refs)
      uses[use.getSymbolRef().getRootReference()] += change;
    return true;
  };
  SmallVector<ParameterOp> parameters(module.getOps<ParameterOp>());
  if (!countUses(module.getBodyRegion(), 1))
    return 0;

  int64_t erased = 0;
  for (bool changed = true; changed;) {
    changed = false;
    llvm::erase_if(parameters, [&](ParameterOp parameter) {
      if (uses.lookup(parameter.getSymNameAttr()) != 0)
        return false;
      countUses(parameter.getDerivation(), -1);
      parameter.erase();
      changed = true;
      ++erased;
      return true;
    });
  }
  return erased;
}

void mlir::pi::eraseWithDeadOperands(Operation *op) {
  llvm::SetVector<Operation *> dead;
  dead.insert(op);
  while (!dead.empty()) {
    Operation *next = dead.pop_back_val();
    llvm::SetVector<Operation *> operands;
    for (Value operand : next->getOperands())
      if (Operation *source = operand.getDefiningOp())
        operands.insert(source);
    next->erase();
    for (Operation *source : operands)
      if (isOpTriviallyDead(source))
        dead.insert(source);
  }
}

SmallVector<Operation *> mlir::pi::getParameterExpression(Value value) {
  llvm::SetVector<Operation *> slice;
  BackwardSliceOptions options;
  options.inclusive = true;
  bool known = !isa<BlockArgument>(value), readsParameter = false;
  options.filter = [&](Operation *op) {
    auto load = dyn_cast<LoadOp>(op);
    bool isParameter = load && lookupParameter(load);
    readsParameter |= isParameter;
    known &= op->getNumRegions() == 0 &&
             (isParameter || isMemoryEffectFree(op)) &&
             llvm::none_of(op->getOperands(), llvm::IsaPred<BlockArgument>);
    return known;
  };
  if (!known || failed(getBackwardSlice(value, &slice, options)) || !known ||
      !readsParameter)
    return {};
  return slice.takeVector();
}

/// Whether `present` can stand for `wanted`: it has the same type and the same
/// derivation. One without a derivation has values that nobody knows.
static bool isSameParameter(Operation *present, ParameterOp wanted) {
  auto parameter = dyn_cast<ParameterOp>(present);
  if (!parameter || parameter.getType() != wanted.getType())
    return false;
  return parameter.isDerived() &&
         OperationEquivalence::isRegionEquivalentTo(
             &parameter.getDerivation(), &wanted.getDerivation(),
             OperationEquivalence::IgnoreLocations);
}

FailureOr<ParameterOp>
mlir::pi::getOrCreateDerivedParameter(Operation *after, Location loc,
                                      const ParameterSpec &spec,
                                      function_ref<Value(OpBuilder &)> derive) {
  auto module = after->getParentOfType<ModuleOp>();
  Operation *present = SymbolTable::lookupSymbolIn(module, spec.name);

  OpBuilder builder(after->getContext());
  builder.setInsertionPointAfter(after);
  auto parameter = ParameterOp::create(builder, loc, spec.name, spec.type,
                                       spec.init, spec.decay);
  builder.setInsertionPointToEnd(&parameter.getDerivation().emplaceBlock());
  Value value = derive(builder);
  YieldOp::create(builder, loc, value);
  if (!present)
    return parameter;

  bool isSame = isSameParameter(present, parameter);
  parameter.erase();
  if (isSame)
    return cast<ParameterOp>(present);
  InFlightDiagnostic diag =
      emitError(loc) << "needs a new parameter '@" << spec.name << "' of type "
                     << spec.type << ", but that name has another meaning";
  diag.attachNote(present->getLoc()) << "here";
  return failure();
}

ParameterOp mlir::pi::lookupParameter(LoadOp load) {
  return SymbolTable::lookupNearestSymbolFrom<ParameterOp>(
      load, load.getParameterAttr());
}
