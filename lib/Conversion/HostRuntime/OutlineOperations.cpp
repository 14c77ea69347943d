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

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/StringMap.h"

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
  /// The operand that is a state which the last operation updates.
  Value updatedState;

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
  void passDestinationsThroughReshapes();
  LogicalResult lower(Operation *op);
  void outline(Group group);
  Value getDestination(OpBuilder &builder, Value tensor);

  func::FuncOp function;
  Block &body;
  OutlineOperations &pass;
  /// The buffer that holds a tensor.
  DenseMap<Value, Value> buffers;
  /// Where a tensor is to be written: an output, a state, or a view of one.
  DenseMap<Value, Value> destinations;
  /// The output argument of each result; null for states.
  SmallVector<Value> outputs;
};
} // namespace

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

/// Adds an argument for each result that is no state, and says for every
/// result where the operation that computes it is to write.
LogicalResult FunctionOutliner::chooseDestinations() {
  llvm::StringMap<BlockArgument> states;
  for (BlockArgument argument : body.getArguments()) {
    buffers[argument] = argument;
    if (auto name = function.getArgAttrOfType<StringAttr>(
            argument.getArgNumber(), kStateAttr))
      states[name] = argument;
  }
  Operation *terminator = body.getTerminator();
  for (auto [index, value] : llvm::enumerate(terminator->getOperands())) {
    auto state = function.getResultAttrOfType<StringAttr>(index, kStateAttr);
    if (!state) {
      Value output =
          body.addArgument(getBufferType(value.getType()), value.getLoc());
      outputs.push_back(output);
      if (value.getDefiningOp())
        destinations.try_emplace(value, output);
      continue;
    }
    Value before = states.lookup(state);
    Operation *update = value.getDefiningOp();
    if (!before || !update ||
        !llvm::is_contained(update->getOperands(), before))
      return terminator->emitError("state '")
             << state.getValue()
             << "' has to be the result of an operation on its value before";
    if (!before.hasOneUse())
      return update->emitError("state '")
             << state.getValue()
             << "' is updated here, but its value before is read elsewhere";
    destinations[value] = before;
    outputs.push_back({});
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
  if (isa<LinearOp>(op) && op->hasOneUse())
    if (auto add = dyn_cast<AddOp>(*op->user_begin()))
      if (getJoinedLinear(add) == op)
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
  for (Value result : last->getResults()) {
    Value destination = getDestination(builder, result);
    if (group.operands.contains(destination))
      group.updatedState = destination;
    buffers[result] = destination;
    written.push_back(destination);
  }
  SmallVector<Value> arguments;
  for (Value operand : group.operands)
    if (operand != group.updatedState)
      arguments.push_back(buffers.lookup(operand));
  llvm::append_range(arguments, written);
  func::FuncOp kernel = pass.getKernel(group);
  func::CallOp::create(builder, last->getLoc(), kernel.getSymName(),
                       TypeRange(), arguments);
  pass.numOperations += group.operations.size();
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
  OpBuilder builder(terminator);
  for (auto [value, output] :
       llvm::zip_equal(terminator->getOperands(), outputs)) {
    bool inPlace = destinations.lookup(value) == output &&
                   !value.getDefiningOp<tensor::CollapseShapeOp>();
    if (auto collapse = value.getDefiningOp<tensor::CollapseShapeOp>())
      if (auto expand = destinations.lookup(collapse.getSrc())
                            .getDefiningOp<memref::ExpandShapeOp>())
        inPlace = expand.getSrc() == output;
    if (output && !inPlace)
      memref::CopyOp::create(builder, value.getLoc(), buffers.lookup(value),
                             output);
  }
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
    os << op->getName() << op->getAttrDictionary() << '(';
    for (Value operand : op->getOperands())
      os << llvm::find(operands, operand) - operands.begin() << ':'
         << operand.getType() << ' ';
    os << ')' << op->getResultTypes() << ';';
  }
  os << llvm::find(operands, group.updatedState) - operands.begin();
  return key;
}

func::FuncOp OutlineOperations::getKernel(const Group &group) {
  func::FuncOp &kernel = kernels[getKey(group)];
  if (kernel)
    return kernel;
  Operation *last = group.getLast();
  SmallVector<Type> types;
  for (Value operand : group.operands)
    if (operand != group.updatedState)
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
    bool isUpdated = operand == group.updatedState;
    Value buffer = kernel.getArgument(isUpdated ? numInputs : next++);
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
