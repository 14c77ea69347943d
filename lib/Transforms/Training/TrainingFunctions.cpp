//===- TrainingFunctions.cpp - What functions of training share -----------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TrainingFunctions.h"

#include "pi/Dialect/Pi/IR/Pi.h"
#include "pi/Transforms/Execution/Passes.h"

using namespace mlir;
using namespace mlir::pi;

FailureOr<func::FuncOp>
mlir::pi::getSourceFunction(ModuleOp module, StringRef source, StringRef made) {
  auto function = module.lookupSymbol<func::FuncOp>(source);
  if (!function || function.isExternal())
    return module.emitError("has no function @")
           << source << " to build @" << made << " from";
  if (Operation *other = module.lookupSymbol(made))
    return other->emitError("stands in the way of the generated function @")
           << made;
  if (!function.getFunctionBody().hasOneBlock())
    return function.emitError("@") << source << " has to be one block";
  return function;
}

DictionaryAttr mlir::pi::getNameAttrs(MLIRContext *context, const Twine &name) {
  Builder b(context);
  return b.getDictionaryAttr(b.getNamedAttr(kNameAttr, b.getStringAttr(name)));
}

FailureOr<Value> mlir::pi::addCrossEntropy(func::FuncOp function,
                                           int32_t ignoreIndex) {
  auto logits = function.getNumResults() == 1
                    ? dyn_cast<RankedTensorType>(function.getResultTypes()[0])
                    : RankedTensorType();
  if (!logits || logits.getRank() < 1 ||
      !isa<FloatType>(logits.getElementType()))
    return function.emitError("@")
           << function.getSymName()
           << " has to give logits B x T x V alone, but is "
           << function.getFunctionType();
  Operation *terminator = function.getFunctionBody().front().getTerminator();
  OpBuilder builder(terminator);
  unsigned index = function.getNumArguments();
  auto targets = RankedTensorType::get(logits.getShape().drop_back(),
                                       builder.getI32Type());
  if (failed(function.insertArgument(
          index, targets, getNameAttrs(function.getContext(), "targets"),
          terminator->getLoc())))
    return failure();
  Value value = terminator->getOperand(0);
  return CrossEntropyOp::create(builder, value.getLoc(), value,
                                function.getArgument(index), ignoreIndex)
      .getResult();
}

void mlir::pi::setResults(func::FuncOp function, ValueRange values,
                          ArrayRef<DictionaryAttr> attributes) {
  Builder b(function.getContext());
  function.getFunctionBody().front().getTerminator()->setOperands(values);
  function.setFunctionType(
      b.getFunctionType(function.getArgumentTypes(), values.getTypes()));
  function.setResAttrsAttr(b.getArrayAttr(
      SmallVector<Attribute>(attributes.begin(), attributes.end())));
}
