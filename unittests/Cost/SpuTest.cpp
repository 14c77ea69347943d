//===- SpuTest.cpp - The profile of SPU against measurements --------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// A real run of two parties with spu 0.9.5 (Python registry): Cheetah, FM64, 18
// fractional bits, `max_concurrency=1`, `enable_mul_lsb_error=false`, all
// inputs secret. Bytes of both parties from the profiler's link details,
// without the set-up of the first use. Deterministic to 0.01% but for refills
// of oblivious transfers.
//
//===----------------------------------------------------------------------===//

#include "pi/Cost/Protocol.h"

#include <gtest/gtest.h>

using namespace mlir::pi;

namespace {

struct Measurement {
  const char *name;
  double bytes;
  std::function<Cost(const Protocol &)> estimate;
  ProtocolOptions options = {};
};

constexpr double kLarge = 64 * 3072, kMedium = 64 * 768, kSmall = 16 * 3072;
const ProtocolOptions kDivideRows = {false, SoftmaxDivision::Rows};
const ProtocolOptions kKnownWeights = {true, std::nullopt};

const Measurement kMeasurements[] = {
    {"compare", 16703526, [](auto &p) { return p.compare(kLarge); }},
    {"select", 3195232, [](auto &p) { return p.select(kLarge); }},
    {"relu", 19898406, [](auto &p) { return p.relu(kLarge); }},
    {"truncate", 614400, [](auto &p) { return p.truncate(kLarge); }},
    {"multiply", 43520348, [](auto &p) { return p.multiply(kLarge); }},
    {"square", 27453108, [](auto &p) { return p.squareRing(kLarge); }},
    {"geluTanh", 549649711, [](auto &p) { return p.geluTanh(kLarge); }},
    {"geluErf", 187310687, [](auto &p) { return p.geluErf(kSmall); }},
    {"layerNorm768", 65429683, [](auto &p) { return p.layerNorm(128, 768); }},
    {"layerNorm192", 21830543, [](auto &p) { return p.layerNorm(128, 192); }},
    {"softmaxElements64", 201987996,
     [](auto &p) { return p.softmax(12 * 64, 64); }},
    {"softmaxRows64", 75071375, [](auto &p) { return p.softmax(12 * 64, 64); },
     kDivideRows},
    {"softmaxRows32", 25276070, [](auto &p) { return p.softmax(12 * 32, 32); },
     kDivideRows},
    {"exp", 56189170, [](auto &p) { return p.exp(kMedium); }},
    {"expOfOne", 9.15e6, [](auto &p) { return p.exp(1); }},
    {"reciprocal", 130.1e6, [](auto &p) { return p.reciprocal(kMedium); }},
    {"rsqrt", 115.0e6, [](auto &p) { return p.rsqrt(kMedium); }},
    {"tanh", 104.3e6, [](auto &p) { return p.tanh(kSmall); }},
    {"equal", 2334720, [](auto &p) { return p.equal(kMedium); }},
    {"linear768", 10850902, [](auto &p) { return p.linear(128, 768, 768); }},
    {"linear768KnownWeights", 5578965,
     [](auto &p) { return p.linear(128, 768, 768); }, kKnownWeights},
    {"linear768x3072", 30086133,
     [](auto &p) { return p.linear(128, 768, 3072); }},
    {"linear3072x768", 24168158,
     [](auto &p) { return p.linear(128, 3072, 768); }},
    {"scores", 17262722,
     [](auto &p) {
       return p.matmul({12, 128, 64, 128});
     }},
    {"context", 10850943,
     [](auto &p) {
       return p.matmul({12, 128, 128, 64});
     }},
};

class Spu : public testing::TestWithParam<Measurement> {};

TEST_P(Spu, AgreesWithMeasurement) {
  const Measurement &measured = GetParam();
  auto spu = ProtocolRegistry::get().create("spu-0.9.5", measured.options);
  ASSERT_TRUE(spu);
  double bytes = measured.estimate(*spu).bytes;
  EXPECT_NEAR(bytes, measured.bytes, 0.03 * measured.bytes)
      << "deviates by " << 100 * (bytes / measured.bytes - 1) << "%";
  RecordProperty("deviation_percent",
                 std::to_string(100 * (bytes / measured.bytes - 1)));
}

INSTANTIATE_TEST_SUITE_P(Measured, Spu, testing::ValuesIn(kMeasurements),
                         [](const auto &info) { return info.param.name; });

TEST(Spu, ProductsComeInBlocks) {
  auto spu = ProtocolRegistry::get().create("spu-0.9.5", {});
  // Squares: a block is paid for its first element.
  EXPECT_EQ(spu->squareRing(1).bytes, spu->squareRing(8192).bytes);
  EXPECT_EQ(spu->squareRing(8193).bytes, 2 * spu->squareRing(8192).bytes);
  // Products: each party encrypts half of the elements.
  EXPECT_EQ(spu->multiplyRing(8193).bytes, spu->multiplyRing(16384).bytes);
  EXPECT_EQ(spu->multiplyRing(16385).bytes, spu->multiplyRing(32768).bytes);
  // Fewer elements than a block are taken from stored triples.
  EXPECT_DOUBLE_EQ(spu->multiplyRing(20).bytes,
                   2 * spu->multiplyRing(10).bytes);
}

} // namespace
