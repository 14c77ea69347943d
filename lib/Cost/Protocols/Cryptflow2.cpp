//===- Cryptflow2.cpp - CrypTFlow2 ----------------------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// CrypTFlow2 (CCS 2020, arXiv 2010.06457): oblivious transfer by IKNP
// extension, 128 bits of security. Its formulas at 64 bits, in bits sent; they
// are bounds, so that a report is one too. Products of matrices are charged
// with the packing of Cheetah's encryption, which is below that of CrypTFlow2's
// own.
//
//===----------------------------------------------------------------------===//

#include "../TwoPartyProtocol.h"

using namespace mlir;
using namespace mlir::pi;

/// Security parameter, width of the ring, fractional bits.
static constexpr double kLambda = 128;
static constexpr double kWidth = 64;
static constexpr double kFraction = 18;

/// A comparison sends less than lambda l + 14 l bits (section 3.1).
static constexpr double kCompare = bits(kLambda * kWidth + 14 * kWidth);
/// A multiplexer sends 2 (lambda + l) bits (section 3.1.4).
static constexpr double kSelect = bits(2 * (kLambda + kWidth));
/// A correlated transfer of one ring element.
static constexpr double kCorrelatedTransfer = bits(kLambda + kWidth);
/// An AND of two shared bits: lambda + 20 bits with its triple (section 2).
static constexpr double kAnd = bits(kLambda + 20);
/// A faithful truncation sends lambda (l + f + 2) + 19 l + 14 f bits
/// (section 4.1).
static constexpr double kTruncate =
    bits(kLambda * (kWidth + kFraction + 2) + 19 * kWidth + 14 * kFraction);
/// One cross term of a product: a correlated transfer for each bit, of ever
/// fewer bits.
static constexpr double kCrossTerm =
    bits(kLambda * kWidth + kWidth * (kWidth + 1) / 2);
/// A prefix OR over l bits in log2(l) levels, then 2 f bits as ring elements.
static constexpr double kNormalize =
    6 * kWidth * kAnd + 2 * kFraction * kCorrelatedTransfer;
/// f bits as ring elements, then a choice.
static constexpr double kHalveExponent =
    kFraction * kCorrelatedTransfer + kSelect;

static constexpr TwoPartyConstants kConstants = {
    /*compare=*/kCompare,
    // No formula is given for equality, which is part of a comparison.
    /*select=*/kSelect,
    /*equal=*/kCompare,
    /*bitToArithmetic=*/kCorrelatedTransfer,
    /*truncate=*/kTruncate,
    /*truncateUnknownSign=*/kTruncate,
    /*product=*/2 * kCrossTerm,
    /*square=*/kCrossTerm,
    /*normalize=*/kNormalize,
    /*halveExponent=*/kHalveExponent,
};

namespace {
class Cryptflow2 : public TwoPartyProtocol {
public:
  explicit Cryptflow2(const ProtocolOptions &options)
      : TwoPartyProtocol(options, kConstants) {}
};
} // namespace

namespace mlir::pi {
void registerCryptflow2(ProtocolRegistry &registry) {
  registry.add("cryptflow2", [](const ProtocolOptions &options) {
    return std::make_unique<Cryptflow2>(options);
  });
}
} // namespace mlir::pi
