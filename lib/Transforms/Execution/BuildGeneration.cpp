//===- BuildGeneration.cpp - Prefill and decode from forward --------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Dialect/Pi/IR/Pi.h"
#include "pi/Transforms/Execution/Passes.h"
#include "pi/Transforms/Utils/ForwardSignature.h"
#include "pi/Transforms/Utils/SelectPosition.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/StringSet.h"

namespace mlir::pi {
#define GEN_PASS_DEF_PIBUILDGENERATION
#include "pi/Transforms/Execution/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

namespace {
/// A state of the model and the operation of @forward that keeps it.
struct State {
  std::string name;
  RankedTensorType type;
};

struct BuildGeneration final
    : public pi::impl::PiBuildGenerationBase<BuildGeneration> {
  void runOnOperation() override;

private:
  LogicalResult collectStates(func::FuncOp forward);
  func::FuncOp declare(StringRef name, RankedTensorType tokens,
                       StringRef positionName);
  void finish(OpBuilder &builder, func::FuncOp function, Value logits,
              ValueRange states);
  void buildPrefill();
  LogicalResult buildDecode();

  func::FuncOp forward;
  ForwardSignature signature;
  /// States by the operation of @forward they belong to, in order.
  llvm::MapVector<Operation *, State> states;
};
} // namespace

/// Fails after an error message if an operation cannot run token by token.
LogicalResult BuildGeneration::collectStates(func::FuncOp function) {
  llvm::StringSet<> names;
  auto result = function.walk([&](GenerationOpInterface op) -> WalkResult {
    if (StringRef obstacle = op.getDecodeObstacle(); !obstacle.empty())
      return op->emitOpError(obstacle);
    RankedTensorType type = op.getStateType();
    if (!type)
      return WalkResult::advance();
    auto location = op.getLoc()->findInstanceOf<NameLoc>();
    std::string base =
        location ? (location.getName().strref() + ".cache").str() : "cache";
    std::string name = base;
    for (int64_t i = 1; !names.insert(name).second; ++i)
      name = base + "." + std::to_string(i);
    states[op] = {name, type};
    return WalkResult::advance();
  });
  numStates = states.size();
  return failure(result.wasInterrupted());
}

/// Makes the function with its arguments and no body operations yet.
func::FuncOp BuildGeneration::declare(StringRef name, RankedTensorType tokens,
                                      StringRef positionName) {
  Builder b(&getContext());
  auto scalar = RankedTensorType::get({}, b.getI32Type());
  auto logits = RankedTensorType::get(
      {signature.logits.getDimSize(0), signature.logits.getDimSize(2)},
      signature.logits.getElementType());
  auto nextToken =
      RankedTensorType::get({logits.getDimSize(0)}, b.getI32Type());

  auto named = [&](StringRef key, StringRef value) {
    return b.getDictionaryAttr(b.getNamedAttr(key, b.getStringAttr(value)));
  };
  SmallVector<Type> inputs = {tokens, scalar}, results = {logits, nextToken};
  SmallVector<Attribute> inputAttrs = {named(kNameAttr, "input_ids"),
                                       named(kNameAttr, positionName)};
  SmallVector<Attribute> resultAttrs = {named(kNameAttr, "logits"),
                                        named(kNameAttr, "next_token")};
  for (auto &[op, state] : states) {
    inputs.push_back(state.type);
    results.push_back(state.type);
    inputAttrs.push_back(named(kStateAttr, state.name));
    resultAttrs.push_back(named(kStateAttr, state.name));
  }
  auto function = func::FuncOp::create(forward.getLoc(), name,
                                       b.getFunctionType(inputs, results));
  function.setArgAttrsAttr(b.getArrayAttr(inputAttrs));
  function.setResAttrsAttr(b.getArrayAttr(resultAttrs));
  function.addEntryBlock();
  getOperation().push_back(function);
  return function;
}

/// Adds the head's end: logits B x 1 x V to B x V, the greedy next token, and
/// the return.
void BuildGeneration::finish(OpBuilder &builder, func::FuncOp function,
                             Value logits, ValueRange newStates) {
  Location loc = logits.getLoc();
  auto type = cast<RankedTensorType>(function.getResultTypes()[0]);
  Value flat = tensor::CollapseShapeOp::create(
      builder, loc, type, logits, ArrayRef<ReassociationIndices>{{0, 1}, {2}});
  Value token =
      ArgmaxOp::create(builder, loc, function.getResultTypes()[1], flat);
  SmallVector<Value> results = {flat, token};
  llvm::append_range(results, newStates);
  func::ReturnOp::create(builder, loc, results);
}

//===----------------------------------------------------------------------===//
// Prefill
//===----------------------------------------------------------------------===//

void BuildGeneration::buildPrefill() {
  func::FuncOp prefill =
      declare(kPrefillName, signature.tokens, "last_position");
  Block &body = prefill.getFunctionBody().front();
  OpBuilder builder = OpBuilder::atBlockEnd(&body);
  IRMapping mapping;
  mapping.map(forward.getArgument(0), prefill.getArgument(0));
  SmallVector<Value> newStates;
  for (Operation &op : forward.getFunctionBody().front().without_terminator()) {
    auto generation = dyn_cast<GenerationOpInterface>(op);
    if (!generation) {
      builder.clone(op, mapping);
      continue;
    }
    Value state;
    if (states.contains(&op))
      state = prefill.getArgument(2 + newStates.size());
    mapping.map(op.getResult(0),
                generation.buildPrefill(builder, mapping, state));
    if (state)
      newStates.push_back(state);
  }
  Operation *terminator = forward.getFunctionBody().front().getTerminator();
  PositionSelector selector(builder, body, prefill.getArgument(1),
                            /*decode=*/false);
  Value logits = selector.select(mapping.lookup(terminator->getOperand(0)));
  finish(builder, prefill, logits, newStates);
  IRRewriter rewriter(&getContext());
  (void)runRegionDCE(rewriter, prefill->getRegions());
}

//===----------------------------------------------------------------------===//
// Decode
//===----------------------------------------------------------------------===//

/// Rebuilds an operation that treats positions alike, at the shapes that
/// follow from its mapped operands.
static LogicalResult rebuildAtNewShape(OpBuilder &builder, Operation &op,
                                       IRMapping &mapping) {
  Operation *rebuilt = builder.clone(op, mapping);
  if (llvm::equal(rebuilt->getOperandTypes(), op.getOperandTypes()))
    return success();
  auto infer = dyn_cast<InferTypeOpInterface>(rebuilt);
  SmallVector<Type> types;
  if (!infer ||
      failed(infer.inferReturnTypes(
          op.getContext(), op.getLoc(), rebuilt->getOperands(),
          rebuilt->getDiscardableAttrDictionary(),
          rebuilt->getPropertiesStorage(), rebuilt->getRegions(), types)))
    return op.emitOpError("has no form for one position: it implements neither "
                          "type inference nor GenerationOpInterface");
  for (auto [result, type] : llvm::zip_equal(rebuilt->getResults(), types))
    result.setType(type);
  return success();
}

LogicalResult BuildGeneration::buildDecode() {
  auto oneToken = RankedTensorType::get({signature.tokens.getDimSize(0), 1},
                                        signature.tokens.getElementType());
  func::FuncOp decode = declare(kDecodeName, oneToken, "position");
  OpBuilder builder = OpBuilder::atBlockEnd(&decode.getFunctionBody().front());
  IRMapping mapping;
  mapping.map(forward.getArgument(0), decode.getArgument(0));
  SmallVector<Value> newStates;
  for (Operation &op : forward.getFunctionBody().front().without_terminator()) {
    auto generation = dyn_cast<GenerationOpInterface>(op);
    if (!generation) {
      if (failed(rebuildAtNewShape(builder, op, mapping)))
        return failure();
      continue;
    }
    Value state;
    if (states.contains(&op))
      state = decode.getArgument(2 + newStates.size());
    mapping.map(
        op.getResult(0),
        generation.buildDecode(builder, mapping, decode.getArgument(1), state));
    if (state)
      newStates.push_back(state);
  }
  Operation *terminator = forward.getFunctionBody().front().getTerminator();
  Value logits = mapping.lookup(terminator->getOperand(0));
  if (cast<RankedTensorType>(logits.getType()).getDimSize(1) != 1)
    return terminator->emitError("logits do not depend on the tokens, so they "
                                 "have no form for one position");
  finish(builder, decode, logits, newStates);
  return success();
}

void BuildGeneration::runOnOperation() {
  ModuleOp module = getOperation();
  forward = module.lookupSymbol<func::FuncOp>(kForwardName);
  // A module that only training runs generates nothing.
  bool isTraining =
      llvm::any_of(module.getOps<func::FuncOp>(), [](func::FuncOp function) {
        return function.isPublic() && function->hasAttr(kTrainingAttr);
      });
  if (!forward && isTraining)
    return;
  if (!forward || forward.isExternal()) {
    module.emitError("has no function @forward to build @prefill and @decode "
                     "from");
    return signalPassFailure();
  }
  for (StringRef name : {kPrefillName, kDecodeName})
    if (Operation *other = module.lookupSymbol(name)) {
      other->emitError("stands in the way of the generated function @") << name;
      return signalPassFailure();
    }
  FailureOr<ForwardSignature> read = readForwardSignature(forward);
  if (failed(read))
    return signalPassFailure();
  signature = *read;
  states.clear();
  if (failed(collectStates(forward)))
    return signalPassFailure();
  buildPrefill();
  if (failed(buildDecode()))
    signalPassFailure();
}
