//===- Differentiate.cpp - Gradients of a loss ----------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Dialect/Pi/IR/Pi.h"
#include "pi/Transforms/Execution/Passes.h"
#include "pi/Transforms/Training/Passes.h"
#include "pi/Transforms/Utils/Parameters.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::pi {
#define GEN_PASS_DEF_PIDIFFERENTIATE
#include "pi/Transforms/Training/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

static bool isFloat(Type type) {
  return isa<FloatType>(getElementTypeOrSelf(type));
}

namespace {
/// Which values of the function lie on a way from a parameter to the loss.
class Activity {
public:
  explicit Activity(Block &block) {
    for (Operation &op : block)
      addForward(op);
    reaching.insert(block.getTerminator()->getOperand(0));
    for (Operation &op : llvm::reverse(block))
      if (llvm::any_of(op.getResults(),
                       [&](Value v) { return reaching.contains(v); }))
        forEachOperand(op, [&](Value operand) {
          if (isFloat(operand.getType()))
            reaching.insert(operand);
        });
  }

  /// A parameter that the value depends on, if it also reaches the loss; null
  /// otherwise. Integers carry no derivative.
  LoadOp getParameter(Value value) const {
    return reaching.contains(value) ? sources.lookup(value) : LoadOp();
  }

private:
  /// What the operation reads, also in its regions.
  static void forEachOperand(Operation &op, function_ref<void(Value)> visit) {
    op.walk([&](Operation *nested) {
      for (Value operand : nested->getOperands())
        visit(operand);
    });
  }

  void addForward(Operation &op) {
    LoadOp source;
    op.walk([&](LoadOp load) {
      if (lookupParameter(load))
        source = load;
    });
    forEachOperand(op, [&](Value operand) {
      if (!source)
        source = sources.lookup(operand);
    });
    if (source)
      for (Value result : op.getResults())
        if (isFloat(result.getType()))
          sources[result] = source;
  }

  /// The first parameter that a value depends on.
  DenseMap<Value, LoadOp> sources;
  /// The values that the loss depends on.
  DenseSet<Value> reaching;
};

struct Differentiate final
    : public pi::impl::PiDifferentiateBase<Differentiate> {
  using PiDifferentiateBase::PiDifferentiateBase;

  void runOnOperation() override;

private:
  FailureOr<func::FuncOp> getLoss();
  LogicalResult verifyRules(const Activity &activity);
  func::FuncOp declare();
  void buildForward(OpBuilder &builder, const Activity &activity,
                    IRMapping &mapping);
  LogicalResult buildReverse(OpBuilder &builder);
  void accumulate(OpBuilder &builder, Value value, Value gradient);

  func::FuncOp loss;
  /// The parameters that the loss reads, in the order of first reads.
  llvm::MapVector<StringAttr, SmallVector<LoadOp>> loads;
  /// What stands for each differentiated operation of the loss, in order.
  SmallVector<DifferentiableOpInterface> forward;
  /// The gradients of values in the function being built.
  DenseMap<Value, Value> gradientOf;
};
} // namespace

/// The function to differentiate, if it has the form that this pass takes.
FailureOr<func::FuncOp> Differentiate::getLoss() {
  auto found = getOperation().lookupSymbol<func::FuncOp>(function);
  if (!found || found.isExternal())
    return getOperation().emitError("has no function @")
           << function << " with a body to differentiate";
  if (Operation *other = getOperation().lookupSymbol(gradients))
    return other->emitError("stands in the way of the generated function @")
           << gradients;
  auto type = found.getNumResults() == 1
                  ? dyn_cast<RankedTensorType>(found.getResultTypes()[0])
                  : RankedTensorType();
  if (!type || type.getRank() != 0 || !isFloat(type))
    return found.emitError("has to give one float scalar to be differentiated, "
                           "but is ")
           << found.getFunctionType();
  if (!found.getFunctionBody().hasOneBlock())
    return found.emitError("has to be one block to be differentiated");
  return found;
}

LogicalResult Differentiate::verifyRules(const Activity &activity) {
  for (Operation &op : loss.getFunctionBody().front().without_terminator()) {
    // A call may read parameters, `pi.add_loss` adds to what is differentiated.
    if (!isa<LoadOp>(op) && !isMemoryEffectFree(&op))
      return op.emitOpError("has an effect beside its results, which cannot be "
                            "differentiated");
    for (Value result : op.getResults()) {
      LoadOp source = activity.getParameter(result);
      if (source && !isa<LoadOp, DifferentiableOpInterface>(op))
        return op.emitOpError("has no rule to differentiate it, but stands "
                              "between parameter '@")
               << source.getParameter() << "' and the result of @" << function;
    }
  }
  return success();
}

/// Makes the function with its arguments and no operations yet.
func::FuncOp Differentiate::declare() {
  Builder b(&getContext());
  SmallVector<Type> results(loss.getResultTypes());
  SmallVector<Attribute> resultAttrs;
  DictionaryAttr lossAttrs = loss.getResultAttrDict(0);
  resultAttrs.push_back(lossAttrs ? lossAttrs : b.getDictionaryAttr({}));
  for (auto &[parameter, reads] : loads) {
    results.push_back(reads.front().getType());
    resultAttrs.push_back(b.getDictionaryAttr(
        b.getNamedAttr(kGradientAttr, FlatSymbolRefAttr::get(parameter))));
  }
  auto made =
      func::FuncOp::create(loss.getLoc(), gradients,
                           b.getFunctionType(loss.getArgumentTypes(), results));
  made.setArgAttrsAttr(loss.getArgAttrsAttr());
  made.setResAttrsAttr(b.getArrayAttr(resultAttrs));
  made->setAttr(kTrainingAttr, b.getUnitAttr());
  made.addEntryBlock();
  getOperation().insert(std::next(Block::iterator(loss)), made);
  return made;
}

void Differentiate::buildForward(OpBuilder &builder, const Activity &activity,
                                 IRMapping &mapping) {
  for (Operation &op : loss.getFunctionBody().front().without_terminator()) {
    auto rule = dyn_cast<DifferentiableOpInterface>(op);
    bool isActive = llvm::any_of(op.getResults(), [&](Value result) {
      return activity.getParameter(result);
    });
    if (rule && isActive)
      forward.push_back(
          cast<DifferentiableOpInterface>(rule.buildForward(builder, mapping)));
    else
      builder.clone(op, mapping);
  }
}

void Differentiate::accumulate(OpBuilder &builder, Value value,
                               Value gradient) {
  Value &sum = gradientOf[value];
  sum =
      sum ? AddOp::create(builder, gradient.getLoc(), sum, gradient) : gradient;
}

LogicalResult Differentiate::buildReverse(OpBuilder &builder) {
  for (DifferentiableOpInterface op : llvm::reverse(forward)) {
    SmallVector<Value> results, operands(op->getNumOperands());
    for (Value result : op->getResults())
      results.push_back(gradientOf.lookup(result));
    if (llvm::none_of(results, [](Value v) { return bool(v); }))
      continue;
    if (failed(op.buildGradients(builder, results, operands)))
      return failure();
    ++numRules;
    for (auto [operand, gradient] :
         llvm::zip_equal(op->getOperands(), operands))
      if (gradient)
        accumulate(builder, operand, gradient);
  }
  return success();
}

void Differentiate::runOnOperation() {
  loads.clear();
  forward.clear();
  gradientOf.clear();
  FailureOr<func::FuncOp> found = getLoss();
  if (failed(found))
    return signalPassFailure();
  loss = *found;
  Block &body = loss.getFunctionBody().front();
  for (auto load : body.getOps<LoadOp>())
    if (isFloat(load.getType()) && lookupParameter(load))
      loads[load.getParameterAttr().getAttr()].push_back(load);
  Activity activity(body);
  if (failed(verifyRules(activity)))
    return signalPassFailure();

  func::FuncOp made = declare();
  Block &block = made.getFunctionBody().front();
  OpBuilder builder = OpBuilder::atBlockEnd(&block);
  IRMapping mapping;
  mapping.map(body.getArguments(), block.getArguments());
  buildForward(builder, activity, mapping);

  Value value = mapping.lookup(body.getTerminator()->getOperand(0));
  gradientOf[value] = arith::ConstantOp::create(
      builder, value.getLoc(), builder.getOneAttr(value.getType()));
  if (failed(buildReverse(builder))) {
    made.erase();
    return signalPassFailure();
  }
  SmallVector<Value> results = {value};
  for (auto &[parameter, reads] : loads) {
    for (LoadOp extra : llvm::drop_begin(reads))
      if (Value gradient = gradientOf.lookup(mapping.lookup(extra.getResult())))
        accumulate(builder, mapping.lookup(reads.front().getResult()),
                   gradient);
    LoadOp first = reads.front();
    Value gradient = gradientOf.lookup(mapping.lookup(first.getResult()));
    if (!gradient)
      gradient = arith::ConstantOp::create(
          builder, first.getLoc(), builder.getZeroAttr(first.getType()));
    results.push_back(gradient);
    ++numGradients;
  }
  func::ReturnOp::create(builder, body.getTerminator()->getLoc(), results);
  IRRewriter rewriter(&getContext());
  (void)runRegionDCE(rewriter, made->getRegions());
}
