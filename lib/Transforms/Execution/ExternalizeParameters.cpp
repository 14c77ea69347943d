//===- ExternalizeParameters.cpp - Parameters as arguments ----------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Dialect/Pi/IR/Pi.h"
#include "pi/Transforms/Execution/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::pi {
#define GEN_PASS_DEF_PIEXTERNALIZEPARAMETERS
#include "pi/Transforms/Execution/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

/// Replaces the loads of the function by arguments, one for each parameter, in
/// the order of the first loads. Returns the number of arguments added.
static int64_t externalizeLoads(func::FuncOp function) {
  llvm::MapVector<StringAttr, SmallVector<LoadOp>> loads;
  function.walk([&](LoadOp load) {
    loads[load.getParameterAttr().getAttr()].push_back(load);
  });

  Builder builder(function.getContext());
  unsigned first = function.getNumArguments();
  SmallVector<Type> types;
  SmallVector<DictionaryAttr> attributes;
  SmallVector<Location> locations;
  for (auto &[parameter, users] : loads) {
    types.push_back(users.front().getType());
    attributes.push_back(builder.getDictionaryAttr(builder.getNamedAttr(
        kParameterAttr, FlatSymbolRefAttr::get(parameter))));
    locations.push_back(users.front().getLoc());
  }
  SmallVector<unsigned> indices(loads.size(), first);
  if (failed(function.insertArguments(indices, types, attributes, locations)))
    llvm_unreachable("a function with a body takes any argument");

  for (auto [index, entry] : llvm::enumerate(loads))
    for (LoadOp load : entry.second) {
      load.replaceAllUsesWith(function.getArgument(first + index));
      load.erase();
    }
  return loads.size();
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

namespace {
struct ExternalizeParameters final
    : public pi::impl::PiExternalizeParametersBase<ExternalizeParameters> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    for (auto parameter :
         llvm::make_early_inc_range(module.getOps<ParameterOp>()))
      if (parameter.isDerived()) {
        outlineDerivation(parameter);
        ++numInitializers;
      }
    for (auto function : module.getOps<func::FuncOp>())
      if (!function.isExternal())
        numArguments += externalizeLoads(function);
  }
};
} // namespace
