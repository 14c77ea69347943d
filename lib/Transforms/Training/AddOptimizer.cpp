//===- AddOptimizer.cpp - From gradients to a train step ------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TrainingFunctions.h"

#include "pi/Dialect/Pi/IR/Pi.h"
#include "pi/Transforms/Execution/Passes.h"
#include "pi/Transforms/Training/Passes.h"
#include "pi/Transforms/Utils/Parameters.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::pi {
#define GEN_PASS_DEF_PIADDOPTIMIZER
#include "pi/Transforms/Training/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

namespace {
/// A parameter that training updates.
struct Trained {
  ParameterOp parameter;
  /// Its value and its gradient in the function being built.
  Value weight, gradient;
};

struct AddOptimizer final : public pi::impl::PiAddOptimizerBase<AddOptimizer> {
  using PiAddOptimizerBase::PiAddOptimizerBase;

  void runOnOperation() override;

private:
  LogicalResult verifyOptions();
  FailureOr<SmallVector<Trained>> collect(func::FuncOp gradients);
  LogicalResult addState(ParameterOp parameter, StringRef suffix);
  Value load(OpBuilder &builder, ParameterOp parameter, StringRef suffix);
  void store(OpBuilder &builder, Value value, ParameterOp parameter,
             StringRef suffix);
  void accumulateGradients(func::FuncOp function, ArrayRef<Trained> trained);
  void buildApply(func::FuncOp after, SmallVector<Trained> trained);
  void addUpdates(func::FuncOp function, ArrayRef<Trained> trained,
                  Value result);
};
} // namespace

static constexpr StringLiteral kExpAvg = ".exp_avg";
static constexpr StringLiteral kExpAvgSq = ".exp_avg_sq";
static constexpr StringLiteral kGradientSum = ".gradient";

static Location getNamedLoc(Operation *op, StringRef name) {
  return NameLoc::get(StringAttr::get(op->getContext(), name));
}

LogicalResult AddOptimizer::verifyOptions() {
  auto error = [&] {
    return emitError(UnknownLoc::get(&getContext())) << getArgument() << ": ";
  };
  if (optimizer != "adamw")
    return error() << "there is no optimizer '" << optimizer
                   << "'; there is adamw";
  for (double beta : {double(beta1), double(beta2)})
    if (!(beta >= 0.0 && beta < 1.0))
      return error() << "beta1 and beta2 have to be at least 0 and below 1, "
                        "but one is "
                     << beta;
  if (!(epsilon >= 0.0 && epsilon < std::numeric_limits<double>::infinity()))
    return error() << "epsilon has to be finite and not negative, but is "
                   << double(epsilon);
  return success();
}

/// The parameters with a gradient, in the order of the results of @gradients.
FailureOr<SmallVector<Trained>> AddOptimizer::collect(func::FuncOp gradients) {
  ModuleOp module = getOperation();
  auto f32 = Float32Type::get(&getContext());
  if (gradients.getNumResults() == 0 ||
      gradients.getResultTypes()[0] != RankedTensorType::get({}, f32))
    return gradients.emitError("has to give the loss, a scalar of f32, and "
                               "then gradients, but is ")
           << gradients.getFunctionType();
  llvm::MapVector<ParameterOp, Value> loads;
  for (auto op : gradients.getFunctionBody().front().getOps<LoadOp>())
    if (ParameterOp parameter = lookupParameter(op))
      if (isa<FloatType>(parameter.getTensorType().getElementType()))
        loads.try_emplace(parameter, op.getResult());

  SmallVector<Trained> trained;
  ValueRange results =
      gradients.getFunctionBody().front().getTerminator()->getOperands();
  for (unsigned i = 1, n = gradients.getNumResults(); i < n; ++i) {
    auto symbol =
        gradients.getResultAttrOfType<FlatSymbolRefAttr>(i, kGradientAttr);
    if (!symbol)
      return gradients.emitError("result ")
             << i << " has no attribute " << kGradientAttr
             << " that says which parameter it is the gradient of";
    auto parameter = module.lookupSymbol<ParameterOp>(symbol.getAttr());
    auto known = loads.find(parameter);
    if (!parameter || known == loads.end() || !known->second)
      return gradients.emitError("result ")
             << i << " is the gradient of " << symbol
             << ", which has to be a parameter that the function reads and be "
                "given once";
    if (!parameter.getTensorType().getElementType().isF32())
      return parameter.emitError("has type ")
             << parameter.getType() << ", but is updated in f32";
    trained.push_back({parameter, known->second, results[i]});
    known->second = {};
  }
  for (auto &[parameter, weight] : loads)
    if (weight)
      return emitError(weight.getLoc())
             << "reads parameter '@" << parameter.getSymName() << "', but @"
             << gradients.getSymName() << " gives no gradient of it: a result "
             << "with the attribute " << kGradientAttr << " = @"
             << parameter.getSymName();
  return trained;
}

/// Declares a state beside a parameter, of its type.
LogicalResult AddOptimizer::addState(ParameterOp parameter, StringRef suffix) {
  std::string name = (parameter.getSymName() + suffix).str();
  if (Operation *other = getOperation().lookupSymbol(name))
    return other->emitError("stands in the way of the state '@")
           << name << "' that the optimizer keeps";
  // After the states that the parameter has already.
  Operation *after = parameter;
  while (isa_and_present<StateOp>(after->getNextNode()))
    after = after->getNextNode();
  OpBuilder builder(&getContext());
  builder.setInsertionPointAfter(after);
  StateOp::create(builder, parameter.getLoc(), name, parameter.getType());
  ++numStates;
  return success();
}

Value AddOptimizer::load(OpBuilder &builder, ParameterOp parameter,
                         StringRef suffix) {
  return LoadOp::create(builder, getNamedLoc(parameter, parameter.getSymName()),
                        parameter.getType(),
                        (parameter.getSymName() + suffix).str());
}

void AddOptimizer::store(OpBuilder &builder, Value value, ParameterOp parameter,
                         StringRef suffix) {
  StoreOp::create(builder, getNamedLoc(parameter, parameter.getSymName()),
                  value, (parameter.getSymName() + suffix).str());
}

/// Adds the gradients to their sums, and has the function give the loss alone.
void AddOptimizer::accumulateGradients(func::FuncOp function,
                                       ArrayRef<Trained> trained) {
  Operation *terminator = function.getFunctionBody().front().getTerminator();
  OpBuilder builder(terminator);
  for (const Trained &each : trained) {
    Value sum = load(builder, each.parameter, kGradientSum);
    sum = AddOp::create(builder, sum.getLoc(), sum, each.gradient);
    store(builder, sum, each.parameter, kGradientSum);
  }
  setResults(function, terminator->getOperand(0),
             getNameAttrs(&getContext(), "loss"));
}

/// Makes the function that updates the parameters by the mean of what was
/// accumulated.
void AddOptimizer::buildApply(func::FuncOp after,
                              SmallVector<Trained> trained) {
  Builder b(&getContext());
  auto apply = func::FuncOp::create(after.getLoc(), kApplyGradientsName,
                                    b.getFunctionType({}, {}));
  getOperation().insert(std::next(Block::iterator(after)), apply);
  apply->setAttr(kTrainingAttr, b.getUnitAttr());
  OpBuilder builder = OpBuilder::atBlockEnd(apply.addEntryBlock());
  func::ReturnOp::create(builder, after.getLoc());
  builder.setInsertionPointToStart(&apply.getFunctionBody().front());
  for (Trained &each : trained) {
    each.weight = load(builder, each.parameter, "");
    each.gradient = load(builder, each.parameter, kGradientSum);
  }
  addUpdates(apply, trained, {});
}

/// Adds the inputs of an update, the update, and the norm of the gradients as
/// last result, after `loss` if there is one. Without a loss the gradients are
/// sums, which the update sets back to zero.
void AddOptimizer::addUpdates(func::FuncOp function, ArrayRef<Trained> trained,
                              Value loss) {
  MLIRContext *context = &getContext();
  Operation *terminator = function.getFunctionBody().front().getTerminator();
  OpBuilder builder(terminator);
  auto f32 = RankedTensorType::get({}, builder.getF32Type());
  auto i32 = RankedTensorType::get({}, builder.getI32Type());
  auto addInput = [&](StringRef name, Type type) -> Value {
    unsigned index = function.getNumArguments();
    if (failed(function.insertArgument(index, type, getNameAttrs(context, name),
                                       function.getLoc())))
      llvm_unreachable("a function with a body takes any argument");
    return function.getArgument(index);
  };
  Value learningRate = addInput("learning_rate", f32);
  Value weightDecay = addInput("weight_decay", f32);
  Value maxNorm = addInput("max_grad_norm", f32);
  Value step = addInput("step", i32);

  Location loc = getNamedLoc(function, "grad_norm");
  SmallVector<Value> gradients = llvm::map_to_vector(
      trained, [](const Trained &each) { return each.gradient; });
  Value norm = GlobalNormOp::create(builder, loc, gradients);
  Value count;
  if (!loss) {
    // The mean is never in memory: its norm and the coefficient say it.
    count = arith::SIToFPOp::create(builder, loc, f32,
                                    addInput("micro_batches", i32));
    norm = DivOp::create(builder, loc, norm, count);
  }
  Value coefficient = ClipCoefficientOp::create(builder, loc, norm, maxNorm);
  if (count)
    coefficient = DivOp::create(builder, loc, coefficient, count);

  for (const Trained &each : trained) {
    ParameterOp parameter = each.parameter;
    Value expAvg = load(builder, parameter, kExpAvg);
    Value expAvgSq = load(builder, parameter, kExpAvgSq);
    auto update = AdamWOp::create(
        builder, expAvg.getLoc(), each.weight, each.gradient, expAvg, expAvgSq,
        learningRate, weightDecay, step, coefficient, APFloat(double(beta1)),
        APFloat(double(beta2)), APFloat(double(epsilon)), parameter.getDecay());
    store(builder, update.getNewWeight(), parameter, "");
    store(builder, update.getNewExpAvg(), parameter, kExpAvg);
    store(builder, update.getNewExpAvgSq(), parameter, kExpAvgSq);
    if (!loss)
      store(builder,
            arith::ConstantOp::create(
                builder, update.getLoc(),
                builder.getZeroAttr(parameter.getTensorType())),
            parameter, kGradientSum);
    ++numParameters;
  }
  SmallVector<Value> results = {norm};
  SmallVector<DictionaryAttr> attributes = {getNameAttrs(context, "grad_norm")};
  if (loss) {
    results.insert(results.begin(), loss);
    attributes.insert(attributes.begin(), getNameAttrs(context, "loss"));
  }
  setResults(function, results, attributes);
}

void AddOptimizer::runOnOperation() {
  if (failed(verifyOptions()))
    return signalPassFailure();
  StringRef made = accumulate ? kAccumulateGradientsName : kTrainStepName;
  FailureOr<func::FuncOp> gradients =
      getSourceFunction(getOperation(), kGradientsName, made);
  if (failed(gradients))
    return signalPassFailure();
  func::FuncOp function = *gradients;
  if (Operation *other = accumulate
                             ? getOperation().lookupSymbol(kApplyGradientsName)
                             : nullptr) {
    other->emitError("stands in the way of the generated function @")
        << kApplyGradientsName;
    return signalPassFailure();
  }
  FailureOr<SmallVector<Trained>> trained = collect(function);
  if (failed(trained))
    return signalPassFailure();
  if (trained->empty()) {
    function.emitError("gives no gradient: there is nothing to update");
    return signalPassFailure();
  }
  for (const Trained &each : *trained) {
    if (failed(addState(each.parameter, kExpAvg)) ||
        failed(addState(each.parameter, kExpAvgSq)) ||
        (accumulate && failed(addState(each.parameter, kGradientSum))))
      return signalPassFailure();
  }

  function.setName(made);
  function->setAttr(kTrainingAttr, UnitAttr::get(&getContext()));
  if (accumulate) {
    accumulateGradients(function, *trained);
    buildApply(function, std::move(*trained));
  } else {
    addUpdates(
        function, *trained,
        function.getFunctionBody().front().getTerminator()->getOperand(0));
  }
  if (auto loss = getOperation().lookupSymbol<func::FuncOp>(kLossName))
    loss.erase();
}
