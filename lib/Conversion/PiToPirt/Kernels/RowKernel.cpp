//===- RowKernel.cpp - Kernels of chains of row operations ----------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Conversion/PiToPirt/RowKernel.h"

#include "KernelBuilder.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/Support/xxhash.h"

#include "pi/Conversion/PiToPirt/RowOpInterface.cpp.inc"

using namespace mlir;
using namespace mlir::pi;

/// Elements of a row in one access, where the row's length allows it.
static constexpr int64_t kVectorWidth = 8;
/// Accesses of one thread for a row, above which more threads share it.
static constexpr int64_t kMaxChunks = 4;
/// Rows of one block when each has one warp.
static constexpr int64_t kRowsPerBlock = 4;

namespace {
/// How the threads of a block share rows.
struct RowLayout {
  int64_t rows, columns;
  int64_t vector, chunks, warpsPerRow, rowsPerBlock;

  RowLayout(int64_t rows, int64_t columns) : rows(rows), columns(columns) {
    vector = columns % kVectorWidth == 0 ? kVectorWidth : 1;
    int64_t accesses = llvm::divideCeil(columns, vector);
    int64_t warp = KernelBuilder::kWarpSize;
    warpsPerRow = std::min<int64_t>(
        llvm::divideCeil(accesses, warp * kMaxChunks), 1024 / warp);
    chunks = llvm::divideCeil(accesses, warp * warpsPerRow);
    rowsPerBlock = 1;
    if (warpsPerRow == 1)
      while (rowsPerBlock < kRowsPerBlock && rows % (rowsPerBlock * 2) == 0)
        rowsPerBlock *= 2;
  }
  int64_t threadsPerRow() const {
    return warpsPerRow * KernelBuilder::kWarpSize;
  }
  int64_t threads() const { return threadsPerRow() * rowsPerBlock; }
  bool isExact() const { return chunks * threadsPerRow() * vector == columns; }
};

class KernelRowEmitter : public RowEmitter {
public:
  KernelRowEmitter(KernelBuilder &b, const RowLayout &layout,
                   const DenseMap<Value, Value> &buffers)
      : b(b), layout(layout), buffers(buffers) {
    Value thread = b.thread();
    blockRow = b.mul(b.block(), b.index(layout.rowsPerBlock));
    lane = thread;
    if (layout.rowsPerBlock > 1) {
      blockRow =
          b.add(blockRow, b.div(thread, b.index(layout.threadsPerRow())));
      lane = b.rem(thread, b.index(layout.threadsPerRow()));
    }
    for (int64_t chunk = 0; chunk < layout.chunks; ++chunk)
      columns.push_back(
          b.mul(b.add(lane, b.index(chunk * layout.threadsPerRow())),
                b.index(layout.vector)));
    // Threads behind the end of the row read its last elements again, and
    // neither count nor store them.
    if (layout.isExact())
      return;
    inside = b.less(columns.back(), b.index(layout.columns));
    columns.back() =
        b.min(columns.back(), b.index(layout.columns - layout.vector));
  }

  void emit(RowOpInterface op) {
    current = op;
    op.emitRow(*this);
  }
  const RowFragment &result(Value value) const {
    return fragments.find(value)->second;
  }
  Value rowOf(int64_t rows) {
    return rows == layout.rows ? blockRow : b.rem(blockRow, b.index(rows));
  }

  KernelBuilder &builder() override { return b; }
  Value row() override { return rowOf(current.getRowSpace().first); }

  RowFragment operandRow(Value operand) override {
    if (auto found = fragments.find(operand); found != fragments.end())
      return found->second;
    int64_t elements =
        cast<RankedTensorType>(operand.getType()).getNumElements();
    int64_t rows = elements / layout.columns;
    RowFragment fragment =
        loadRow(operand, rows == 1 ? b.index(0) : rowOf(rows), layout.columns,
                /*columnOffset=*/0);
    fragments[operand] = fragment;
    return fragment;
  }

  RowFragment loadRow(Value operand, Value row, int64_t stride,
                      int64_t columnOffset) override {
    Value buffer = buffers.lookup(operand);
    Value base = b.add(b.mul(row, b.index(stride)), b.index(columnOffset));
    RowFragment fragment;
    for (Value column : columns) {
      Value at = b.add(base, column);
      if (layout.vector == 1)
        fragment.push_back(b.loadScalar(buffer, at));
      else
        llvm::append_range(fragment, b.loadVector(buffer, at, layout.vector));
    }
    return fragment;
  }

  void storeRow(const RowFragment &values, Value operand, Value row) override {
    Value buffer = buffers.lookup(operand);
    Value base = b.mul(row, b.index(layout.columns));
    for (auto [chunk, column] : llvm::enumerate(columns)) {
      auto part = ArrayRef(values).slice(chunk * layout.vector, layout.vector);
      auto store = [&, at = b.add(base, column)] {
        if (layout.vector == 1)
          b.storeScalar(part.front(), buffer, at);
        else
          b.storeVector(part, buffer, at);
      };
      if (inside && chunk + 1 == columns.size())
        b.ifThen(inside, store);
      else
        store();
    }
  }

  Value element(Value operand, Value index) override {
    Value value = b.loadScalar(buffers.lookup(operand), index);
    if (value.getType().isInteger())
      value = arith::IndexCastOp::create(b, b.getIndexType(), value);
    return value;
  }

  Value sum(const RowFragment &values) override {
    Value total = b.f32(0);
    int64_t last = (layout.chunks - 1) * layout.vector;
    for (auto [i, value] : llvm::enumerate(values))
      total = b.add(total, inside && static_cast<int64_t>(i) >= last
                               ? b.select(inside, value, b.f32(0))
                               : value);
    total = b.sumLanes(total);
    if (layout.warpsPerRow == 1)
      return total;
    // A sum has its own memory, so nothing has to wait before the next one.
    Value partial = b.allocateShared({layout.warpsPerRow}, b.getF32Type());
    Value warp = b.div(lane, b.index(KernelBuilder::kWarpSize));
    Value laneInWarp = b.rem(lane, b.index(KernelBuilder::kWarpSize));
    b.ifThen(b.equal(laneInWarp, b.index(0)),
             [&] { b.storeScalar(total, partial, warp); });
    b.barrier();
    total = b.loadScalar(partial, b.index(0));
    for (int64_t i = 1; i < layout.warpsPerRow; ++i)
      total = b.add(total, b.loadScalar(partial, b.index(i)));
    return total;
  }

  void setResult(RowFragment values) override {
    fragments[current->getResult(0)] = std::move(values);
  }

private:
  KernelBuilder &b;
  const RowLayout &layout;
  const DenseMap<Value, Value> &buffers;
  RowOpInterface current;
  Value blockRow, lane, inside;
  SmallVector<Value> columns;
  DenseMap<Value, RowFragment> fragments;
};
} // namespace

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
    os << '\n' << op->getName() << op->getAttrDictionary();
    op->getPropertiesAsAttribute().print(os);
    for (Value operand : op->getOperands())
      os << ' ' << numbers.try_emplace(operand, numbers.size()).first->second;
    os << " -> "
       << numbers.try_emplace(op->getResult(0), numbers.size()).first->second;
  }
  return text;
}

/// "row_add_layer_norm_bf16_768" and a hash of what tells kernels apart.
static std::string getName(ArrayRef<Operation *> ops, const RowLayout &layout,
                           StringRef description) {
  std::string name = "row";
  for (Operation *op : ops)
    name += "_" + op->getName().stripDialect().str();
  auto type = cast<RankedTensorType>(ops.back()->getResult(0).getType());
  name += "_" + getTypeName(type.getElementType()) + "_" +
          std::to_string(layout.columns) + "_";
  return name + llvm::utohexstr(llvm::xxh3_64bits(description),
                                /*LowerCase=*/true);
}

FailureOr<RowKernel> mlir::pi::buildRowKernel(gpu::GPUModuleOp module,
                                              ArrayRef<Operation *> ops) {
  llvm::SmallSetVector<Operation *, 8> inside(ops.begin(), ops.end());
  llvm::SmallSetVector<Value, 8> inputs, results;
  int64_t rows = 0, columns = 0;
  for (Operation *op : ops) {
    auto rowOp = cast<RowOpInterface>(op);
    std::tie(std::ignore, columns) = rowOp.getRowSpace();
    rows = std::max(rows, rowOp.getRowSpace().first);
    for (Value operand : op->getOperands())
      if (!inside.contains(operand.getDefiningOp()))
        inputs.insert(operand);
    if (!rowOp.getUpdatedOperand() &&
        llvm::any_of(op->getUsers(),
                     [&](Operation *user) { return !inside.contains(user); }))
      results.insert(op->getResult(0));
  }
  RowKernel kernel;
  llvm::append_range(kernel.arguments, inputs);
  llvm::append_range(kernel.arguments, results);

  RowLayout layout(rows, columns);
  std::string name =
      getName(ops, layout, describe(ops, kernel.arguments, rows));
  KernelLaunch &launch = kernel.launch;
  launch.grid[0] = rows / layout.rowsPerBlock;
  launch.block[0] = layout.threads();
  launch.programmatic = true;
  launch.kernel = lookupKernel(module, name);
  if (launch.kernel)
    return kernel;

  SmallVector<Type> types;
  for (Value value : kernel.arguments) {
    auto type = cast<RankedTensorType>(value.getType());
    types.push_back(
        MemRefType::get({type.getNumElements()}, type.getElementType()));
  }
  KernelBuilder b(module, ops.back()->getLoc(), name, types, layout.threads());
  launch.kernel = b.getKernel();
  DenseMap<Value, Value> buffers;
  for (Value value : kernel.arguments)
    buffers[value] = b.takeArgument();
  b.waitForPrevious();
  KernelRowEmitter emitter(b, layout, buffers);
  for (Operation *op : ops)
    emitter.emit(cast<RowOpInterface>(op));
  b.launchNext();
  for (Value value : results)
    emitter.storeRow(
        emitter.result(value), value,
        emitter.rowOf(
            cast<RowOpInterface>(value.getDefiningOp()).getRowSpace().first));
  return kernel;
}
