//===- RowKernel.cpp - Kernels of chains of row operations ----------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Conversion/PiToPirt/RowKernel.h"

#include "KernelRowEmitter.h"

#include "mlir/IR/Matchers.h"
#include "pi/Transforms/Execution/ResultPlaces.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/xxhash.h"

#include "pi/Conversion/PiToPirt/RowOpInterface.cpp.inc"

using namespace mlir;
using namespace mlir::pi;

/// Sums over rows in one kernel, of which each takes a register for every
/// element of a row that a thread holds.
static constexpr int64_t kMaxRowSums = 3;

bool mlir::pi::isSplatConstant(Value value) {
  DenseElementsAttr constant;
  return matchPattern(stripReshapes(value), m_Constant(&constant)) &&
         constant.isSplat() && isa<FloatType>(constant.getElementType());
}

//===----------------------------------------------------------------------===//
// Runs
//===----------------------------------------------------------------------===//

static int64_t getNumElements(Value value) {
  return cast<RankedTensorType>(value.getType()).getNumElements();
}

/// The sums over rows that `op` gives, as far as somebody reads them.
static SmallVector<Value> getRowSums(RowOpInterface op) {
  SmallVector<Value> sums;
  for (OpResult result : op->getResults())
    if (op.isRowSum(result) && !result.use_empty())
      sums.push_back(result);
  return sums;
}

/// The rows that a sum has: one if it is a scalar.
static int64_t getKeptRows(Value sum, int64_t columns) {
  bool isScalar = cast<RankedTensorType>(sum.getType()).getRank() == 0;
  return isScalar ? 1 : getNumElements(sum) / columns;
}

bool mlir::pi::canJoinRun(ArrayRef<Operation *> run, RowOpInterface op) {
  auto first = cast<RowOpInterface>(run.front());
  if (op.getUpdatedOperand() || first.getUpdatedOperand())
    return false;
  auto [rows, columns] = op.getRowSpace();
  auto [firstRows, firstColumns] = first.getRowSpace();
  if (columns != firstColumns || firstRows % rows != 0)
    return false;

  SmallVector<Value> sums = getRowSums(op);
  if (!sums.empty() && rows != firstRows)
    return false;
  for (Operation *other : run)
    llvm::append_range(sums, getRowSums(cast<RowOpInterface>(other)));
  int64_t keptRows = 1, numRowSums = 0;
  for (Value sum : sums) {
    int64_t kept = getKeptRows(sum, columns);
    if (std::max(kept, keptRows) % std::min(kept, keptRows) != 0)
      return false;
    keptRows = std::max(kept, keptRows);
    numRowSums += getNumElements(sum) >= columns;
  }
  if (numRowSums > kMaxRowSums)
    return false;

  // What the run computes is at hand for the same row, and no sum is complete.
  return llvm::none_of(op->getOpOperands(), [&](OpOperand &operand) {
    auto result = dyn_cast<OpResult>(stripReshapes(operand.get()));
    if (!result || !llvm::is_contained(run, result.getOwner()))
      return false;
    return op.isGathered(operand) ||
           cast<RowOpInterface>(result.getOwner()).isRowSum(result);
  });
}

namespace {
/// The tensors that a run reads and gives.
struct RunValues {
  explicit RunValues(ArrayRef<Operation *> ops);

  llvm::SmallSetVector<Value, 8> inputs, results, sums;
  int64_t rows = 0, columns = 0, keptRows = 1;
  /// Inputs that have a row for each row.
  int64_t numRowInputs = 0;
};
} // namespace

RunValues::RunValues(ArrayRef<Operation *> ops) {
  for (Operation *op : ops) {
    auto rowOp = cast<RowOpInterface>(op);
    std::tie(std::ignore, columns) = rowOp.getRowSpace();
    rows = std::max(rows, rowOp.getRowSpace().first);
    for (OpOperand &operand : op->getOpOperands()) {
      Value value = stripReshapes(operand.get());
      bool isImmediate = isSplatConstant(value) && !rowOp.isGathered(operand);
      if (!llvm::is_contained(ops, value.getDefiningOp()) && !isImmediate)
        inputs.insert(value);
    }
    if (rowOp.getUpdatedOperand())
      continue;
    for (OpResult result : op->getResults())
      if (!rowOp.isRowSum(result) && hasReader(result, [&](Operation *reader) {
            return !llvm::is_contained(ops, reader);
          }))
        results.insert(result);
    SmallVector<Value> rowSums = getRowSums(rowOp);
    sums.insert(rowSums.begin(), rowSums.end());
  }
  for (Value sum : sums)
    keptRows = std::max(keptRows, getKeptRows(sum, columns));
  numRowInputs = llvm::count_if(inputs, [&](Value input) {
    return getNumElements(input) >= rows * columns;
  });
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

/// A text that two chains share exactly if one kernel serves both.
static std::string describe(ArrayRef<Operation *> ops,
                            ArrayRef<Value> arguments, int64_t rows) {
  std::string text;
  llvm::raw_string_ostream os(text);
  DenseMap<Value, size_t> numbers;
  for (Value value : arguments) {
    numbers.try_emplace(value, numbers.size());
    os << value.getType() << ' ';
  }
  os << rows;
  for (Operation *op : ops) {
    os << '\n' << op->getName() << op->getPropertiesAsAttribute();
    for (Value operand : op->getOperands()) {
      operand = stripReshapes(operand);
      os << ' ' << numbers.try_emplace(operand, numbers.size()).first->second;
      if (isSplatConstant(operand))
        operand.getDefiningOp()->getAttrDictionary().print(os);
    }
    os << " -> ";
    for (Value result : op->getResults())
      os << numbers.try_emplace(result, numbers.size()).first->second
         << result.getType() << ' ';
  }
  return text;
}

/// "row_add_layer_norm_bf16_768" and a hash of what tells kernels apart.
static std::string getName(ArrayRef<Operation *> ops, int64_t columns,
                           StringRef description) {
  std::string name = "row";
  for (Operation *op : ops)
    name += "_" + op->getName().stripDialect().str();
  auto type = cast<RankedTensorType>(ops.back()->getResult(0).getType());
  name += "_" + getTypeName(type.getElementType()) + "_" +
          std::to_string(columns) + "_";
  return name + llvm::utohexstr(llvm::xxh3_64bits(description),
                                /*LowerCase=*/true);
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

/// Leaves sums in parts, unless a block completes a row of them.
static LogicalResult addParts(gpu::GPUModuleOp module, Location loc,
                              const RowLayout &layout, RowKernel &kernel) {
  SumOfPartsSpec spec{layout.blocks(), {}};
  for (Value sum : kernel.sums) {
    auto type = cast<RankedTensorType>(sum.getType());
    int64_t columns = type.getRank() == 0 ? 1 : layout.columns;
    int64_t rows = type.getNumElements() / columns;
    MemRefType &parts = kernel.parts.emplace_back();
    if (rows == layout.blocks())
      continue;
    spec.sums.push_back({type.getElementType(), rows, columns});
    parts = MemRefType::get({layout.blocks(), columns},
                            Float32Type::get(module.getContext()));
  }
  if (spec.sums.empty())
    return success();
  FailureOr<KernelLaunch> finish = buildSumOfParts(module, loc, spec);
  if (failed(finish))
    return failure();
  kernel.finish = *finish;
  return success();
}

FailureOr<RowKernel> mlir::pi::buildRowKernel(gpu::GPUModuleOp module,
                                              ArrayRef<Operation *> ops) {
  RunValues values(ops);
  RowKernel kernel{{},
                   values.inputs.takeVector(),
                   values.results.takeVector(),
                   values.sums.takeVector(),
                   {},
                   {}};
  RowLayout layout = kernel.sums.empty()
                         ? RowLayout(values.rows, values.columns)
                         : RowLayout(values.rows, values.columns,
                                     values.keptRows, values.numRowInputs);
  Location loc = ops.back()->getLoc();
  if (!kernel.sums.empty() && failed(addParts(module, loc, layout, kernel)))
    return failure();

  SmallVector<Value> arguments = kernel.inputs;
  llvm::append_range(arguments, kernel.results);
  llvm::append_range(arguments, kernel.sums);
  std::string name =
      getName(ops, layout.columns, describe(ops, arguments, layout.rows));
  KernelLaunch &launch = kernel.launch;
  launch.grid[0] = layout.blocks();
  launch.block[0] = layout.threads();
  launch.programmatic = true;
  launch.kernel = lookupKernel(module, name);
  if (launch.kernel)
    return kernel;

  SmallVector<Type> types;
  for (Value value : arguments) {
    auto type = cast<RankedTensorType>(value.getType());
    types.push_back(
        MemRefType::get({type.getNumElements()}, type.getElementType()));
  }
  auto sumTypes = MutableArrayRef(types).take_back(kernel.parts.size());
  for (auto [type, part] : llvm::zip_equal(sumTypes, kernel.parts))
    if (part)
      type = MemRefType::get({part.getNumElements()}, part.getElementType());
  KernelBuilder b(module, loc, name, types, layout.threads());
  launch.kernel = b.getKernel();
  DenseMap<Value, Value> buffers;
  for (Value value : arguments)
    buffers[value] = b.takeArgument();
  b.waitForPrevious();
  KernelRowEmitter emitter(b, layout, buffers);
  emitter.run(ops, kernel.results, kernel.sums);
  return kernel;
}
