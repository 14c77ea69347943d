//===- TwoPartyProtocol.h - Protocols of two parties ------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// What Cheetah, its descendants and CrypTFlow2 have in common: two semi-honest
// parties with additive shares in Z_2^64, oblivious transfer for comparisons,
// one cross term of a product at a time, homomorphic encryption for matrices. A
// protocol gives the constants and overrides what it does in another way.
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_COST_TWOPARTYPROTOCOL_H
#define PI_LIB_COST_TWOPARTYPROTOCOL_H

#include "pi/Cost/MatmulPacking.h"
#include "pi/Cost/Protocol.h"

#include <map>
#include <tuple>

namespace mlir::pi {

/// Bytes sent for one element.
struct TwoPartyConstants {
  double compare;
  double select;
  double equal;
  double bitToArithmetic;
  double truncate;
  double truncateUnknownSign;
  /// `x * y` of two shared values: two cross terms.
  double product;
  /// `x * x` of a shared value: one cross term.
  double square;
  double normalize;
  double halveExponent;
};

/// Bits to bytes.
constexpr double bits(double n) { return n / 8; }

class TwoPartyProtocol : public Protocol {
public:
  TwoPartyProtocol(const ProtocolOptions &options,
                   const TwoPartyConstants &constants)
      : Protocol(options), constants(constants) {}

  SmallVector<StringRef> getCalibrated() const override;

  Cost compare(double n) const override;
  Cost select(double n) const override;
  Cost equal(double n) const override;
  Cost bitToArithmetic(double n) const override;
  Cost truncate(double n) const override;
  Cost truncateUnknownSign(double n) const override;
  Cost multiplyRing(double n) const override;
  Cost multiplyKnownRing(double n) const override;
  Cost squareRing(double n) const override;
  Cost normalize(double n) const override;
  Cost halveExponent(double n) const override;
  Cost matmulRing(const MatmulShape &shape, bool oneSideKnown) const override;
  Cost lookup(int64_t rows, int64_t tableRows, int64_t columns) const override;

protected:
  const TwoPartyConstants constants;

  /// The local work of squaring `n` elements, in seconds.
  static double getSquareSeconds(double n);

  /// The packing of a product of matrices.
  const MatmulPacking &getPacking(const MatmulShape &shape) const;

private:
  /// Packings found so far: a model has few shapes and asks often.
  mutable std::map<std::tuple<int64_t, int64_t, int64_t, int64_t>,
                   MatmulPacking>
      packings;
};

} // namespace mlir::pi

#endif // PI_LIB_COST_TWOPARTYPROTOCOL_H
