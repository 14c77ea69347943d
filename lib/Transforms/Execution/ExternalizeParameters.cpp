//===- ExternalizeParameters.cpp - Parameters as arguments ----------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Dialect/Pi/IR/Pi.h"
#include "pi/Transforms/Execution/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::pi {
#define GEN_PASS_DEF_PIEXTERNALIZEPARAMETERS
#include "pi/Transforms/Execution/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

namespace {
/// What a function does with one parameter or state.
struct Accesses {
  SmallVector<LoadOp> loads;
  StoreOp store;

  Type getType() {
    return store ? store.getValue().getType() : loads.front().getType();
  }
  Location getLoc() { return store ? store.getLoc() : loads.front().getLoc(); }
};
/// By symbol, in the order of first accesses.
using AccessMap = llvm::MapVector<StringAttr, Accesses>;
} // namespace

/// Checks that every load of a symbol gives what it has when the function
/// starts: an argument is all that can be given.
static FailureOr<AccessMap> collectAccesses(func::FuncOp function) {
  AccessMap accesses;
  Block &body = function.getFunctionBody().front();
  WalkResult result = function.walk([&](Operation *op) {
    if (auto load = dyn_cast<LoadOp>(op)) {
      Accesses &known = accesses[load.getParameterAttr().getAttr()];
      known.loads.push_back(load);
      if (!known.store)
        return WalkResult::advance();
      InFlightDiagnostic error = load.emitOpError("reads '@")
                                 << load.getParameter()
                                 << "' after it has a new value: it has to be "
                                    "read before";
      error.attachNote(known.store.getLoc()) << "stored here";
      return WalkResult::interrupt();
    }
    auto store = dyn_cast<StoreOp>(op);
    if (!store)
      return WalkResult::advance();
    if (store->getBlock() != &body ||
        !function.getFunctionBody().hasOneBlock()) {
      store.emitOpError("has to stand in the one block of its function");
      return WalkResult::interrupt();
    }
    Accesses &known = accesses[store.getTargetAttr().getAttr()];
    if (known.store) {
      InFlightDiagnostic error = store.emitOpError("gives '@")
                                 << store.getTarget()
                                 << "' a second new value in one function";
      error.attachNote(known.store.getLoc()) << "stored before here";
      return WalkResult::interrupt();
    }
    known.store = store;
    return WalkResult::advance();
  });
  if (result.wasInterrupted())
    return failure();
  return accesses;
}

/// What marks an argument or a result as a parameter or a state.
static DictionaryAttr getMark(ModuleOp module, StringAttr symbol) {
  Builder b(module.getContext());
  if (module.lookupSymbol<StateOp>(symbol))
    return b.getDictionaryAttr(b.getNamedAttr(kStateAttr, symbol));
  return b.getDictionaryAttr(
      b.getNamedAttr(kParameterAttr, FlatSymbolRefAttr::get(symbol)));
}

/// Replaces loads by arguments and stores by results, one for each parameter
/// and state, in the order of the first accesses.
static void externalize(func::FuncOp function, AccessMap &accesses) {
  auto module = function->getParentOfType<ModuleOp>();
  Operation *terminator = function.getFunctionBody().front().getTerminator();
  for (auto &[symbol, access] : accesses) {
    DictionaryAttr mark = getMark(module, symbol);
    unsigned index = function.getNumArguments();
    if (failed(function.insertArgument(index, access.getType(), mark,
                                       access.getLoc())))
      llvm_unreachable("a function with a body takes any argument");
    for (LoadOp load : access.loads) {
      load.replaceAllUsesWith(function.getArgument(index));
      load.erase();
    }
    if (!access.store)
      continue;
    if (failed(function.insertResult(function.getNumResults(), access.getType(),
                                     mark)))
      llvm_unreachable("a function with a body gives any result");
    terminator->insertOperands(terminator->getNumOperands(),
                               access.store.getValue());
    access.store.erase();
  }
}

/// Moves the derivation of a parameter into a function of its own.
static func::FuncOp outlineDerivation(ParameterOp parameter) {
  OpBuilder builder(parameter);
  builder.setInsertionPointAfter(parameter);
  auto function = func::FuncOp::create(
      builder, parameter.getLoc(),
      (kInitializePrefix + parameter.getSymName()).str(),
      builder.getFunctionType({}, parameter.getTensorType()));
  function.setPrivate();
  function.setResultAttr(0, kParameterAttr, FlatSymbolRefAttr::get(parameter));
  function.getFunctionBody().takeBody(parameter.getDerivation());
  auto yield =
      cast<YieldOp>(function.getFunctionBody().front().getTerminator());
  builder.setInsertionPoint(yield);
  func::ReturnOp::create(builder, yield.getLoc(), yield.getValue());
  yield.erase();
  return function;
}

/// Gives an initialiser f32 arguments and an f32 result where parameters are of
/// a shorter type: weights are f32 while the runtime derives some from others.
/// Arguments are rounded before they are read, so the code in between stays.
static void widenSignature(func::FuncOp initializer) {
  Block &body = initializer.getFunctionBody().front();
  OpBuilder builder = OpBuilder::atBlockBegin(&body);
  auto getWide = [&](Type type) -> Type {
    auto tensor = cast<RankedTensorType>(type);
    auto element = dyn_cast<FloatType>(tensor.getElementType());
    return element && element.getWidth() < 32
               ? tensor.clone(builder.getF32Type())
               : type;
  };
  for (BlockArgument argument : body.getArguments()) {
    Type narrow = argument.getType(), wide = getWide(narrow);
    if (narrow == wide)
      continue;
    argument.setType(wide);
    auto rounded =
        arith::TruncFOp::create(builder, argument.getLoc(), narrow, argument);
    argument.replaceAllUsesExcept(rounded, rounded);
  }
  Operation *terminator = body.getTerminator();
  builder.setInsertionPoint(terminator);
  for (OpOperand &operand : terminator->getOpOperands())
    if (Type wide = getWide(operand.get().getType());
        wide != operand.get().getType())
      operand.set(arith::ExtFOp::create(builder, terminator->getLoc(), wide,
                                        operand.get()));
  initializer.setType(builder.getFunctionType(body.getArgumentTypes(),
                                              terminator->getOperandTypes()));
}

namespace {
struct ExternalizeParameters final
    : public pi::impl::PiExternalizeParametersBase<ExternalizeParameters> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<func::FuncOp> initializers;
    for (auto parameter :
         llvm::make_early_inc_range(module.getOps<ParameterOp>()))
      if (parameter.isDerived())
        initializers.push_back(outlineDerivation(parameter));
    for (auto function : module.getOps<func::FuncOp>()) {
      if (function.isExternal())
        continue;
      FailureOr<AccessMap> accesses = collectAccesses(function);
      if (failed(accesses))
        return signalPassFailure();
      unsigned resultsBefore = function.getNumResults();
      numArguments += accesses->size();
      externalize(function, *accesses);
      numResults += function.getNumResults() - resultsBefore;
    }
    llvm::for_each(initializers, widenSignature);
    numInitializers += initializers.size();
    for (auto state : llvm::make_early_inc_range(module.getOps<StateOp>()))
      state.erase();
  }
};
} // namespace
