//===- OutlineOperations.cpp - One function for each distinct operation ---===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Conversion/HostRuntime/Passes.h"
#include "pi/Dialect/Pi/IR/Pi.h"
#include "pi/Transforms/Execution/Passes.h"
#include "pi/Transforms/Execution/ResultPlaces.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::pi {
#define GEN_PASS_DEF_PIOUTLINEOPERATIONS
#include "pi/Conversion/HostRuntime/Passes.h.inc"
} // namespace mlir::pi

using namespace mlir;
using namespace mlir::pi;

static MemRefType getBufferType(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return MemRefType::get(tensor.getShape(), tensor.getElementType());
}

namespace {
/// Operations that become one function: the last one, and before it a linear
/// layer that only the last one reads.
struct Group {
  SmallVector<Operation *> operations;
  /// What the operations read from outside, without repetition.
  SetVector<Value> operands;
  /// The operands that the last operation updates in place, with the number of
  /// the result that takes the place of each.
  llvm::SmallDenseMap<Value, unsigned> updated;

  void append(Operation *op) {
    for (Value operand : op->getOperands())
      if (!llvm::is_contained(operations, operand.getDefiningOp()))
        operands.insert(operand);
    operations.push_back(op);
  }
  Operation *getLast() const { return operations.back(); }
};

struct OutlineOperations final
    : public pi::impl::PiOutlineOperationsBase<OutlineOperations> {
  void runOnOperation() override;

private:
  func::FuncOp getKernel(const Group &group);

  /// Kernels by what they compute.
  llvm::StringMap<func::FuncOp> kernels;
  /// How many kernels there are of each operation name.
  llvm::StringMap<int64_t> numbers;

  friend class FunctionOutliner;
};

/// Rewrites one function from tensors to buffers.
class FunctionOutliner {
public:
  FunctionOutliner(func::FuncOp function, OutlineOperations &pass)
      : function(function), body(function.getFunctionBody().front()),
        pass(pass) {}
  LogicalResult run();

private:
  LogicalResult chooseDestinations();
  void replaceArgument(OpOperand &result, BlockArgument before);
  void passDestinationsThroughReshapes();
  LogicalResult lower(Operation *op);
  void outline(Group group);
  Value getDestination(OpBuilder &builder, Value tensor);
  void copyResults(Operation *terminator);

  func::FuncOp function;
  Block &body;
  OutlineOperations &pass;
  /// The buffer that holds a tensor.
  DenseMap<Value, Value> buffers;
  /// Where a tensor is to be written: an output, a state, or a view of one.
  DenseMap<Value, Value> destinations;
  /// The argument that each result is written to.
  SmallVector<Value> outputs;
};
} // namespace

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

/// The linear layer whose result this addition alone reads, to be computed
/// onto the other addend.
static LinearOp getJoinedLinear(AddOp add) {
  if (add.getLhs().getType() != add.getRhs().getType())
    return {};
  for (Value addend : {add.getRhs(), add.getLhs()})
    if (auto linear = addend.getDefiningOp<LinearOp>())
      if (linear->hasOneUse())
        return linear;
  return {};
}

/// The addition that a linear layer joins, or null.
static AddOp getJoiningAdd(Operation *op) {
  auto linear = dyn_cast<LinearOp>(op);
  auto add = linear && linear->hasOneUse()
                 ? dyn_cast<AddOp>(*linear->user_begin())
                 : AddOp();
  return add && getJoinedLinear(add) == linear ? add : AddOp();
}

/// Where in its block an operation runs: one that joins its user runs there.
static Operation *getRunningOp(Operation *op) {
  Operation *joining = getJoiningAdd(op);
  return joining ? joining : op;
}

/// Whether anything reads the tensor, or a view of it, after `update` has run.
static bool isReadAfter(Value tensor, Operation *update) {
  return hasReader(tensor, [&](Operation *user) {
    return user != update && !getRunningOp(user)->isBeforeInBlock(update);
  });
}

/// The operand whose element i alone is read for element i of the result, or
/// that keeps what is not written: the lowering of these operations overwrites
/// it where it is.
static Value getUpdatedOperand(OpResult result) {
  return TypeSwitch<Operation *, Value>(result.getOwner())
      .Case([](UpdateCacheOp op) { return op.getCache(); })
      .Case([](AddOp op) { return op.getLhs(); })
      .Case([&](AdamWOp op) {
        Value operands[] = {op.getWeight(), op.getExpAvg(), op.getExpAvgSq()};
        return operands[result.getResultNumber()];
      })
      .Default([](Operation *) { return Value(); });
}

/// Whether an operation can write its result where `before` is: it does not
/// read it, or updates it.
static bool canReplace(OpResult result, Value before) {
  int64_t uses =
      llvm::count_if(result.getOwner()->getOperands(), [&](Value operand) {
        return stripReshapes(operand) == before;
      });
  return uses == 0 || (uses == 1 && getUpdatedOperand(result) == before);
}

/// Chooses where the new value of an argument is written: where the old one is,
/// by the operation that computes it if it can, or else by a copy at the end.
void FunctionOutliner::replaceArgument(OpOperand &result,
                                       BlockArgument before) {
  // Each constant is written at the end, where nothing reads the old value.
  Operation *update = result.get().getDefiningOp();
  if (update && update->hasTrait<OpTrait::ConstantLike>()) {
    OpBuilder builder(result.getOwner());
    Operation *constant = update;
    update = builder.clone(*constant);
    result.set(update->getResult(0));
    if (constant->use_empty())
      constant->erase();
  }
  outputs.push_back(before);
  // A view is written before it is made, which is not where it stands.
  if (update && !isa<tensor::CollapseShapeOp>(update) &&
      !destinations.contains(result.get()) &&
      canReplace(cast<OpResult>(result.get()), before) &&
      !isReadAfter(before, getRunningOp(update)))
    destinations[result.get()] = before;
}

/// Adds an argument for each result that takes no argument's place, and says
/// for every result where the operation that computes it is to write.
LogicalResult FunctionOutliner::chooseDestinations() {
  DenseMap<Attribute, BlockArgument> places;
  for (BlockArgument argument : body.getArguments()) {
    unsigned index = argument.getArgNumber();
    buffers[argument] = argument;
    for (StringRef name : {kStateAttr, kParameterAttr})
      if (Attribute place = function.getArgAttr(index, name))
        places[place] = argument;
  }
  Operation *terminator = body.getTerminator();
  for (OpOperand &result : terminator->getOpOperands()) {
    Attribute place = getUpdatedArgument(function, result.getOperandNumber());
    BlockArgument before = place ? places.lookup(place) : BlockArgument();
    if (before) {
      replaceArgument(result, before);
      continue;
    }
    if (isa_and_present<StringAttr>(place))
      return terminator->emitError("state ")
             << place << " is no argument of the function, which has no place "
             << "for its new value";
    Value output = body.addArgument(getBufferType(result.get().getType()),
                                    result.get().getLoc());
    outputs.push_back(output);
    if (result.get().getDefiningOp())
      destinations.try_emplace(result.get(), output);
  }
  return success();
}

/// A reshape whose result has a destination makes the same buffer, in the shape
/// of its source, the destination of its source.
void FunctionOutliner::passDestinationsThroughReshapes() {
  for (Operation &op : llvm::reverse(body)) {
    auto collapse = dyn_cast<tensor::CollapseShapeOp>(op);
    if (!collapse)
      continue;
    Value whole = destinations.lookup(collapse.getResult());
    if (!whole || destinations.contains(collapse.getSrc()) ||
        !collapse.getSrc().getDefiningOp())
      continue;
    OpBuilder builder = OpBuilder::atBlockBegin(&body);
    destinations[collapse.getSrc()] = memref::ExpandShapeOp::create(
        builder, op.getLoc(), collapse.getSrcType().getShape(), whole,
        collapse.getReassociationIndices());
  }
}

Value FunctionOutliner::getDestination(OpBuilder &builder, Value tensor) {
  if (Value known = destinations.lookup(tensor))
    return known;
  return memref::AllocOp::create(builder, tensor.getLoc(),
                                 getBufferType(tensor.getType()));
}

LogicalResult FunctionOutliner::lower(Operation *op) {
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
    OpBuilder builder(op);
    // The type is given, since an argument is no buffer yet.
    Value view = memref::CollapseShapeOp::create(
        builder, op->getLoc(), getBufferType(collapse.getType()),
        buffers.lookup(collapse.getSrc()), collapse.getReassociationAttr());
    buffers[collapse.getResult()] = view;
    return success();
  }
  if (!isMemoryEffectFree(op) || op->getNumRegions() != 0 ||
      !llvm::all_of(op->getResultTypes(), llvm::IsaPred<RankedTensorType>))
    return op->emitOpError("cannot run on the host: only operations on tensors "
                           "without side effects can");
  if (getJoiningAdd(op))
    return success();
  Group group;
  if (auto add = dyn_cast<AddOp>(op))
    if (LinearOp linear = getJoinedLinear(add))
      group.append(linear);
  group.append(op);
  outline(std::move(group));
  return success();
}

void FunctionOutliner::outline(Group group) {
  Operation *last = group.getLast();
  OpBuilder builder(last);
  SmallVector<Value> written;
  for (OpResult result : last->getResults()) {
    Value destination = getDestination(builder, result);
    if (group.operands.contains(destination))
      group.updated[destination] = result.getResultNumber();
    buffers[result] = destination;
    written.push_back(destination);
  }
  SmallVector<Value> arguments;
  for (Value operand : group.operands)
    if (!group.updated.contains(operand))
      arguments.push_back(buffers.lookup(operand));
  llvm::append_range(arguments, written);
  func::FuncOp kernel = pass.getKernel(group);
  func::CallOp::create(builder, last->getLoc(), kernel.getSymName(),
                       TypeRange(), arguments);
  pass.numOperations += group.operations.size();
}

/// Copies the results that are not computed in their places.
void FunctionOutliner::copyResults(Operation *terminator) {
  SmallVector<ResultCopy> copies;
  for (auto [value, output] :
       llvm::zip_equal(terminator->getOperands(), outputs)) {
    bool inPlace = destinations.lookup(value) == output &&
                   !value.getDefiningOp<tensor::CollapseShapeOp>();
    if (auto collapse = value.getDefiningOp<tensor::CollapseShapeOp>())
      if (auto expand = destinations.lookup(collapse.getSrc())
                            .getDefiningOp<memref::ExpandShapeOp>())
        inPlace = expand.getSrc() == output;
    if (inPlace)
      continue;
    Value whole = value;
    while (auto collapse = whole.getDefiningOp<tensor::CollapseShapeOp>())
      whole = collapse.getSrc();
    copies.push_back({buffers.lookup(value), output, buffers.lookup(whole)});
  }
  OpBuilder builder(terminator);
  auto copy = [&](Value source, Value target) {
    memref::CopyOp::create(builder, source.getLoc(), source, target);
  };
  emitCopies(
      std::move(copies),
      [&](const ResultCopy &each) { copy(each.source, each.target); },
      [&](Value source) {
        // An argument is no buffer yet.
        auto type = dyn_cast<MemRefType>(source.getType());
        Value staged = memref::AllocOp::create(
            builder, source.getLoc(),
            type ? type : getBufferType(source.getType()));
        copy(source, staged);
        return staged;
      });
}

LogicalResult FunctionOutliner::run() {
  if (failed(chooseDestinations()))
    return failure();
  passDestinationsThroughReshapes();
  SmallVector<Operation *> tensorOperations;
  for (Operation &op : body.without_terminator())
    if (!isa<memref::ExpandShapeOp>(op))
      tensorOperations.push_back(&op);
  for (Operation *op : tensorOperations)
    if (failed(lower(op)))
      return failure();

  Operation *terminator = body.getTerminator();
  copyResults(terminator);
  OpBuilder builder(terminator);
  func::ReturnOp::create(builder, terminator->getLoc());
  terminator->erase();
  for (Operation *op : llvm::reverse(tensorOperations))
    op->erase();
  for (BlockArgument argument : body.getArguments())
    if (isa<RankedTensorType>(argument.getType()))
      argument.setType(getBufferType(argument.getType()));
  function.removeArgAttrsAttr();
  function.removeResAttrsAttr();
  function.setFunctionType(
      FunctionType::get(function.getContext(), body.getArgumentTypes(), {}));
  return success();
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

/// A text that is equal for groups that compute the same.
static std::string getKey(const Group &group) {
  std::string key;
  llvm::raw_string_ostream os(key);
  auto operands = group.operands.getArrayRef();
  for (Operation *op : group.operations) {
    // Discardable attributes say nothing of what is computed.
    os << op->getName() << op->getPropertiesAsAttribute() << '(';
    for (Value operand : op->getOperands())
      os << llvm::find(operands, operand) - operands.begin() << ':'
         << operand.getType() << ' ';
    os << ')' << op->getResultTypes() << ';';
  }
  for (auto [index, operand] : llvm::enumerate(operands))
    if (auto place = group.updated.find(operand); place != group.updated.end())
      os << index << '=' << place->second << ' ';
  return key;
}

func::FuncOp OutlineOperations::getKernel(const Group &group) {
  func::FuncOp &kernel = kernels[getKey(group)];
  if (kernel)
    return kernel;
  Operation *last = group.getLast();
  SmallVector<Type> types;
  for (Value operand : group.operands)
    if (!group.updated.contains(operand))
      types.push_back(getBufferType(operand.getType()));
  int64_t numInputs = types.size();
  for (Type type : last->getResultTypes())
    types.push_back(getBufferType(type));

  std::string name = "kernel";
  for (Operation *op : group.operations)
    name += ("." + op->getName().stripDialect()).str();
  if (int64_t number = numbers[name]++)
    name += "." + std::to_string(number);
  OpBuilder builder = OpBuilder::atBlockEnd(getOperation().getBody());
  Location loc = last->getLoc();
  kernel = func::FuncOp::create(builder, loc, name,
                                builder.getFunctionType(types, {}));
  kernel.setPrivate();
  ++numKernels;

  builder.setInsertionPointToStart(kernel.addEntryBlock());
  IRMapping mapping;
  int64_t next = 0;
  for (Value operand : group.operands) {
    auto place = group.updated.find(operand);
    bool isUpdated = place != group.updated.end();
    Value buffer =
        kernel.getArgument(isUpdated ? numInputs + place->second : next++);
    auto tensor = cast<ShapedType>(operand.getType());
    mapping.map(operand, bufferization::ToTensorOp::create(
                             builder, loc,
                             RankedTensorType::get(tensor.getShape(),
                                                   tensor.getElementType()),
                             buffer, /*restrict=*/true,
                             /*writable=*/isUpdated));
  }
  for (Operation *op : group.operations)
    builder.clone(*op, mapping);
  for (auto [index, result] : llvm::enumerate(last->getResults())) {
    auto write = bufferization::MaterializeInDestinationOp::create(
        builder, loc, Type(), mapping.lookup(result),
        kernel.getArgument(numInputs + index));
    write.setRestrict(true);
    write.setWritable(true);
  }
  func::ReturnOp::create(builder, loc);
  return kernel;
}

void OutlineOperations::runOnOperation() {
  kernels.clear();
  numbers.clear();
  for (auto function : llvm::to_vector(getOperation().getOps<func::FuncOp>()))
    if (!function.isExternal() &&
        failed(FunctionOutliner(function, *this).run()))
      return signalPassFailure();
}
