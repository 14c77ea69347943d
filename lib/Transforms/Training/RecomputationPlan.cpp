//===- RecomputationPlan.cpp - What to compute again ----------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RecomputationPlan.h"

#include "pi/Dialect/Pi/IR/Pi.h"
#include "pi/Transforms/Execution/Passes.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::pi;

static bool isView(Operation *op) {
  return isa_and_present<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(op);
}

/// The value that this is a view of, or itself.
static Value getRoot(Value value) {
  while (isView(value.getDefiningOp()))
    value = value.getDefiningOp()->getOperand(0);
  return value;
}

/// All that an operation reads, also in its regions.
static void forEachOperand(Operation *op, function_ref<void(OpOperand &)> fn) {
  op->walk([&](Operation *nested) {
    for (OpOperand &operand : nested->getOpOperands())
      fn(operand);
  });
}

//===----------------------------------------------------------------------===//
// The block
//===----------------------------------------------------------------------===//

RecomputationPlan::RecomputationPlan(func::FuncOp function) {
  DenseMap<Operation *, unsigned> numbers;
  for (Operation &op : function.getFunctionBody().front()) {
    numbers[&op] = nodes.size();
    Node node{&op};
    auto recomputable = dyn_cast<RecomputableOpInterface>(op);
    if (recomputable && isMemoryEffectFree(&op))
      node.cost = std::max<uint64_t>(recomputable.getRecomputationCost(), 1);
    nodes.push_back(std::move(node));
  }
  addTensors(numbers);
  findLastPlace(function);
  since.assign(nodes.size(), kNever);
  usage = measure(since);
}

void RecomputationPlan::addTensors(
    const DenseMap<Operation *, unsigned> &numbers) {
  // What an operation with effects gives or takes lies in a parameter or a
  // state, what the function returns in memory of the caller.
  DenseSet<Value> elsewhere;
  for (const Node &node : nodes) {
    bool isFree = isMemoryEffectFree(node.op);
    if (!isFree || node.op->hasTrait<OpTrait::ConstantLike>())
      elsewhere.insert(node.op->result_begin(), node.op->result_end());
    if (!isFree || node.op->hasTrait<OpTrait::IsTerminator>())
      for (Value operand : node.op->getOperands())
        elsewhere.insert(getRoot(operand));
  }
  DenseMap<Value, unsigned> indices;
  for (auto [number, node] : llvm::enumerate(nodes)) {
    if (isView(node.op))
      continue;
    forEachOperand(node.op, [&](OpOperand &operand) {
      auto found = indices.find(getRoot(operand.get()));
      if (found == indices.end() ||
          llvm::is_contained(node.sources, found->second))
        return;
      node.sources.push_back(found->second);
      tensors[found->second].readers.push_back(number);
    });
    for (Value result : node.op->getResults()) {
      uint64_t bytes = getTensorBytes(result.getType());
      if (bytes == 0 || elsewhere.contains(result))
        continue;
      indices[result] = tensors.size();
      node.results.push_back(tensors.size());
      tensors.push_back({result, unsigned(number), bytes, {}});
    }
  }
  // Types can ask for more than there is: sums of all must not overflow.
  uint64_t most =
      std::numeric_limits<int64_t>::max() / (2 * tensors.size() + 1);
  for (Tensor &tensor : tensors)
    tensor.bytes = std::min(tensor.bytes, most);
}

void RecomputationPlan::findLastPlace(func::FuncOp function) {
  auto updates = [](const Node &node) {
    return !isMemoryEffectFree(node.op) &&
           !hasSingleEffect<MemoryEffects::Read>(node.op);
  };
  lastPlace = llvm::find_if(nodes, updates) - nodes.begin();
  // In the execution form, results take the place of arguments.
  Operation *terminator = nodes.back().op;
  for (auto [index, value] : llvm::enumerate(terminator->getOperands())) {
    Operation *source = getRoot(value).getDefiningOp();
    if (!source || !getUpdatedArgument(function, index))
      continue;
    auto found =
        llvm::find_if(nodes, [&](const Node &n) { return n.op == source; });
    lastPlace = std::min<unsigned>(lastPlace, found - nodes.begin());
  }
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

/// Visits the moments at which a tensor, its first or second computation, is
/// read.
template <typename Fn>
void RecomputationPlan::forEachRead(unsigned tensor, const Usage &of,
                                    Fn visit) const {
  for (unsigned reader : tensors[tensor].readers) {
    visit(getMoment(reader));
    if (of.places[reader] != kNowhere)
      visit(getMoment(of.places[reader], reader));
  }
}

/// Finds where operations run again, the last ones first: they read what others
/// before them give.
void RecomputationPlan::measureLives(const Choice &choice, Usage &of) const {
  of.places.assign(nodes.size(), kNowhere);
  of.lives.resize(tensors.size());
  for (unsigned number = nodes.size(); number-- > 0;)
    for (unsigned tensor : nodes[number].results)
      forEachRead(tensor, of, [&](Moment read) {
        Life &life = of.lives[tensor];
        if (read <= choice[number]) {
          life.lastFirst = std::max(life.lastFirst, read);
          return;
        }
        life.lastSecond = std::max(life.lastSecond, read);
        of.places[number] = std::min(of.places[number], getPlace(read));
      });
}

RecomputationPlan::Usage
RecomputationPlan::measure(const Choice &choice) const {
  Usage result;
  measureLives(choice, result);
  std::vector<Moment> moments;
  for (unsigned number = 0; number < nodes.size(); ++number) {
    moments.push_back(getMoment(number));
    if (result.places[number] != kNowhere)
      moments.push_back(getMoment(result.places[number], number));
  }
  llvm::sort(moments);
  auto getIndex = [&](Moment moment) {
    return llvm::lower_bound(moments, moment) - moments.begin();
  };
  // By how much the memory in use grows at each moment, modulo 2^64.
  std::vector<uint64_t> growth(moments.size() + 1);
  auto occupy = [&](Moment first, Moment last, uint64_t bytes) {
    growth[getIndex(first)] += bytes;
    growth[getIndex(std::max(first, last)) + 1] -= bytes;
  };
  for (auto [tensor, life] : llvm::zip_equal(tensors, result.lives)) {
    occupy(getMoment(tensor.source), life.lastFirst, tensor.bytes);
    if (result.places[tensor.source] != kNowhere)
      occupy(getMoment(result.places[tensor.source], tensor.source),
             life.lastSecond, tensor.bytes);
  }
  uint64_t bytes = 0;
  for (auto [index, moment] : llvm::enumerate(moments)) {
    bytes += growth[index];
    if (bytes > result.peak) {
      result.peak = bytes;
      result.peakMoment = moment;
      result.numPeaks = 0;
    }
    result.numPeaks += bytes == result.peak;
  }
  return result;
}

/// Whether a tensor takes memory at a moment.
bool RecomputationPlan::isLive(unsigned tensor, Moment moment) const {
  unsigned source = tensors[tensor].source, place = usage.places[source];
  const Life &life = usage.lives[tensor];
  return (getMoment(source) <= moment && moment <= life.lastFirst) ||
         (place != kNowhere && getMoment(place, source) <= moment &&
          moment <= life.lastSecond);
}

//===----------------------------------------------------------------------===//
// The choice
//===----------------------------------------------------------------------===//

/// Accounts for what an operation that runs again reads and what is not in
/// memory at the peak: it is kept until then or, if `again`, computed again as
/// well. A tensor with a single reader is never kept for longer: back ends
/// compute it together with its reader, and it has no memory.
bool RecomputationPlan::addSources(unsigned number, bool again,
                                   Candidate &candidate) const {
  for (unsigned tensor : nodes[number].sources) {
    unsigned source = tensors[tensor].source;
    if (isLive(tensor, usage.peakMoment) || since[source] != kNever ||
        llvm::is_contained(candidate.numbers, source))
      continue;
    bool isJoined = tensors[tensor].readers.size() == 1;
    if ((again || isJoined) && nodes[source].cost != 0) {
      candidate.numbers.push_back(source);
      candidate.cost = llvm::SaturatingAdd(candidate.cost, nodes[source].cost);
      if (!addSources(source, again, candidate))
        return false;
    } else if (isJoined) {
      return false;
    } else {
      candidate.gain -= tensors[tensor].bytes;
    }
  }
  return true;
}

/// The ways to have an operation run again after the peak, if that helps.
void RecomputationPlan::addCandidates(
    unsigned number, SmallVectorImpl<Candidate> &candidates) const {
  const Node &node = nodes[number];
  Moment peak = usage.peakMoment;
  if (node.cost == 0 || since[number] != kNever || getMoment(number) >= peak)
    return;
  Candidate known;
  known.numbers = {number};
  known.cost = node.cost;
  bool isReadAtPeak = false;
  for (unsigned tensor : node.results) {
    if (isLive(tensor, peak))
      known.gain += tensors[tensor].bytes;
    forEachRead(tensor, usage, [&](Moment read) {
      isReadAtPeak |= read == peak;
      if (read > peak)
        known.nextRead = std::min(known.nextRead, read);
    });
  }
  if (isReadAtPeak || known.nextRead == kNever ||
      getPlace(known.nextRead) > lastPlace ||
      getMoment(getPlace(known.nextRead), number) <= peak)
    return;
  for (bool again : {false, true}) {
    Candidate candidate = known;
    if (addSources(number, again, candidate) && candidate.gain > 0)
      candidates.push_back(std::move(candidate));
  }
}

/// Makes the best choice at the present peak: the most bytes for the cost and,
/// of equal ones, what is not read for longest. False if nothing helps.
bool RecomputationPlan::choose(std::vector<bool> &rejected) {
  SmallVector<Candidate> candidates;
  for (unsigned number = 0; number < nodes.size(); ++number)
    if (!rejected[number])
      addCandidates(number, candidates);
  llvm::stable_sort(candidates, [](const Candidate &a, const Candidate &b) {
    return std::make_pair(a.getWorth(), a.nextRead) >
           std::make_pair(b.getWorth(), b.nextRead);
  });
  for (const Candidate &candidate : candidates) {
    Choice trial = since;
    for (unsigned number : candidate.numbers)
      trial[number] = usage.peakMoment;
    Usage changed = measure(trial);
    if (std::make_pair(changed.peak, changed.numPeaks) <
        std::make_pair(usage.peak, usage.numPeaks)) {
      since = std::move(trial);
      usage = std::move(changed);
      return true;
    }
    rejected[candidate.numbers.front()] = true;
  }
  return false;
}

/// Takes back, the dearest first, what the peak does not need.
void RecomputationPlan::dropNeedless(uint64_t goal) {
  SmallVector<unsigned> chosen;
  for (unsigned number = 0; number < nodes.size(); ++number)
    if (usage.places[number] != kNowhere)
      chosen.push_back(number);
  llvm::stable_sort(chosen, [&](unsigned a, unsigned b) {
    return nodes[a].cost > nodes[b].cost;
  });
  for (unsigned number : chosen) {
    // Its reader runs again, and has to be given it.
    bool isJoined = llvm::any_of(nodes[number].results, [&](unsigned tensor) {
      ArrayRef<unsigned> readers = tensors[tensor].readers;
      return readers.size() == 1 && since[readers.front()] != kNever;
    });
    if (isJoined)
      continue;
    Choice trial = since;
    trial[number] = kNever;
    Usage changed = measure(trial);
    if (changed.peak > goal)
      continue;
    since = std::move(trial);
    usage = std::move(changed);
  }
}

void RecomputationPlan::reduce(uint64_t budget) {
  // What did not help is tried once more after others did.
  std::vector<bool> rejected(nodes.size());
  bool hasChosen = false;
  while (usage.peak > budget) {
    if (choose(rejected)) {
      hasChosen = true;
      continue;
    }
    if (!hasChosen)
      break;
    hasChosen = false;
    rejected.assign(nodes.size(), false);
  }
  dropNeedless(std::max(usage.peak, budget));
}

//===----------------------------------------------------------------------===//
// Building it
//===----------------------------------------------------------------------===//

/// What is read at a moment where the block reads `value`.
Value RecomputationPlan::getReadValue(
    Value value, Moment moment, DenseMap<Value, Value> &second,
    const DenseMap<Value, unsigned> &sources) const {
  Value root = getRoot(value);
  auto source = sources.find(root);
  if (source == sources.end() || moment <= since[source->second])
    return value;
  if (Value known = second.lookup(value))
    return known;
  // A view of what was computed again.
  Operation *view = value.getDefiningOp();
  Value viewed = getReadValue(view->getOperand(0), moment, second, sources);
  OpBuilder builder(view->getContext());
  builder.setInsertionPointAfterValue(viewed);
  IRMapping mapping;
  mapping.map(view->getOperand(0), viewed);
  return second[value] = builder.clone(*view, mapping)->getResult(0);
}

unsigned RecomputationPlan::apply() {
  SmallVector<std::pair<Moment, unsigned>> again;
  DenseMap<Value, unsigned> sources;
  for (auto [number, node] : llvm::enumerate(nodes)) {
    if (usage.places[number] == kNowhere)
      continue;
    again.emplace_back(getMoment(usage.places[number], number), number);
    for (Value result : node.op->getResults())
      sources[result] = number;
  }
  llvm::sort(again);

  DenseMap<Value, Value> second;
  auto redirect = [&](Operation *op, Moment moment) {
    forEachOperand(op, [&](OpOperand &operand) {
      operand.set(getReadValue(operand.get(), moment, second, sources));
    });
  };
  SmallVector<std::pair<Operation *, Operation *>> copies;
  for (auto [moment, number] : again) {
    Operation *op = nodes[number].op;
    OpBuilder builder(nodes[getPlace(moment)].op);
    Operation *copy = builder.clone(*op);
    copy->setAttr(kRecomputedAttr, builder.getUnitAttr());
    redirect(copy, moment);
    for (auto [first, result] :
         llvm::zip_equal(op->getResults(), copy->getResults()))
      second[first] = result;
    copies.emplace_back(op, copy);
  }
  for (auto [number, node] : llvm::enumerate(nodes))
    if (!isView(node.op))
      redirect(node.op, getMoment(number));

  // Views and first computations that nobody reads any more.
  for (const Node &node : llvm::reverse(nodes))
    if (isView(node.op) && node.op->use_empty())
      node.op->erase();
  unsigned count = 0;
  for (auto [first, copy] : llvm::reverse(copies)) {
    if (!first->use_empty()) {
      ++count;
      continue;
    }
    copy->removeAttr(kRecomputedAttr);
    first->erase();
  }
  return count;
}
