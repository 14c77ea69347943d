//===- Bumblebee.cpp - BumbleBee's activations ----------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// BumbleBee (ePrint 2023/1678): Cheetah's primitives with a cheaper OLE, whose
// result may be wrong in the lowest bit, and activations made for
// transformers. Built from its description, not measured: about 464 B for GELU
// and 974 B for an element of softmax are the published sizes.
//
//===----------------------------------------------------------------------===//

#include "../CheetahConstants.h"

using namespace mlir;
using namespace mlir::pi;

/// Bytes of one OLE for an element, an error in the lowest bit allowed (SPU's
/// notes on Cheetah); in the 32-bit ring half the plaintext bits are sent.
static constexpr double kOle = 106.0;
static constexpr double kOle32 = kOle / 2;
/// A comparison of 32-bit numbers (libspu/mpc/cheetah/nonlinear/README.md).
static constexpr double kCompare32 = bits(348.4);
/// A choice between 32-bit numbers: two transfers of 32 bits, each with a bit.
static constexpr double kSelect32 = bits(2 * (32 + 1));
/// A truncation with known sign in the 32-bit ring (the same notes).
static constexpr double kTruncate32 = bits(32.25);
/// From the 32-bit to the 64-bit ring with known sign: one transfer of the wrap
/// bit as an element of 64 bits.
static constexpr double kExtend = cheetah::kBitToArithmetic;

static constexpr TwoPartyConstants kConstants = {
    /*compare=*/bits(690.5),
    /*select=*/bits(133),
    /*equal=*/59,
    /*bitToArithmetic=*/cheetah::kBitToArithmetic,
    /*truncate=*/cheetah::kTruncate,
    /*truncateUnknownSign=*/cheetah::kTruncate,
    /*product=*/cheetah::product(kOle),
    /*square=*/kOle,
    /*normalize=*/cheetah::kNormalize,
    /*halveExponent=*/cheetah::kHalveExponent,
};

namespace {
class Bumblebee : public TwoPartyProtocol {
public:
  explicit Bumblebee(const ProtocolOptions &options)
      : TwoPartyProtocol(options, kConstants) {}

  Cost exp(double n) const override {
    // Inputs below a bound give 0, which saves squarings.
    return relu(n) + TwoPartyProtocol::exp(n);
  }

  Cost geluTanh(double n) const override { return gelu(n); }
  Cost geluErf(double n) const override { return gelu(n); }

protected:
  unsigned getExpIterations() const override { return 5; }

private:
  /// Segments 0, a polynomial of degree 3, one of degree 6, and x, in the
  /// 32-bit ring: three comparisons at once; x^2, x^3, x^4, x^6 as three
  /// squares and a product; three choices.
  Cost gelu(double n) const {
    double powers = 3 * kOle32 + cheetah::product(kOle32) + 4 * kTruncate32;
    double sums = 2 * kTruncate32;
    Cost cost = compare(n) + 2 * square(n) + truncate(n) + select(n);
    cost.bytes = n * (3 * kCompare32 + powers + sums + 3 * kSelect32 + kExtend);
    return cost;
  }
};
} // namespace

namespace mlir::pi {
void registerBumblebee(ProtocolRegistry &registry) {
  registry.add("bumblebee", [](const ProtocolOptions &options) {
    return std::make_unique<Bumblebee>(options);
  });
}
} // namespace mlir::pi
