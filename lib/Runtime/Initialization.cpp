//===- Initialization.cpp - Weights of a model trained from scratch -------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Compiled with -ffp-contract=off, so that every machine rounds alike.

#include "pi/Runtime/Initialization.h"

#include "pi/Runtime/HostSupport.h"

#include <algorithm>
#include <cmath>

namespace pi_runtime {

//===----------------------------------------------------------------------===//
// Random bits
//===----------------------------------------------------------------------===//

static constexpr uint64_t golden = 0x9e3779b97f4a7c15;

static uint64_t mix(uint64_t z) {
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

static uint64_t fnv1a(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (unsigned char byte : text)
    hash = (hash ^ byte) * 0x100000001b3;
  return hash;
}

CounterRandom::CounterRandom(uint64_t seed, std::string_view name)
    : key(mix(mix(seed + golden) ^ fnv1a(name))) {}

uint64_t CounterRandom::bits(uint64_t index) const {
  return mix(key + (index + 1) * golden);
}

double CounterRandom::uniform(uint64_t index) const {
  return (static_cast<double>(bits(index) >> 12) + 0.5) * 0x1p-52;
}

double CounterRandom::normal(uint64_t index) const {
  return normalQuantile(uniform(index));
}

//===----------------------------------------------------------------------===//
// The normal distribution
//===----------------------------------------------------------------------===//

/// log x of a positive, normal x = m 2^e with sqrt(1/2) <= m < sqrt 2:
/// e log 2 + 2 (s + s^3/3 + s^5/5 + ...) with s = (m - 1) / (m + 1), where
/// s^2 < 0.0295 makes the terms left out smaller than the rounding.
static double logarithm(double x) {
  int exponent;
  double mantissa = std::frexp(x, &exponent); // Exact, in [1/2, 1).
  if (mantissa < 0.70710678118654752440) {
    mantissa *= 2;
    --exponent;
  }
  double s = (mantissa - 1) / (mantissa + 1), square = s * s, sum = 0;
  for (int n = 23; n >= 1; n -= 2)
    sum = sum * square + 1.0 / n;
  return exponent * 0.69314718055994530942 + 2 * s * sum;
}

/// The polynomial with these coefficients, from the constant one on.
static double evaluate(const double (&coefficients)[8], double x) {
  double sum = 0;
  for (int i = 7; i >= 0; --i)
    sum = sum * x + coefficients[i];
  return sum;
}

double normalQuantile(double p) {
  static constexpr double
      centreNumerator[8] = {3.3871328727963666080e0,  1.3314166789178437745e+2,
                            1.9715909503065514427e+3, 1.3731693765509461125e+4,
                            4.5921953931549871457e+4, 6.7265770927008700853e+4,
                            3.3430575583588128105e+4, 2.5090809287301226727e+3},
      centreDenominator[8] = {1,
                              4.2313330701600911252e+1,
                              6.8718700749205790830e+2,
                              5.3941960214247511077e+3,
                              2.1213794301586595867e+4,
                              3.9307895800092710610e+4,
                              2.8729085735721942674e+4,
                              5.2264952788528545610e+3},
      middleNumerator[8] = {1.42343711074968357734e0,
                            4.63033784615654529590e0,
                            5.76949722146069140550e0,
                            3.64784832476320460504e0,
                            1.27045825245236838258e0,
                            2.41780725177450611770e-1,
                            2.27238449892691845833e-2,
                            7.74545014278341407640e-4},
      middleDenominator[8] = {1,
                              2.05319162663775882187e0,
                              1.67638483018380384940e0,
                              6.89767334985100004550e-1,
                              1.48103976427480074590e-1,
                              1.51986665636164571966e-2,
                              5.47593808499534494600e-4,
                              1.05075007164441684324e-9},
      tailNumerator[8] = {6.65790464350110377720e0,  5.46378491116411436990e0,
                          1.78482653991729133580e0,  2.96560571828504891230e-1,
                          2.65321895265761230930e-2, 1.24266094738807843860e-3,
                          2.71155556874348757815e-5, 2.01033439929228813265e-7},
      tailDenominator[8] = {1,
                            5.99832206555887937690e-1,
                            1.36929880922735805310e-1,
                            1.48753612908506148525e-2,
                            7.86869131145613259100e-4,
                            1.84631831751005468180e-5,
                            1.42151175831644588870e-7,
                            2.04426310338993978564e-15};
  double q = p - 0.5;
  if (std::fabs(q) <= 0.425) {
    double r = 0.180625 - q * q;
    return q * evaluate(centreNumerator, r) / evaluate(centreDenominator, r);
  }
  double r = std::sqrt(-logarithm(q < 0 ? p : 1 - p));
  double x = r <= 5 ? evaluate(middleNumerator, r - 1.6) /
                          evaluate(middleDenominator, r - 1.6)
                    : evaluate(tailNumerator, r - 5) /
                          evaluate(tailDenominator, r - 5);
  return q < 0 ? -x : x;
}

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

namespace {
struct NormalValues {
  CounterRandom random;
  double deviation;
  float *values;
};
} // namespace

static void drawRange(int64_t begin, int64_t end, void *context) {
  auto &normal = *static_cast<NormalValues *>(context);
  for (int64_t i = begin; i < end; ++i)
    normal.values[i] = static_cast<float>(
        normal.deviation * normal.random.normal(static_cast<uint64_t>(i)));
}

void initializeValues(const ParameterInit &init, uint64_t seed,
                      std::string_view name, float *values, uint64_t count) {
  if (init.kind == ParameterInit::Kind::Fill) {
    std::fill_n(values, count, static_cast<float>(init.value));
    return;
  }
  NormalValues normal{CounterRandom(seed, name), init.value, values};
  pi_rt_parallel_for(static_cast<int64_t>(count), drawRange, &normal);
}

} // namespace pi_runtime
