//===- NetworkTest.cpp - The network between the parties ------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Cost/Network.h"

#include <gtest/gtest.h>

using namespace mlir::pi;

namespace {

TEST(Network, TimeIsWorkTransferAndRounds) {
  Network network{"custom", 8e6, 0.5};
  // 2 s of work, 3e6 bytes at 1e6 a second, 4 rounds of half a second.
  EXPECT_DOUBLE_EQ(network.getSeconds({3e6, 4, 2}), 2 + 3 + 2);
  // A third goes one way while another third goes the other.
  EXPECT_DOUBLE_EQ(network.getSeconds({3e6, 4, 2, 1e6}), 2 + 2 + 2);
  network.computeScale = 0.5;
  EXPECT_DOUBLE_EQ(network.getSeconds({3e6, 4, 2}), 2 + 3 + 1);
}

TEST(Network, NamesAreKnown) {
  for (const char *name : {"paper", "lan", "wan", " {wan} "}) {
    llvm::Expected<Network> network = Network::parse(name);
    ASSERT_TRUE(bool(network)) << llvm::toString(network.takeError());
    EXPECT_GT(network->bandwidth, 0);
    EXPECT_GT(network->roundTrip, 0);
  }
}

TEST(Network, UnitsAreAccepted) {
  for (const char *text :
       {"bandwidth=100Mbps,rtt=80ms", "rtt=0.08s; bandwidth=0.1Gbps",
        "{bandwidth=100000kbps rtt=80000us}", "bandwidth=1e8bps,rtt=80ms"}) {
    llvm::Expected<Network> network = Network::parse(text);
    ASSERT_TRUE(bool(network)) << llvm::toString(network.takeError());
    EXPECT_EQ(network->name, "custom");
    EXPECT_DOUBLE_EQ(network->bandwidth, 100e6);
    EXPECT_DOUBLE_EQ(network->roundTrip, 0.08);
  }
}

TEST(Network, WhatIsNotANetworkIsAnError) {
  for (const char *text :
       {"", "dsl", "bandwidth=", "bandwidth=1Gbps", "rtt=1ms",
        "=,=", "bandwidth=infGbps,rtt=1ms", "bandwidth=nanGbps,rtt=1ms",
        "bandwidth=1Gbps,rtt=1fortnight", "bandwidth=-1Gbps,rtt=1ms"}) {
    llvm::Expected<Network> network = Network::parse(text);
    EXPECT_FALSE(bool(network)) << text;
    llvm::consumeError(network.takeError());
  }
}

} // namespace
