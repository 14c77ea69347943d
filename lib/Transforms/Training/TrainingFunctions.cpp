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

/// The cross-entropy of what a terminator returns. Logits that are a product
/// are not computed as a whole; a bias is rare in a head, and would need a
/// gradient of its own.
static Value buildCrossEntropy(OpBuilder &builder, OpOperand &logits,
                               Value targets, int32_t ignoreIndex) {
  Location loc = logits.get().getLoc();
  auto linear = logits.get().getDefiningOp<LinearOp>();
  if (!linear || linear.getBias())
    return CrossEntropyOp::create(builder, loc, logits.get(), targets,
                                  ignoreIndex);
  Value loss = LinearCrossEntropyOp::create(builder, loc, linear.getInput(),
                                            linear.getWeight(), targets,
                                            linear.getTransposed(), ignoreIndex)
                   .getLoss();
  logits.set(loss);
  if (linear->use_empty())
    linear.erase();
  return loss;
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
  return buildCrossEntropy(builder, terminator->getOpOperand(0),
                           function.getArgument(index), ignoreIndex);
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
