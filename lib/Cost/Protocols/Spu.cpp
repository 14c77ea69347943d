//===- Spu.cpp - SecretFlow SPU 0.9.5 -------------------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Measured with the package `spu==0.9.5`: Cheetah, 64-bit ring, 18 fractional
// bits, one thread, no error allowed in the lowest bit, all inputs secret;
// bytes of both parties. unittests/Cost/SpuTest.cpp holds the measurements.
//
//===----------------------------------------------------------------------===//

#include "../CheetahConstants.h"
#include "../SpuLatency.h"

#include <cmath>
#include <utility>

using namespace mlir;
using namespace mlir::pi;

// Products and squares run on whole blocks of slots.

/// Elements of a block.
static constexpr double kBlock = 8192;
/// Bytes of a product of two blocks: 64 x 3072 products in 24 blocks take
/// 43,520,348 B, truncation included.
static constexpr double kProductOfBlock = (43520348 - 614400) / 24.0;
/// Bytes of one OLE on a block: 64 x 3072 squares in 24 blocks take
/// 27,453,108 B.
static constexpr double kOleOfBlock = 27453108 / 24.0;
/// Products of fewer elements than two blocks come from stored triples: an OLE
/// on a block gives half as many, and using one opens two elements of 8 bytes
/// each way (libspu/mpc/cheetah/arithmetic.cc, MulAA, and state.cc).
static constexpr double kTriplesOfBlock = kBlock / 2;
static constexpr double kBytesToOpenTriple = 4 * 8;

/// Bytes that extend the oblivious transfers of one direction: 1280 trees of 13
/// levels (Ferret, ePrint 2020/924, with SPU's parameters). Other constants
/// than that of equality hold their share of extensions.
static constexpr double kExtension = 266259;

/// Bytes of opening a session: public keys, Galois keys, the bases of oblivious
/// transfer and its first extensions, the first triples, and the product of
/// matrices, the products and the comparisons, of 8 x 8 elements, that bring
/// all this about (SESSION in python/pi_mlir/private/engine.py).
static constexpr double kSession = 23009670;
/// Triples that are left then.
static constexpr double kTriplesOfSession = kTriplesOfBlock - 8 * 8;

static constexpr TwoPartyConstants kConstants = {
    /*compare=*/16703526 / (64.0 * 3072),
    /*select=*/3195232 / (64.0 * 3072),
    /*equal=*/2334720 / (64.0 * 768) + kExtension / spu::kEqualsOfExtension,
    /*bitToArithmetic=*/cheetah::kBitToArithmetic,
    /*truncate=*/cheetah::kTruncate,
    /*truncateUnknownSign=*/cheetah::kTruncate,
    /*product=*/kProductOfBlock / kBlock,
    /*square=*/kOleOfBlock / kBlock,
    /*normalize=*/cheetah::kNormalize,
    /*halveExponent=*/cheetah::kHalveExponent,
};

namespace {
class Spu : public TwoPartyProtocol {
public:
  explicit Spu(const ProtocolOptions &options)
      : TwoPartyProtocol(options, kConstants) {}

  // What was fitted to published latencies is not used.
  SmallVector<StringRef> getCalibrated() const override { return {}; }

  Cost inParallel(const Cost &lhs, const Cost &rhs) const override {
    return lhs + rhs;
  }

  Cost compare(double n) const override {
    return spu::kCompare.apply(TwoPartyProtocol::compare(n), n);
  }
  Cost select(double n) const override {
    return spu::kSelect.apply(TwoPartyProtocol::select(n), n);
  }
  Cost equal(double n) const override {
    return spu::kEqual.apply(TwoPartyProtocol::equal(n), n);
  }
  Cost bitToArithmetic(double n) const override {
    return spu::kBitToArithmetic.apply(TwoPartyProtocol::bitToArithmetic(n), n);
  }
  Cost truncate(double n) const override {
    return spu::kTruncate.apply(TwoPartyProtocol::truncate(n), n);
  }
  Cost truncateUnknownSign(double n) const override { return truncate(n); }
  Cost normalize(double n) const override {
    return spu::kNormalize.apply(TwoPartyProtocol::normalize(n), n);
  }
  Cost halveExponent(double n) const override {
    return spu::kHalveExponent.apply(TwoPartyProtocol::halveExponent(n), n);
  }

  Cost multiplyRing(double n) const override {
    if (n < 2 * kBlock) {
      // What opens triples goes with the messages of the truncation.
      Cost cost = getTripleCost(n / kTriplesOfBlock);
      cost.bytes += n * kBytesToOpenTriple;
      cost.withdrawals = {n};
      return cost;
    }
    // Each party encrypts one half of the elements.
    double blocks = 2 * std::ceil(n / 2 / kBlock);
    return spu::inBothDirections({blocks * kProductOfBlock, spu::kBlockRounds,
                                  blocks * spu::kSecondsOfProductBlock});
  }

  Cost multiplyKnownRing(double n) const override {
    return getOleCost(std::ceil(n / kBlock), spu::kSecondsOfOle);
  }

  Cost squareRing(double n) const override {
    if (n <= kBlock)
      return getOleCost(1, spu::kSecondsOfOle);
    double blocks = 2 * std::ceil(n / 2 / kBlock);
    return spu::inBothDirections(getOleCost(blocks, spu::kSecondsOfSharedOle));
  }

  Cost multiplyBySelf(double n) const override {
    // Squares are what its own functions use; `x * x` in a program is a
    // product.
    return multiply(n);
  }

  Cost matmulRing(const MatmulShape &shape, bool oneSideKnown) const override {
    return spu::getMatmulCost(getPacking(shape), shape.batch,
                              /*passes=*/oneSideKnown ? 1 : 2);
  }

  Cost lookup(int64_t rows, int64_t tableRows, int64_t columns) const override {
    return Protocol::lookup(rows, tableRows, columns);
  }

  Cost sessionSetup() const override {
    return spu::kSession.apply({kSession}, 1);
  }

  void settle(ArrayRef<Cost *> costs) const override {
    double stock = kTriplesOfSession;
    for (Cost *cost : costs) {
      for (double taken : std::exchange(cost->withdrawals, {})) {
        // Enough for all that is taken, whatever is left (state.cc).
        double blocks = taken > stock ? std::ceil(taken / kTriplesOfBlock) : 0;
        stock += blocks * kTriplesOfBlock - taken;
        *cost += getTripleCost(blocks - taken / kTriplesOfBlock);
      }
    }
  }

private:
  /// What it takes to make `blocks` blocks of triples.
  static Cost getTripleCost(double blocks) {
    return {blocks * kOleOfBlock, blocks * spu::kBlockRounds,
            blocks * spu::kSecondsOfTripleBlock};
  }
  static Cost getOleCost(double blocks, double seconds) {
    return {blocks * kOleOfBlock, spu::kBlockRounds, blocks * seconds};
  }
};
} // namespace

namespace mlir::pi {
void registerSpu(ProtocolRegistry &registry) {
  registry.add("spu-0.9.5", [](const ProtocolOptions &options) {
    return std::make_unique<Spu>(options);
  });
}
} // namespace mlir::pi
