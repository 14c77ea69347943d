//===- Initialization.h - Weights of a model trained from scratch -*- C++
//-*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_RUNTIME_INITIALIZATION_H
#define PI_RUNTIME_INITIALIZATION_H

#include "pi/Runtime/Artifact.h"

namespace pi_runtime {

/// Numbers that are a function of (seed, stream name, index) alone: the same in
/// any order, on any number of threads and on every machine whose double is
/// IEEE 754's. With additions and products modulo 2^64,
///
///   mix(z):  z ^= z >> 30; z *= 0xbf58476d1ce4e5b9;
///            z ^= z >> 27; z *= 0x94d049bb133111eb; z ^= z >> 31
///   key    = mix(mix(seed + g) ^ fnv1a(name))
///   bits   = mix(key + (index + 1) g),  g = 0x9e3779b97f4a7c15
///
/// which is SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom
/// number generators", OOPSLA 2014) started at `key`; fnv1a is the 64-bit hash
/// FNV-1a. A uniform number is ((bits >> 12) + 1/2) / 2^52, which is never 0 or
/// 1, and a normal one is its quantile by algorithm AS 241, PPND16 (Wichura,
/// Applied Statistics 37, 1988), to about 16 digits. The logarithm in it is
/// computed here too, since libraries round theirs differently.
class CounterRandom {
public:
  CounterRandom(uint64_t seed, std::string_view name);

  uint64_t bits(uint64_t index) const;
  /// In (0, 1).
  double uniform(uint64_t index) const;
  /// Of mean 0 and deviation 1; between -8.21 and 8.21.
  double normal(uint64_t index) const;

private:
  uint64_t key;
};

/// The p-quantile of the standard normal distribution, 0 < p < 1.
double normalQuantile(double p);

/// Fills `values` with `count` elements as `init` says: element i of a normal
/// distribution is value * normal(i) of CounterRandom(seed, name), rounded to
/// f32. Uses all threads.
void initializeValues(const ParameterInit &init, uint64_t seed,
                      std::string_view name, float *values, uint64_t count);

} // namespace pi_runtime

#endif // PI_RUNTIME_INITIALIZATION_H
