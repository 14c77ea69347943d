//===- Network.h - The network between the parties --------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_COST_NETWORK_H
#define PI_COST_NETWORK_H

#include "mlir/Support/LLVM.h"
#include "pi/Cost/Cost.h"
#include "llvm/Support/Error.h"

#include <string>

namespace mlir::pi {

/// The network between the two parties, and how fast their machines are.
struct Network {
  /// `paper`, `lan`, `wan`, or `custom`.
  std::string name;
  /// Bits in a second, in each direction.
  double bandwidth = 0;
  /// Seconds for a message and its answer.
  double roundTrip = 0;

  /// The network of this description: one of the names above or
  /// `bandwidth=1Gbps,rtt=10ms`, with commas, semicolons or blanks between,
  /// optionally in braces. Bandwidth is in bps, kbps, Mbps or Gbps, the round
  /// trip in s, ms or us.
  static llvm::Expected<Network> parse(StringRef text);

  /// Local work takes so many times as long as on the machines on which the
  /// protocol was measured.
  double computeScale = 1;

  /// The time that `cost` takes, in seconds.
  double getSeconds(const Cost &cost) const {
    return cost.seconds * computeScale +
           (cost.bytes - cost.simultaneousBytes) * 8 / bandwidth +
           cost.rounds * roundTrip;
  }
};

} // namespace mlir::pi

#endif // PI_COST_NETWORK_H
