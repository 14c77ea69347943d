//===- PiToPirt.cpp - From pi to execution plans --------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Conversion/PiToPirt/Passes.h"

#include "LinearPlan.h"
#include "PlanModels.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "pi/Conversion/PiToPirt/PlanEmitter.h"
#include "pi/Conversion/PiToPirt/RowKernel.h"
#include "pi/Dialect/Pirt/IR/Pirt.h"
#include "pi/Transforms/Execution/Passes.h"
#include "pi/Transforms/Execution/ResultPlaces.h"

namespace mlir::pi {
#define GEN_PASS_DEF_CONVERTPITOPIRT
#include "pi/Conversion/PiToPirt/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

/// Whether `op` rounds an argument to bf16.
static bool isRounding(Operation *op) {
  auto round = dyn_cast<arith::TruncFOp>(op);
  if (!round || !isa<BlockArgument>(round.getIn()))
    return false;
  auto type = dyn_cast<RankedTensorType>(round.getType());
  return type && type.getElementType().isBF16() &&
         getElementTypeOrSelf(round.getIn()).isF32();
}

namespace {
/// Writes the plan of one function.
class PlanBuilder final : public PlanEmitter {
public:
  PlanBuilder(func::FuncOp function, gpu::GPUModuleOp kernelModule,
              int64_t maxSkinnyRows)
      : function(function), kernelModule(kernelModule), planBuilder(function),
        fusion(function.getBody().front(), maxSkinnyRows) {}

  FailureOr<func::FuncOp> build();

  OpBuilder &builder() override { return planBuilder; }
  gpu::GPUModuleOp kernels() override { return kernelModule; }
  Value lookup(Value value) override;
  Value allocate(Value value, MemRefType type = {}) override;
  Value allocateScratch(Location loc, MemRefType type) override;
  LogicalResult updateInPlace(Value before, OpResult after) override;
  LogicalResult launch(Location loc, FailureOr<KernelLaunch> kernel,
                       ValueRange buffers, ValueRange table = {}) override;

private:
  LogicalResult createPlan();
  MemRefType getArgumentType(BlockArgument argument);
  MemRefType getOutputType(Value value) const;
  LogicalResult convert(Operation *op);
  Value flatten(Value buffer);
  LogicalResult finishReturn(func::ReturnOp op);

  bool isStillRead(BlockArgument place, Operation *except = nullptr);
  bool isKnown(Value value) const;
  void pullIntoRun();
  LogicalResult flushRun();
  LogicalResult flushRounding();
  bool isPadded(Value weight);
  LogicalResult emitRun(ArrayRef<Operation *> ops);

  func::FuncOp function;
  gpu::GPUModuleOp kernelModule;
  OpBuilder planBuilder;
  LinearFusion fusion;
  func::FuncOp plan;
  DenseMap<Value, Value> buffers;
  /// Where each result is given: an output, or the argument it is the new value
  /// of; and all such places of a value that is returned.
  SmallVector<BlockArgument> places;
  DenseMap<Value, SmallVector<BlockArgument, 1>> destinations;
  /// Operations whose steps are part of the plan.
  DenseSet<Operation *> emitted;
  /// Row operations that are not emitted yet.
  SmallVector<Operation *> run;
  /// Roundings of arguments that are not emitted yet.
  SmallVector<arith::TruncFOp> roundings;
  /// Row operations that were emitted before their place.
  DenseSet<Operation *> pulled;
};
} // namespace

/// The type of an input, parameter or state. The runtime pads a parameter with
/// zeros.
MemRefType PlanBuilder::getArgumentType(BlockArgument argument) {
  MemRefType type = getBufferType(argument.getType());
  if (!function.getArgAttr(argument.getArgNumber(), kParameterAttr) ||
      !isPadded(argument))
    return type;
  return getPaddedWeightType(type);
}

/// Whether a product takes this weight padded.
bool PlanBuilder::isPadded(Value weight) {
  return llvm::any_of(weight.getUses(), [&](OpOperand &use) {
    if (auto loss = dyn_cast<LinearCrossEntropyOp>(use.getOwner()))
      return loss.getTransposed() && use == loss.getWeightMutable();
    auto linear = dyn_cast<LinearOp>(use.getOwner());
    return linear && use == linear.getWeightMutable() &&
           isPaddable(fusion.of(linear));
  });
}

/// The type of an output, whose rows only a linear layer writes apart.
MemRefType PlanBuilder::getOutputType(Value value) const {
  Value source = stripReshapes(value);
  auto type = cast<RankedTensorType>(value.getType());
  auto sourceType = cast<RankedTensorType>(source.getType());
  Operation *op = source.getDefiningOp();
  if (!op || !fusion.endingAt(op) || type.getRank() == 0 ||
      type.getShape().back() != sourceType.getShape().back())
    return getBufferType(type);
  return getPaddedType(type);
}

LogicalResult PlanBuilder::createPlan() {
  SmallVector<Type> types;
  SmallVector<DictionaryAttr> attributes;
  SmallVector<Location> locations;
  // Arguments that may be written in place.
  DenseMap<Attribute, size_t> updatable;
  for (BlockArgument argument : function.getArguments()) {
    size_t index = argument.getArgNumber();
    auto attrs = function.getArgAttrDict(index);
    for (StringRef name : {kStateAttr, kParameterAttr})
      if (Attribute place = attrs ? attrs.get(name) : Attribute())
        updatable[place] = index;
    types.push_back(getArgumentType(argument));
    attributes.push_back(attrs);
    locations.push_back(argument.getLoc());
  }
  Operation *terminator = function.getBody().front().getTerminator();
  SmallVector<std::pair<Value, size_t>> returned;
  for (auto [index, value] : llvm::enumerate(terminator->getOperands())) {
    if (Attribute updated = getUpdatedArgument(function, index)) {
      if (!updatable.contains(updated))
        return function.emitOpError("returns ")
               << updated << ", which is no argument";
      returned.emplace_back(value, updatable[updated]);
      continue;
    }
    std::string name = getOutputName(function, index);
    if (name.empty())
      return function.emitOpError("result ")
             << index << " has none of the attributes " << kNameAttr << ", "
             << kGradientAttr << ", " << kParameterAttr << " and "
             << kStateAttr;
    returned.emplace_back(value, types.size());
    types.push_back(getOutputType(value));
    attributes.push_back(planBuilder.getDictionaryAttr(planBuilder.getNamedAttr(
        pirt::kOutputAttr, planBuilder.getStringAttr(name))));
    locations.push_back(value.getLoc());
  }

  plan =
      func::FuncOp::create(planBuilder, function.getLoc(), function.getName(),
                           planBuilder.getFunctionType(types, {}));
  plan.setAllArgAttrs(attributes);
  Block *body = planBuilder.createBlock(&plan.getBody(), {}, types, locations);
  for (BlockArgument argument : function.getArguments())
    buffers[argument] = body->getArgument(argument.getArgNumber());
  for (auto [value, index] : returned) {
    places.push_back(body->getArgument(index));
    destinations[stripReshapes(value)].push_back(places.back());
  }
  return success();
}

Value PlanBuilder::lookup(Value value) {
  value = stripReshapes(value);
  // A constant is written into memory for the first who reads it there.
  if (!buffers.contains(value) && isSplatConstant(value) &&
      failed(emitRun(value.getDefiningOp())))
    return {};
  return buffers.lookup(value);
}

/// Whether an operation but `except` is still to read what an argument of the
/// plan holds at the start. Outputs hold nothing.
bool PlanBuilder::isStillRead(BlockArgument place, Operation *except) {
  unsigned index = place.getArgNumber();
  return index < function.getNumArguments() &&
         hasReader(function.getArgument(index), [&](Operation *reader) {
           return reader != except && !emitted.contains(reader);
         });
}

Value PlanBuilder::allocate(Value value, MemRefType type) {
  for (BlockArgument place : destinations.lookup(value))
    if (!isStillRead(place))
      return buffers[value] = place;
  if (!type)
    type = getBufferType(value.getType());
  return buffers[value] = allocateScratch(value.getLoc(), type);
}

LogicalResult PlanBuilder::updateInPlace(Value before, OpResult after) {
  auto place = dyn_cast<BlockArgument>(lookup(before));
  if (!place || !llvm::is_contained(destinations.lookup(after), place) ||
      isStillRead(place, after.getOwner()))
    return after.getOwner()->emitError(
        "on a GPU an update is written in place of what it updates, so it has "
        "to be returned as the new value of that and nothing may read the old "
        "one behind it");
  buffers[after] = place;
  return success();
}

Value PlanBuilder::allocateScratch(Location loc, MemRefType type) {
  return pirt::AllocOp::create(planBuilder, loc, type,
                               /*offset=*/IntegerAttr());
}

LogicalResult PlanBuilder::launch(Location loc, FailureOr<KernelLaunch> kernel,
                                  ValueRange arguments, ValueRange table) {
  if (failed(kernel))
    return failure();
  auto symbol = SymbolRefAttr::get(kernelModule.getSymNameAttr(),
                                   {FlatSymbolRefAttr::get(kernel->kernel)});
  pirt::LaunchOp::create(planBuilder, loc, symbol, kernel->grid, kernel->block,
                         kernel->sharedBytes, kernel->programmatic, arguments,
                         table);
  return success();
}

//===----------------------------------------------------------------------===//
// Runs of row operations
//===----------------------------------------------------------------------===//

/// Whether `value` is at hand where the run is emitted.
bool PlanBuilder::isKnown(Value value) const {
  value = stripReshapes(value);
  return buffers.contains(value) || isSplatConstant(value) ||
         llvm::is_contained(run, value.getDefiningOp());
}

/// Adds operations that stand further below and read what the run reads or
/// computes, with other operands that are known: in most cases the sums of a
/// gradient over rows, which its rule computes after the products.
void PlanBuilder::pullIntoRun() {
  llvm::SmallSetVector<Value, 8> values;
  auto addValues = [&](Operation *op) {
    for (Value operand : op->getOperands())
      if (!isSplatConstant(operand))
        values.insert(stripReshapes(operand));
    values.insert(op->result_begin(), op->result_end());
  };
  llvm::for_each(run, addValues);
  for (Operation *op = run.back()->getNextNode(); op; op = op->getNextNode()) {
    auto rowOp = dyn_cast<RowOpInterface>(op);
    if (!rowOp || fusion.isFused(op) || pulled.contains(op) ||
        isFusedUpdate(op) || isRounding(op) || !canJoinRun(run, rowOp) ||
        op->hasAttr(kRecomputedAttr) ||
        !llvm::all_of(op->getOperands(),
                      [&](Value operand) { return isKnown(operand); }) ||
        llvm::none_of(op->getOperands(), [&](Value operand) {
          return values.contains(stripReshapes(operand));
        }))
      continue;
    run.push_back(op);
    pulled.insert(op);
    addValues(op);
  }
}

LogicalResult PlanBuilder::flushRun() {
  if (run.empty())
    return success();
  pullIntoRun();
  SmallVector<Operation *> ops;
  std::swap(ops, run);
  return emitRun(ops);
}

LogicalResult PlanBuilder::emitRun(ArrayRef<Operation *> ops) {
  FailureOr<RowKernel> kernel = buildRowKernel(kernelModule, ops);
  if (failed(kernel))
    return failure();
  SmallVector<Value> arguments, parts, sums;
  for (Value value : kernel->inputs)
    arguments.push_back(lookup(value));
  for (Value value : kernel->results)
    arguments.push_back(allocate(value));
  Location loc = ops.back()->getLoc();
  for (auto [sum, type] : llvm::zip_equal(kernel->sums, kernel->parts)) {
    Value buffer = allocate(sum);
    if (type) {
      sums.push_back(buffer);
      buffer = parts.emplace_back(allocateScratch(loc, type));
    }
    arguments.push_back(buffer);
  }
  emitted.insert_range(ops);
  if (failed(launch(loc, kernel->launch, arguments)))
    return failure();
  if (parts.empty())
    return success();
  llvm::append_range(parts, sums);
  return launch(loc, kernel->finish, parts);
}

//===----------------------------------------------------------------------===//
// Roundings of parameters
//===----------------------------------------------------------------------===//

/// All in one launch: most parameters are small.
LogicalResult PlanBuilder::flushRounding() {
  if (roundings.empty())
    return success();
  RoundTensorsSpec spec;
  SmallVector<Value> sources, targets;
  for (arith::TruncFOp op : roundings) {
    MemRefType type = getBufferType(op.getType());
    spec.elements.push_back(type.getNumElements());
    if (isPadded(op.getResult()))
      type = getPaddedWeightType(type);
    spec.padding.push_back(type.getNumElements() - spec.elements.back());
    sources.push_back(lookup(op.getIn()));
    targets.push_back(allocate(op.getResult(), type));
  }
  Location loc = roundings.front().getLoc();
  emitted.insert_range(roundings);
  roundings.clear();
  sources.append(targets);
  return launch(loc, buildRoundTensors(kernelModule, loc, spec),
                /*buffers=*/{}, sources);
}

//===----------------------------------------------------------------------===//
// All operations
//===----------------------------------------------------------------------===//

/// Whether what one buffer holds lies in the other in the same way.
static bool areAlike(MemRefType a, MemRefType b) {
  if (a.getLayout().isIdentity() && b.getLayout().isIdentity())
    return a.getNumElements() == b.getNumElements();
  FailureOr<pirt::MatrixView> x = pirt::getMatrixView(a);
  FailureOr<pirt::MatrixView> y = pirt::getMatrixView(b);
  return succeeded(x) && succeeded(y) && x->rows == y->rows &&
         x->columns == y->columns && x->stride == y->stride;
}

/// The buffer with all that pads its rows, as a contiguous one.
Value PlanBuilder::flatten(Value buffer) {
  auto type = cast<MemRefType>(buffer.getType());
  if (type.getLayout().isIdentity())
    return buffer;
  int64_t elementBytes = type.getElementTypeBitWidth() / 8;
  auto flat = MemRefType::get({pirt::getBufferBytes(type) / elementBytes},
                              type.getElementType());
  return pirt::ViewOp::create(planBuilder, buffer.getLoc(), flat, buffer,
                              /*offset=*/0);
}

LogicalResult PlanBuilder::finishReturn(func::ReturnOp op) {
  SmallVector<ResultCopy> copies;
  for (auto [value, place] : llvm::zip_equal(op.getOperands(), places)) {
    Value buffer = lookup(value);
    if (buffer == place)
      continue;
    auto from = cast<MemRefType>(buffer.getType());
    auto to = cast<MemRefType>(place.getType());
    if (!areAlike(from, to))
      return op.emitError("a plan cannot copy ")
             << from << " to its output " << to;
    copies.push_back({flatten(buffer), flatten(place), buffer});
  }
  emitCopies(
      std::move(copies),
      [&](const ResultCopy &copy) {
        pirt::CopyOp::create(planBuilder, copy.origin.getLoc(), copy.source,
                             copy.target);
      },
      [&](Value source) {
        Value staged = allocateScratch(source.getLoc(),
                                       cast<MemRefType>(source.getType()));
        pirt::CopyOp::create(planBuilder, source.getLoc(), source, staged);
        return staged;
      });
  func::ReturnOp::create(planBuilder, op.getLoc());
  return success();
}

LogicalResult PlanBuilder::convert(Operation *op) {
  if (isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(op) ||
      pulled.contains(op))
    return success();
  if (isa<arith::ConstantOp>(op)) {
    if (isSplatConstant(op->getResult(0)))
      return success();
    return op->emitError("there is no GPU code for a constant of integers or "
                         "whose elements differ");
  }
  const FusedLinear *layer = fusion.endingAt(op);
  if (!layer && fusion.isFused(op))
    return success();
  if (isFusedUpdate(op))
    return success();
  auto rowOp =
      layer || isRounding(op) ? RowOpInterface() : dyn_cast<RowOpInterface>(op);
  if (rowOp && !run.empty() && canJoinRun(run, rowOp)) {
    run.push_back(op);
    return success();
  }
  if (failed(flushRun()))
    return failure();
  if (isRounding(op)) {
    roundings.push_back(cast<arith::TruncFOp>(op));
    return success();
  }
  if (failed(flushRounding()))
    return failure();
  if (rowOp) {
    run.push_back(op);
    OpOperand *updated = rowOp.getUpdatedOperand();
    return updated ? updateInPlace(updated->get(), op->getResult(0))
                   : success();
  }
  if (layer) {
    LogicalResult result = emitLinear(*layer, *this);
    for (Operation *part = layer->linear; part != op;
         part = *part->user_begin())
      emitted.insert(part);
    emitted.insert(op);
    return result;
  }
  if (auto planOp = dyn_cast<PlanOpInterface>(op)) {
    LogicalResult result = planOp.emitPlan(*this);
    emitted.insert(op);
    return result;
  }
  if (auto returnOp = dyn_cast<func::ReturnOp>(op))
    return finishReturn(returnOp);
  return op->emitError("there is no GPU code for operation '")
         << op->getName() << "'";
}

FailureOr<func::FuncOp> PlanBuilder::build() {
  if (failed(createPlan()))
    return failure();
  for (Operation &op : function.getBody().front())
    if (failed(convert(&op))) {
      plan.erase();
      return failure();
    }
  function.erase();
  return plan;
}

namespace {
struct ConvertPiToPirtPass
    : pi::impl::ConvertPiToPirtBase<ConvertPiToPirtPass> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<func::FuncOp> functions;
    for (auto function : module.getOps<func::FuncOp>())
      if (function.isPublic() && !function.isExternal() &&
          llvm::any_of(llvm::concat<const Type>(function.getArgumentTypes(),
                                                function.getResultTypes()),
                       llvm::IsaPred<TensorType>))
        functions.push_back(function);
    if (functions.empty())
      return;
    auto kernels = module.lookupSymbol<gpu::GPUModuleOp>(kKernelModuleName);
    if (!kernels) {
      auto builder = OpBuilder::atBlockBegin(module.getBody());
      kernels =
          gpu::GPUModuleOp::create(builder, module.getLoc(), kKernelModuleName);
    }
    for (func::FuncOp function : functions) {
      // A product of few rows is computed by a kernel that reads its weight
      // before the kernels ahead of it have ended: none of these may write it,
      // as those do that round weights or train them.
      bool writesWeights =
          function->hasAttr(kTrainingAttr) ||
          llvm::any_of(function.getBody().front(),
                       [](Operation &op) { return isRounding(&op); });
      PlanBuilder builder(function, kernels, writesWeights ? 0 : maxSkinnyRows);
      FailureOr<func::FuncOp> plan = builder.build();
      if (failed(plan))
        return signalPassFailure();
      auto count = [&](auto ops) {
        return std::distance(ops.begin(), ops.end());
      };
      numGemms += count(plan->getOps<pirt::GemmOp>());
      numLaunches += count(plan->getOps<pirt::LaunchOp>());
    }
    for ([[maybe_unused]] auto kernel : kernels.getOps<gpu::GPUFuncOp>())
      ++numKernels;
  }
};
} // namespace
