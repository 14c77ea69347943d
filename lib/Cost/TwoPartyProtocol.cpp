//===- TwoPartyProtocol.cpp - Protocols of two parties --------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TwoPartyProtocol.h"

using namespace mlir;
using namespace mlir::pi;

//===----------------------------------------------------------------------===//
// Rounds: a message and its answer
//===----------------------------------------------------------------------===//

/// A comparison cuts 64 bits into 16 digits, compares digits by one 1-of-16
/// oblivious transfer, and joins them in a tree of log2(16) levels of AND
/// (CrypTFlow2, arXiv 2010.06457, algorithm 1). Equality has the same shape.
static constexpr double kCompareRounds = 1 + 4;
/// One oblivious transfer, or one ciphertext and its answer.
static constexpr double kTransferRounds = 1;
/// The wrap around 2^64 by comparison, then its bit as a ring element.
static constexpr double kTruncateUnknownSignRounds = kCompareRounds + 1;
/// A prefix OR over 64 bits has log2(64) levels; then bits to ring elements.
static constexpr double kNormalizeRounds = 6 + 1;
/// Bits to ring elements, then a choice.
static constexpr double kHalveExponentRounds = 2;

//===----------------------------------------------------------------------===//
// Local work, calibrated: fitted to the 12 latencies of arXiv 2501.03489 (with
// the round trip of the network `paper`, see Network.cpp), for the machines of
// that run. Everything else overlaps with sending.
//===----------------------------------------------------------------------===//

/// A ciphertext (two polynomials of 8192 coefficients, four moduli) times a
/// plaintext polynomial, with its encoding.
static constexpr double kSecondsPerCiphertextProduct = 20.5e-6;
/// A square: its one cross term goes to and fro, where the two of a product run
/// in both directions at once.
static constexpr double kSecondsPerSquare = 1.12e-6;
/// An element of a one-hot row, and its part in the products with the
/// vocabulary, whose encoded matrices exceed memory.
static constexpr double kSecondsPerOneHotElement = 15.1e-6;

SmallVector<StringRef> TwoPartyProtocol::getCalibrated() const {
  return {"seconds per ciphertext product", "seconds per square",
          "seconds per one-hot element"};
}

double TwoPartyProtocol::getSquareSeconds(double n) {
  return n * kSecondsPerSquare;
}

//===----------------------------------------------------------------------===//
// Primitives
//===----------------------------------------------------------------------===//

Cost TwoPartyProtocol::compare(double n) const {
  return {n * constants.compare, kCompareRounds};
}

Cost TwoPartyProtocol::select(double n) const {
  return {n * constants.select, kTransferRounds};
}

Cost TwoPartyProtocol::equal(double n) const {
  return {n * constants.equal, kCompareRounds};
}

Cost TwoPartyProtocol::bitToArithmetic(double n) const {
  return {n * constants.bitToArithmetic, kTransferRounds};
}

Cost TwoPartyProtocol::truncate(double n) const {
  return {n * constants.truncate, kTransferRounds};
}

Cost TwoPartyProtocol::truncateUnknownSign(double n) const {
  return {n * constants.truncateUnknownSign, kTruncateUnknownSignRounds};
}

Cost TwoPartyProtocol::multiplyRing(double n) const {
  return {n * constants.product, kTransferRounds};
}

Cost TwoPartyProtocol::multiplyKnownRing(double n) const {
  // Its one cross term is that of a square.
  return squareRing(n);
}

Cost TwoPartyProtocol::squareRing(double n) const {
  return {n * constants.square, kTransferRounds, getSquareSeconds(n)};
}

Cost TwoPartyProtocol::normalize(double n) const {
  return {n * constants.normalize, kNormalizeRounds};
}

Cost TwoPartyProtocol::halveExponent(double n) const {
  return {n * constants.halveExponent, kHalveExponentRounds};
}

Cost TwoPartyProtocol::matmulRing(const MatmulShape &shape,
                                  bool oneSideKnown) const {
  const MatmulPacking &packing = getPacking(shape);
  // The two cross terms of shared operands run at once.
  double passes = oneSideKnown ? 1 : 2;
  return {passes * packing.getBytes(), kTransferRounds,
          passes * packing.ciphertextProducts * kSecondsPerCiphertextProduct};
}

Cost TwoPartyProtocol::lookup(int64_t rows, int64_t tableRows,
                              int64_t columns) const {
  Cost cost = Protocol::lookup(rows, tableRows, columns);
  if (!getOptions().ownerKnowsTokens)
    cost.seconds += double(rows) * tableRows * kSecondsPerOneHotElement;
  return cost;
}

const MatmulPacking &
TwoPartyProtocol::getPacking(const MatmulShape &shape) const {
  auto key =
      std::make_tuple(shape.batch, shape.rows, shape.inner, shape.columns);
  auto it = packings.find(key);
  if (it == packings.end())
    it = packings.emplace(key, packMatmul(shape)).first;
  return it->second;
}
