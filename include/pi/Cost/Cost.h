//===- Cost.h - Bytes, rounds and local work --------------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_COST_COST_H
#define PI_COST_COST_H

#include "llvm/ADT/SmallVector.h"

#include <algorithm>
#include <string>

namespace mlir::pi {

/// What a protocol spends on something.
struct Cost {
  /// Bytes sent by both parties together. Not rounded: constants are averages
  /// over many elements.
  double bytes = 0;
  /// Exchanges that wait for each other, each a message and its answer.
  double rounds = 0;
  /// Local work that does not overlap with sending, in seconds.
  double seconds = 0;
  /// Of `bytes`, those that travel while as many go the other way.
  double simultaneousBytes = 0;
  /// What is taken, in order, from a stock that is filled in whole purchases.
  /// The above holds its share of them until `Protocol::settle`.
  llvm::SmallVector<double, 0> withdrawals = {};

  Cost &operator+=(const Cost &other) {
    bytes += other.bytes;
    rounds += other.rounds;
    seconds += other.seconds;
    simultaneousBytes += other.simultaneousBytes;
    withdrawals.append(other.withdrawals);
    return *this;
  }
};

/// One after the other.
inline Cost operator+(Cost lhs, const Cost &rhs) { return lhs += rhs; }

/// `times` executions one after the other.
inline Cost operator*(unsigned times, const Cost &cost) {
  Cost all;
  for (unsigned i = 0; i < times; ++i)
    all += cost;
  return all;
}

/// Both in the same exchanges.
inline Cost inParallel(const Cost &lhs, const Cost &rhs) {
  Cost both = lhs + rhs;
  both.rounds = std::max(lhs.rounds, rhs.rounds);
  return both;
}

/// A part of an operation's cost.
struct CostItem {
  /// What the part is called, after the operation's location; empty if it is
  /// the whole operation.
  std::string name;
  Cost cost;
};

} // namespace mlir::pi

#endif // PI_COST_COST_H
