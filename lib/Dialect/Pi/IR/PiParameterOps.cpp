//===- PiParameterOps.cpp - Parameters and their derivation ---------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Dialect/Pi/IR/Pi.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace mlir::pi;

void ParameterOp::build(OpBuilder &builder, OperationState &state,
                        StringRef name, RankedTensorType type, Attribute init,
                        bool decay) {
  state.addRegion();
  state.getOrAddProperties<Properties>().sym_name = builder.getStringAttr(name);
  state.getOrAddProperties<Properties>().type = TypeAttr::get(type);
  state.getOrAddProperties<Properties>().init = init;
  if (decay)
    state.getOrAddProperties<Properties>().decay = builder.getUnitAttr();
}

LogicalResult ParameterOp::verifyRegions() {
  if (!isDerived())
    return success();
  Block &body = getDerivation().front();
  if (body.getNumArguments() != 0)
    return emitOpError("derivation has to take no arguments: it reads other "
                       "parameters with 'pi.load'");
  auto yield = dyn_cast<YieldOp>(body.getTerminator());
  if (!yield)
    return emitOpError("derivation has to end with 'pi.yield'");
  if (yield.getValue().getType() != getType())
    return yield.emitOpError("gives ")
           << yield.getValue().getType() << ", but parameter '@" << getSymName()
           << "' is " << getType();
  return success();
}

LogicalResult ParameterOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (!isDerived())
    return success();
  // Every parameter that this one is derived from, in any number of steps.
  llvm::SmallSetVector<ParameterOp, 4> sources;
  auto addSourcesOf = [&](ParameterOp parameter) {
    parameter.getDerivation().walk([&](LoadOp load) {
      if (auto source = symbols.lookupNearestSymbolFrom<ParameterOp>(
              load, load.getParameterAttr()))
        sources.insert(source);
    });
  };
  addSourcesOf(*this);
  for (size_t i = 0; i < sources.size(); ++i)
    addSourcesOf(sources[i]);
  if (sources.contains(*this))
    return emitOpError("is derived from itself");
  return success();
}

LogicalResult LoadOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto parameter =
      symbols.lookupNearestSymbolFrom<ParameterOp>(*this, getParameterAttr());
  if (!parameter)
    return emitOpError("refers to '@")
           << getParameter() << "', which is no 'pi.parameter'";
  if (parameter.getType() != getType())
    return emitOpError("gives ")
           << getType() << ", but parameter '@" << getParameter() << "' is "
           << parameter.getType();
  return success();
}
