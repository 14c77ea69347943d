//===- SpuLatency.h - Rounds and local work of SPU --------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Measured with `spu==0.9.5`, one thread a party. Rounds: what a program of one
// primitive takes longer on a link of 40 ms than on one without delay, over 40
// ms. Local work: what it takes on a link without delay or bound on bytes, both
// parties on one machine of 2 cores (AMD EPYC 9004, 2.6 GHz); medians of 2 or
// 3 runs. docs/cost-model.md says how to scale it to another machine.
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_COST_SPULATENCY_H
#define PI_LIB_COST_SPULATENCY_H

#include "pi/Cost/Cost.h"
#include "pi/Cost/MatmulPacking.h"

namespace mlir::pi::spu {

/// What a primitive takes besides sending its bytes.
struct Latency {
  double rounds;
  /// Seconds of one call, and of one element.
  double call, element;

  /// `cost` of `n` elements with the rounds and the local work of this.
  Cost apply(const Cost &cost, double n) const {
    return {cost.bytes, rounds, call + n * element};
  }
};

/// An extension of oblivious transfers: 1281 messages, most of them one-way.
/// Primitives that use transfers hold their share of it, as of its bytes.
constexpr double kSecondsOfExtension = 0.51;
constexpr double kComparesOfExtension = 98e3;
/// Of 64 bits: three runs of 196,608 took 4 extensions.
constexpr double kEqualsOfExtension = 3 * 64 * 3072 / 4.0;
constexpr double kNormalizationsOfExtension = 4.8e3;

// A call of a message and its answer takes about 1 ms of scheduling on both
// sides.

/// 36 messages at each party, which go both ways at once: each is half a round.
constexpr Latency kCompare = {
    9, 0.010, 13.5e-6 + kSecondsOfExtension / kComparesOfExtension};
constexpr Latency kEqual = {4.7, 0.005,
                            11e-6 + kSecondsOfExtension / kEqualsOfExtension};
/// One oblivious transfer.
constexpr Latency kSelect = {1, 0.001, 1.2e-6};
constexpr Latency kBitToArithmetic = {1, 0.001, 1.2e-6};
constexpr Latency kTruncate = {1, 0.001, 0.5e-6};
/// 32 reciprocals take 34.3 rounds and 32 inverse square roots 22.3, of which
/// these two are what their other primitives leave.
constexpr Latency kNormalize = {
    14, 0.015, 95e-6 + kSecondsOfExtension / kNormalizationsOfExtension};
constexpr Latency kHalveExponent = {4.3, 0.005, 20e-6};
/// Keys, bases and first extensions of oblivious transfer.
constexpr Latency kSession = {41, 2.2, 0};

/// The ciphertexts of blocks and their answers, whatever the number of blocks:
/// 4 messages each way, a part of which wait for each other.
constexpr double kBlockRounds = 3.3;
constexpr double kSecondsOfOle = 0.037;
/// One of several, which the parties share.
constexpr double kSecondsOfSharedOle = 0.031;
constexpr double kSecondsOfProductBlock = 0.036;
/// A block of triples for later products.
constexpr double kSecondsOfTripleBlock = 0.043;

/// One product of matrices: encryption and decryption, a ciphertext times a
/// plaintext polynomial with its encoding, a ciphertext of the result, and an
/// automorphism that packs results. Both passes of shared operands take the
/// time of one, since each party evaluates one of them.
constexpr double kSecondsOfMatmul = 0.010;
constexpr double kSecondsOfCiphertextProduct = 0.63e-3;
constexpr double kSecondsOfResult = 0.7e-3;
constexpr double kSecondsOfAutomorphism = 2.5e-3;

/// Two halves that the parties encrypt at the same time, one each.
inline Cost inBothDirections(Cost cost) {
  cost.simultaneousBytes = cost.bytes / 2;
  return cost;
}

/// `passes` over a product of matrices. SPU multiplies those of a batch one
/// after the other, and truncates each before the next; the last truncation is
/// not part of this.
inline Cost getMatmulCost(const MatmulPacking &packing, double batch,
                          unsigned passes) {
  if (batch == 0)
    return {};
  double rounds = batch + (batch - 1) * kTruncate.rounds;
  double seconds = batch * kSecondsOfMatmul +
                   packing.ciphertextProducts * kSecondsOfCiphertextProduct +
                   packing.results * kSecondsOfResult +
                   packing.automorphisms * kSecondsOfAutomorphism;
  Cost cost = {passes * packing.getBytes(), rounds, seconds};
  return passes == 1 ? cost : inBothDirections(cost);
}

} // namespace mlir::pi::spu

#endif // PI_LIB_COST_SPULATENCY_H
