//===- PiParameterOps.cpp - Parameters and their derivation ---------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ShapeInference.h"

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

LogicalResult mlir::pi::verifySymbolType(Operation *op,
                                         FlatSymbolRefAttr symbol,
                                         StringRef verb, Type type,
                                         SymbolTableCollection &symbols) {
  Operation *found = symbols.lookupNearestSymbolFrom(op, symbol);
  RankedTensorType declared;
  if (auto parameter = dyn_cast_if_present<ParameterOp>(found))
    declared = parameter.getTensorType();
  else if (auto state = dyn_cast_if_present<StateOp>(found))
    declared = state.getTensorType();
  else
    return op->emitOpError("refers to '")
           << symbol << "', which is neither a 'pi.parameter' nor a "
           << "'pi.state'";
  if (declared != type)
    return op->emitOpError(verb)
           << " " << type << ", but " << found->getName().stripDialect() << " '"
           << symbol << "' is " << declared;
  return success();
}

LogicalResult LoadOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if ((*this)->getParentOfType<ParameterOp>() &&
      symbols.lookupNearestSymbolFrom<StateOp>(*this, getParameterAttr()))
    return emitOpError("reads state '@")
           << getParameter() << "', but a derivation reads parameters alone";
  return verifySymbolType(*this, getParameterAttr(), "gives", getType(),
                          symbols);
}
