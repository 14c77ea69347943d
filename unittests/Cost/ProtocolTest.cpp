//===- ProtocolTest.cpp - Costs of functions on shares --------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Cost/Protocol.h"

#include <gtest/gtest.h>

using namespace mlir::pi;

namespace {

std::unique_ptr<Protocol> create(mlir::StringRef name,
                                 const ProtocolOptions &options = {}) {
  return ProtocolRegistry::get().create(name, options);
}

TEST(Protocol, RegistryKnowsItsProtocols) {
  EXPECT_EQ(ProtocolRegistry::get().getNames(),
            "bumblebee, cheetah, cryptflow2, spu-0.9.5");
  EXPECT_EQ(create("gazelle"), nullptr);
}

TEST(Cost, SequenceAddsRoundsAndParallelDoesNot) {
  Cost a{1, 2, 3}, b{10, 1, 5};
  Cost sequence = a + b, parallel = inParallel(a, b), twice = 2 * a;
  EXPECT_EQ(sequence.bytes, 11);
  EXPECT_EQ(sequence.rounds, 3);
  EXPECT_EQ(sequence.seconds, 8);
  EXPECT_EQ(parallel.bytes, 11);
  EXPECT_EQ(parallel.rounds, 2);
  EXPECT_EQ(parallel.seconds, 8);
  EXPECT_EQ(twice.rounds, 4);
}

TEST(Cheetah, SizesOfFunctions) {
  auto cheetah = create("cheetah");
  // Bytes an element, as known of the published run.
  EXPECT_NEAR(cheetah->relu(1).bytes, 103, 0.5);
  EXPECT_NEAR(cheetah->geluTanh(1).bytes, 3500, 0.01 * 3500);
  // GELU instead of ReLU costs 3,366 B an element more in every table.
  EXPECT_NEAR(cheetah->geluTanh(1).bytes - cheetah->relu(1).bytes, 3366.4,
              0.01 * 3366.4);
  EXPECT_NEAR(cheetah->layerNorm(1, 1e6).bytes / 1e6, 859, 0.02 * 859);
}

TEST(Cheetah, SoftmaxIsComputedOnAllColumns) {
  auto cheetah = create("cheetah");
  double bytes = cheetah->softmax(144 * 128, 128).bytes;
  EXPECT_NEAR(cheetah->softmax(144 * 256, 256).bytes, 4 * bytes, 0.04 * bytes);
  // Dividing every element costs far more than a reciprocal a row.
  auto elements = create("cheetah", {false, SoftmaxDivision::Elements});
  EXPECT_GT(elements->softmax(144 * 128, 128).bytes, 2 * bytes);
}

TEST(Cheetah, WeightsInTheClearHalveALinear) {
  auto shared = create("cheetah"), known = create("cheetah", {true});
  double truncation = shared->truncate(128 * 768).bytes;
  EXPECT_DOUBLE_EQ(shared->linear(128, 768, 768).bytes - truncation,
                   2 * (known->linear(128, 768, 768).bytes - truncation));
  // Two activations are shared in any case.
  EXPECT_EQ(shared->matmul({12, 128, 64, 128}).bytes,
            known->matmul({12, 128, 64, 128}).bytes);
}

TEST(Protocol, RoundsGrowWithTheLogarithmOfARow) {
  auto cheetah = create("cheetah");
  double comparison = cheetah->relu(1).rounds;
  EXPECT_EQ(cheetah->max({8, 128, 8 * 128}).rounds, 7 * comparison);
  EXPECT_EQ(cheetah->max({8, 129, 8 * 129}).rounds, 8 * comparison);
  EXPECT_EQ(cheetah->max({8, 1, 8}).rounds, 0);
  EXPECT_EQ(cheetah->max({8, 1, 8}).bytes, 0);
}

TEST(Protocol, RoundsOfPrimitivesAreThoseOfTheDocumentation) {
  // docs/protocols.md, for every profile but spu-0.9.5, whose rounds are
  // measured (SpuTest.cpp). CrypTFlow2 (section 3.1): one
  // oblivious transfer for each of 16 digits at once, then a tree of ANDs over
  // them.
  for (const char *name : {"cheetah", "bumblebee", "cryptflow2"}) {
    auto protocol = create(name);
    EXPECT_EQ(protocol->multiplyRing(1).rounds, 1) << name;
    EXPECT_EQ(protocol->squareRing(1).rounds, 1) << name;
    EXPECT_EQ(protocol->matmulRing({1, 4, 4, 4}, false).rounds, 1) << name;
    EXPECT_EQ(protocol->select(1).rounds, 1) << name;
    EXPECT_EQ(protocol->bitToArithmetic(1).rounds, 1) << name;
    EXPECT_EQ(protocol->truncate(1).rounds, 1) << name;
    EXPECT_EQ(protocol->compare(1).rounds, 5) << name;
    EXPECT_EQ(protocol->equal(1).rounds, 5) << name;
    EXPECT_EQ(protocol->truncateUnknownSign(1).rounds, 6) << name;
    EXPECT_EQ(protocol->normalize(1).rounds, 7) << name;
    EXPECT_EQ(protocol->halveExponent(1).rounds, 2) << name;
  }
}

TEST(Protocol, PolynomialsCostTheirPowers) {
  auto cheetah = create("cheetah");
  EXPECT_EQ(cheetah->polynomial(10, 0).bytes, 0);
  EXPECT_EQ(cheetah->polynomial(10, 1).bytes,
            cheetah->truncateUnknownSign(10).bytes);
  EXPECT_DOUBLE_EQ(cheetah->polynomial(10, 3).bytes,
                   cheetah->polynomial(10, 2).bytes +
                       cheetah->multiply(10).bytes);
}

TEST(Bumblebee, SizesOfActivations) {
  // Published: about 464 B for GELU, 974 B for an element of softmax.
  auto bumblebee = create("bumblebee");
  EXPECT_NEAR(bumblebee->geluTanh(1).bytes, 464, 0.03 * 464);
  EXPECT_NEAR(bumblebee->softmax(1, 1e6).bytes / 1e6, 974, 0.03 * 974);
}

TEST(Bumblebee, BertBaseIsNearItsEstimate) {
  // Published estimates of BERT-base at T = 128: 7.2 to 7.9 GB.
  auto p = create("bumblebee");
  const int64_t t = 128, d = 768, heads = 12;
  Cost layer = p->linear(t, d, 3 * d) + p->linear(t, d, d) +
               p->linear(t, d, 4 * d) + p->linear(t, 4 * d, d) +
               p->matmul({heads, t, d / heads, t}) +
               p->matmul({heads, t, t, d / heads}) + p->softmax(heads * t, t) +
               p->geluTanh(t * 4 * d) + 2 * p->layerNorm(t, d);
  EXPECT_GT(12 * layer.bytes, 7.0e9);
  EXPECT_LT(12 * layer.bytes, 8.0e9);
}

TEST(Cryptflow2, ComparisonCostsThirteenTimesCheetahs) {
  auto cryptflow2 = create("cryptflow2"), cheetah = create("cheetah");
  EXPECT_NEAR(cryptflow2->compare(1).bytes, 1140, 5);
  EXPECT_NEAR(cryptflow2->compare(1).bytes / cheetah->compare(1).bytes, 13,
              0.5);
  EXPECT_DOUBLE_EQ(cryptflow2->select(1).bytes, 2 * (128 + 64) / 8.0);
}

} // namespace
