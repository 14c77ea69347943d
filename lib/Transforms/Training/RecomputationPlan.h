//===- RecomputationPlan.h - What to compute again --------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_TRANSFORMS_TRAINING_RECOMPUTATIONPLAN_H
#define PI_LIB_TRANSFORMS_TRAINING_RECOMPUTATIONPLAN_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"

#include <limits>
#include <vector>

namespace mlir::pi {

/// Which operations of a function of one block run a second time so that its
/// tensors take less memory.
///
/// A tensor takes memory from the operation that gives it to the last one that
/// reads it. What belongs to the caller takes none: arguments, parameters and
/// states, results of the function; nor does a constant or a reshape, which is
/// a view.
///
/// An operation that runs again does so right before the first reader of its
/// second results. So the plan is a moment for each such operation: whoever
/// reads its results later reads the second ones.
class RecomputationPlan {
public:
  explicit RecomputationPlan(func::FuncOp function);

  /// The largest number of bytes that tensors take at a time.
  uint64_t getPeak() const { return usage.peak; }

  /// Chooses operations until the peak is at most `budget`, or as small as
  /// these choices make it.
  void reduce(uint64_t budget);

  /// Builds what was chosen. Gives the number of operations that run again; one
  /// whose first results nobody reads any more only moves. The plan is spent.
  unsigned apply();

private:
  /// A moment of the block: when operation `place` runs or, right before it,
  /// when operation `number` runs again.
  using Moment = uint64_t;
  static constexpr Moment kNever = std::numeric_limits<Moment>::max();
  static constexpr unsigned kNowhere = std::numeric_limits<unsigned>::max();
  static Moment getMoment(unsigned place, unsigned number = kNowhere) {
    return Moment(place) << 32 | number;
  }
  static unsigned getPlace(Moment moment) { return moment >> 32; }

  struct Tensor {
    Value value;
    unsigned source;
    uint64_t bytes;
    SmallVector<unsigned, 4> readers;
  };

  struct Node {
    Operation *op;
    /// What running it again costs; 0 if it cannot.
    uint64_t cost = 0;
    /// The tensors that it gives and reads.
    SmallVector<unsigned, 2> results;
    SmallVector<unsigned, 4> sources;
  };

  /// The last reads of a tensor's first and second computation.
  struct Life {
    Moment lastFirst = 0, lastSecond = 0;
  };

  /// The memory that a choice needs.
  struct Usage {
    uint64_t peak = 0;
    /// The first moment at which the peak is reached, and how many there are.
    Moment peakMoment = 0;
    unsigned numPeaks = 0;
    /// Before which operation each runs again, and the lives of all tensors.
    std::vector<unsigned> places;
    std::vector<Life> lives;
  };

  /// For each operation, the moment after which its second results are read;
  /// kNever if it does not run again.
  using Choice = std::vector<Moment>;

  /// Operations that may join the choice together.
  struct Candidate {
    SmallVector<unsigned> numbers;
    int64_t gain = 0;
    uint64_t cost = 0;
    Moment nextRead = kNever;

    double getWorth() const { return double(gain) / double(cost); }
  };

  void addTensors(const DenseMap<Operation *, unsigned> &numbers);
  void findLastPlace(func::FuncOp function);
  template <typename Fn>
  void forEachRead(unsigned tensor, const Usage &of, Fn visit) const;
  Usage measure(const Choice &choice) const;
  void measureLives(const Choice &choice, Usage &of) const;
  bool isLive(unsigned tensor, Moment moment) const;
  bool addSources(unsigned number, bool again, Candidate &candidate) const;
  void addCandidates(unsigned number,
                     SmallVectorImpl<Candidate> &candidates) const;
  bool choose(std::vector<bool> &rejected);
  void dropNeedless(uint64_t goal);
  Value getReadValue(Value value, Moment moment, DenseMap<Value, Value> &second,
                     const DenseMap<Value, unsigned> &sources) const;

  std::vector<Node> nodes;
  std::vector<Tensor> tensors;
  /// The last place before which an operation may run again: further below,
  /// what it reads may have changed.
  unsigned lastPlace;
  Choice since;
  Usage usage;
};

} // namespace mlir::pi

#endif // PI_LIB_TRANSFORMS_TRAINING_RECOMPUTATIONPLAN_H
