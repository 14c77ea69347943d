//===- KernelRowEmitter.cpp - One row of a kernel, in registers -----------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelRowEmitter.h"

#include "mlir/IR/Matchers.h"
#include "pi/Transforms/Execution/ResultPlaces.h"

using namespace mlir;
using namespace mlir::pi;

static RankedTensorType getTensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

KernelRowEmitter::KernelRowEmitter(KernelBuilder &b, const RowLayout &layout,
                                   const DenseMap<Value, Value> &buffers)
    : b(b), layout(layout), buffers(buffers) {
  part = b.block();
  split = part;
  kept = b.index(0);
  if (layout.keptRows > 1) {
    split = b.div(part, b.index(layout.keptRows));
    kept = b.rem(part, b.index(layout.keptRows));
  }
  lane = b.thread();
  team = b.index(0);
  if (layout.teams > 1) {
    team = b.div(lane, b.index(layout.threadsPerTeam()));
    lane = b.rem(lane, b.index(layout.threadsPerTeam()));
  }
  for (int64_t chunk = 0; chunk < layout.chunks; ++chunk)
    columns.push_back(
        b.mul(b.add(lane, b.index(chunk * layout.threadsPerTeam())),
              b.index(layout.vector)));
  // Threads behind the end of the row read its last elements again, and
  // neither count nor store them.
  if (layout.hasWholeRows())
    return;
  inside = b.less(columns.back(), b.index(layout.columns));
  columns.back() =
      b.min(columns.back(), b.index(layout.columns - layout.vector));
}

//===----------------------------------------------------------------------===//
// Walking the rows
//===----------------------------------------------------------------------===//

void KernelRowEmitter::run(ArrayRef<Operation *> ops, ArrayRef<Value> results,
                           ArrayRef<Value> sums) {
  SmallVector<Value> zeros;
  for (Value sum : sums) {
    bool isScalar = getTensorType(sum).getRank() == 0;
    RowFragment &total = totals[sum];
    total.assign(isScalar ? 1 : layout.chunks * layout.vector, b.f32(0));
    llvm::append_range(zeros, total);
  }
  auto setTotals = [&](ValueRange values) {
    for (auto &entry : totals)
      for (Value &total : entry.second) {
        total = values.front();
        values = values.drop_front();
      }
  };
  if (layout.steps == layout.unroll) {
    runStep(b.index(0), ops, results);
  } else {
    SmallVector<Value> last =
        b.loop(b.index(0), b.index(layout.steps), b.index(layout.unroll), zeros,
               [&](Value step, ValueRange carried) {
                 loop = b.getInsertionBlock()->getParentOp();
                 setTotals(carried);
                 runStep(step, ops, results);
                 // What the next step writes into shared memory has to be read
                 // before.
                 if (usesBarrier)
                   b.barrier();
                 SmallVector<Value> next;
                 for (auto &entry : totals)
                   llvm::append_range(next, entry.second);
                 return next;
               });
    loop = nullptr;
    setTotals(last);
    b.launchNext();
  }
  for (auto &[sum, total] : totals)
    if (getTensorType(sum).getRank() == 0)
      finishScalar(total.front(), sum);
    else
      finishColumns(total, sum);
}

KernelRowEmitter::Slot KernelRowEmitter::makeSlot(Value step) {
  Slot slot;
  Value row = b.add(b.mul(step, b.index(layout.splits)), split);
  row = b.add(b.mul(row, b.index(layout.teams)), team);
  if (!layout.hasAllRows()) {
    slot.isThere = b.less(row, b.index(layout.rowsPerGroup()));
    row = b.min(row, b.index(layout.rowsPerGroup() - 1));
  }
  slot.row = layout.keptRows == 1
                 ? row
                 : b.add(b.mul(row, b.index(layout.keptRows)), kept);
  return slot;
}

void KernelRowEmitter::runStep(Value step, ArrayRef<Operation *> ops,
                               ArrayRef<Value> results) {
  slots.clear();
  for (int64_t i = 0; i < layout.unroll; ++i)
    slots.push_back(makeSlot(i == 0 ? step : b.add(step, b.index(i))));
  // Operation by operation, so that the loads of all rows come first.
  for (Operation *op : ops) {
    current = cast<RowOpInterface>(op);
    for (Slot &each : slots) {
      slot = &each;
      current.emitRow(*this);
    }
  }
  if (!loop)
    b.launchNext();
  for (Value result : results) {
    current = cast<RowOpInterface>(result.getDefiningOp());
    for (Slot &each : slots) {
      slot = &each;
      storeRow(slot->fragments[result], result, row());
    }
  }
}

Value KernelRowEmitter::repeat(Value row, int64_t rows) {
  return rows == layout.rows ? row : b.rem(row, b.index(rows));
}

Value KernelRowEmitter::row() {
  return repeat(slot->row, current.getRowSpace().first);
}

//===----------------------------------------------------------------------===//
// Reading and writing
//===----------------------------------------------------------------------===//

RowFragment KernelRowEmitter::constantRow(Value operand) {
  if (auto found = constantRows.find(operand); found != constantRows.end())
    return found->second;
  OpBuilder::InsertionGuard guard(b);
  if (loop)
    b.setInsertionPoint(loop);
  RowFragment fragment;
  if (getTensorType(operand).getRank() == 0 || isSplatConstant(operand))
    fragment.assign(layout.chunks * layout.vector,
                    element(operand, b.index(0)));
  else
    fragment = loadRow(operand, b.index(0), layout.columns,
                       /*columnOffset=*/0);
  return constantRows[operand] = fragment;
}

RowFragment KernelRowEmitter::operandRow(Value operand) {
  operand = stripReshapes(operand);
  if (auto found = slot->fragments.find(operand);
      found != slot->fragments.end())
    return found->second;
  int64_t elements = getTensorType(operand).getNumElements();
  if (elements <= layout.columns || isSplatConstant(operand))
    return constantRow(operand);
  return slot->fragments[operand] =
             loadRow(operand, repeat(slot->row, elements / layout.columns),
                     layout.columns, /*columnOffset=*/0);
}

RowFragment KernelRowEmitter::loadRow(Value operand, Value row, int64_t stride,
                                      int64_t columnOffset) {
  Value buffer = buffers.lookup(stripReshapes(operand));
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

void KernelRowEmitter::storeRow(const RowFragment &values, Value operand,
                                Value row) {
  store(values, buffers.lookup(stripReshapes(operand)),
        b.mul(row, b.index(layout.columns)), slot->isThere);
}

void KernelRowEmitter::store(const RowFragment &values, Value buffer,
                             Value base, Value condition) {
  for (auto [chunk, column] : llvm::enumerate(columns)) {
    auto part = ArrayRef(values).slice(chunk * layout.vector, layout.vector);
    auto storeChunk = [&, at = b.add(base, column)] {
      if (layout.vector == 1)
        b.storeScalar(part.front(), buffer, at);
      else
        b.storeVector(part, buffer, at);
    };
    Value guard = condition;
    if (inside && chunk + 1 == columns.size())
      guard = guard ? Value(arith::AndIOp::create(b, guard, inside)) : inside;
    if (guard)
      b.ifThen(guard, storeChunk);
    else
      storeChunk();
  }
}

Value KernelRowEmitter::element(Value operand, Value index) {
  operand = stripReshapes(operand);
  if (DenseElementsAttr constant; matchPattern(operand, m_Constant(&constant)))
    return b.f32(constant.getSplatValue<APFloat>().convertToDouble());
  if (slot)
    if (auto found = slot->fragments.find(operand);
        found != slot->fragments.end())
      return found->second.front();
  Value value = b.loadScalar(buffers.lookup(operand), index);
  if (value.getType().isInteger())
    value = arith::IndexCastOp::create(b, b.getIndexType(), value);
  return value;
}

void KernelRowEmitter::setResult(RowFragment values) {
  slot->fragments[current->getResult(0)] = std::move(values);
}

//===----------------------------------------------------------------------===//
// Sums
//===----------------------------------------------------------------------===//

Value KernelRowEmitter::maskLastChunk(Value value, size_t element) {
  bool isLast = element >= size_t((layout.chunks - 1) * layout.vector);
  return inside && isLast ? b.select(inside, value, b.f32(0)) : value;
}

Value KernelRowEmitter::sumFragment(const RowFragment &values) {
  Value total = b.f32(0);
  for (auto [i, value] : llvm::enumerate(values))
    total = b.add(total, maskLastChunk(value, i));
  return total;
}

Value KernelRowEmitter::sum(const RowFragment &values) {
  Value total = b.sumLanes(sumFragment(values));
  if (layout.warpsPerTeam == 1)
    return total;
  // A sum has its own memory, so nothing has to wait before the next one.
  usesBarrier = true;
  Value partial =
      b.allocateShared({layout.teams, layout.warpsPerTeam}, b.getF32Type());
  Value warp = b.div(lane, b.index(KernelBuilder::kWarpSize));
  Value laneInWarp = b.rem(lane, b.index(KernelBuilder::kWarpSize));
  b.ifThen(b.equal(laneInWarp, b.index(0)), [&] {
    b.storeScalar(total, partial, {team, warp});
  });
  b.barrier();
  total = b.loadScalar(partial, {team, b.index(0)});
  for (int64_t i = 1; i < layout.warpsPerTeam; ++i)
    total = b.add(total, b.loadScalar(partial, {team, b.index(i)}));
  return total;
}

void KernelRowEmitter::addToSum(Value result, const RowFragment &values) {
  auto found = totals.find(result);
  if (found == totals.end())
    return;
  RowFragment added = values;
  if (getTensorType(result).getRank() == 0)
    added = {sumFragment(values)};
  for (auto [total, value] : llvm::zip_equal(found->second, added))
    total =
        b.add(total,
              slot->isThere ? b.select(slot->isThere, value, b.f32(0)) : value);
}

void KernelRowEmitter::finishScalar(Value total, Value result) {
  total = b.sumBlock(total);
  b.ifThen(b.equal(b.thread(), b.index(0)),
           [&] { b.storeScalar(total, buffers.lookup(result), part); });
}

void KernelRowEmitter::finishColumns(const RowFragment &total, Value result) {
  Value buffer = buffers.lookup(result);
  Value base = b.mul(part, b.index(layout.columns));
  if (layout.teams == 1)
    return store(total, buffer, base, /*condition=*/{});
  // The teams meet in shared memory, where each thread then sums some columns.
  if (meeting)
    b.barrier();
  else
    meeting = b.allocateShared({layout.teams * layout.columns}, b.getF32Type());
  store(total, meeting, b.mul(team, b.index(layout.columns)),
        /*condition=*/{});
  b.barrier();
  for (int64_t first = 0; first < layout.columns; first += layout.threads()) {
    Value column = b.add(b.thread(), b.index(first));
    auto sumColumn = [&] {
      Value sum = b.loadScalar(meeting, column);
      for (int64_t i = 1; i < layout.teams; ++i) {
        Value at = b.add(column, b.index(i * layout.columns));
        sum = b.add(sum, b.loadScalar(meeting, at));
      }
      b.storeScalar(sum, buffer, b.add(base, column));
    };
    if (first + layout.threads() > layout.columns)
      b.ifThen(b.less(column, b.index(layout.columns)), sumColumn);
    else
      sumColumn();
  }
}
