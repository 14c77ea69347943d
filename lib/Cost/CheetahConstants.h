//===- CheetahConstants.h - Constants that Cheetah's runs share -*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Measured in one run, and used by every profile of the Cheetah family whose
// own run does not give them.
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_COST_CHEETAHCONSTANTS_H
#define PI_LIB_COST_CHEETAHCONSTANTS_H

#include "TwoPartyProtocol.h"

namespace mlir::pi::cheetah {

/// Bytes an element of a truncation by 18 bits with known sign: SPU 0.9.5,
/// Cheetah, 64-bit ring, 614,400 B for 196,608 elements. (SPU's own notes give
/// 36.25 bits at 12 bits for an older version.)
constexpr double kTruncate = bits(25);
/// Bytes an element of finding the highest bit of x and of giving the power of
/// two that moves x into [1/2, 1): what SPU 0.9.5 spends on 49,152 reciprocals
/// (130.1 MB) beyond their products, comparison and choices.
constexpr double kNormalize = 1279.9;
/// Bytes an element of the exponent of an inverse square root: what SPU 0.9.5
/// spends on 49,152 of them (115.0 MB) beyond products and kNormalize.
constexpr double kHalveExponent = 174.4;
/// Bytes an element of a shared bit as a ring element: one correlated oblivious
/// transfer of 64 bits with one bit of correction (Cheetah, ePrint 2022/207).
constexpr double kBitToArithmetic = bits(64 + 1);
/// Bytes an element of `x * y` in the ring where one of two OLEs costs `ole`.
constexpr double product(double ole) { return 2 * ole; }

} // namespace mlir::pi::cheetah

#endif // PI_LIB_COST_CHEETAHCONSTANTS_H
