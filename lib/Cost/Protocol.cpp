//===- Protocol.cpp - Functions built from primitives ---------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// The approximations are those of SecretFlow SPU (libspu/kernel/hal), which the
// published runs used: what is counted here are products, squares, truncations
// and comparisons, in the order in which they depend on each other.
//
//===----------------------------------------------------------------------===//

#include "pi/Cost/Protocol.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <cmath>

using namespace mlir;
using namespace mlir::pi;

Protocol::~Protocol() = default;

//===----------------------------------------------------------------------===//
// Fixed-point functions
//===----------------------------------------------------------------------===//

Cost Protocol::multiply(double n) const {
  return multiplyRing(n) + truncate(n);
}

Cost Protocol::square(double n) const { return squareRing(n) + truncate(n); }

Cost Protocol::multiplyByParameter(double n) const {
  return options.ownerKnowsWeights ? multiplyKnownRing(n) + truncate(n)
                                   : multiply(n);
}

Cost Protocol::relu(double n) const { return compare(n) + select(n); }

unsigned Protocol::getExpIterations() const { return 8; }

Cost Protocol::exp(double n) const {
  // (1 + x / 2^k)^(2^k). The division is a truncation of a value of any sign.
  return truncateUnknownSign(n) + getExpIterations() * square(n);
}

Cost Protocol::exp(double n, const SquareChain &chain) const {
  Cost clamp = chain.isClamped ? relu(n) : Cost();
  return clamp + chain.squares * multiplyBySelf(n);
}

Cost Protocol::reciprocalOfPositive(double n) const {
  // x is moved to c in [1/2, 1), the first guess w is linear in c, and two
  // steps r <- r (1 + e), e <- e^2 start from r = w, e = 1 - c w. The last e is
  // not needed.
  Cost guess = normalize(n) + multiply(n) + multiply(n);
  Cost steps = inParallel(multiply(n), square(n)) + multiply(n);
  return guess + steps + multiply(n);
}

Cost Protocol::reciprocal(double n) const {
  // |x| = (x < 0) ? -x : x, and the same choice at the end.
  return compare(n) + select(n) + reciprocalOfPositive(n) + select(n);
}

Cost Protocol::divide(double n) const { return reciprocal(n) + multiply(n); }

Cost Protocol::rsqrt(double n) const {
  // A quadratic guess on the normalised operand, then the exponent.
  Cost guess = multiply(n) + multiply(n);
  Cost exponent = halveExponent(n) + multiply(n);
  return normalize(n) + inParallel(guess, exponent) + multiply(n);
}

Cost Protocol::tanh(double n) const {
  // Clamp to an interval, then an odd Chebyshev series by its recurrence in
  // x^2: two products in each of four steps.
  Cost clamp = 2 * relu(n);
  return clamp + square(n) + 4 * inParallel(multiply(n), multiply(n));
}

Cost Protocol::erf(double n) const {
  // On |x|: 1 - 1 / p(x)^4 with p of degree 4 (Abramowitz and Stegun 7.1.27).
  Cost powers = multiply(n) + inParallel(multiply(n), multiply(n));
  Cost sum = 3 * truncate(n);
  return compare(n) + select(n) + powers + sum + 2 * square(n) +
         reciprocalOfPositive(n) + select(n);
}

Cost Protocol::geluTanh(double n) const {
  // x^3, the argument of tanh, and the product with x / 2. Five multiplications
  // by constants are truncations.
  return 2 * multiply(n) + tanh(n) + multiply(n) + 5 * truncate(n);
}

Cost Protocol::geluErf(double n) const {
  // x / sqrt(2), and the product with x / 2.
  return truncate(n) + erf(n) + multiply(n);
}

Cost Protocol::polynomial(double n, unsigned degree) const {
  if (degree == 0)
    return {};
  // One power after the other, then one truncation of the weighted sum.
  Cost cost = truncateUnknownSign(n);
  if (degree >= 2)
    cost += square(n) + (degree - 2) * multiply(n);
  return cost;
}

Cost Protocol::scaleByParameter(double n) const {
  return multiplyByParameter(n);
}

//===----------------------------------------------------------------------===//
// Functions of a model
//===----------------------------------------------------------------------===//

Cost Protocol::matmul(const MatmulShape &shape) const {
  return matmulRing(shape, /*oneSideKnown=*/false) +
         truncate(shape.getResultElements());
}

Cost Protocol::matmulWithParameter(const MatmulShape &shape) const {
  return matmulRing(shape, options.ownerKnowsWeights) +
         truncate(shape.getResultElements());
}

Cost Protocol::linear(int64_t rows, int64_t inFeatures,
                      int64_t outFeatures) const {
  return matmulWithParameter({/*batch=*/1, rows, inFeatures, outFeatures});
}

/// A binary tree over each row: `getStep` gives what a level costs that joins
/// so many pairs of elements.
static Cost reduceRows(double rows, double columns,
                       function_ref<Cost(double)> getStep) {
  Cost cost;
  for (double left = columns; left > 1; left = std::ceil(left / 2))
    cost += getStep(rows * std::floor(left / 2));
  return cost;
}

Cost Protocol::max(const SoftmaxRows &rows) const {
  double pairs = rows.elements - rows.rows;
  if (pairs <= 0)
    return {};
  // Shorter rows join fewer pairs at every level.
  return reduceRows(pairs / (rows.columns - 1), rows.columns,
                    [&](double n) { return relu(n); });
}

Cost Protocol::argmax(double rows, double columns) const {
  return reduceRows(rows, columns, [&](double n) {
    return compare(n) + inParallel(select(n), select(n));
  });
}

Cost Protocol::softmax(double rows, double columns) const {
  SoftmaxRows all = {rows, columns, rows * columns};
  return softmaxPowers(all, /*chain=*/std::nullopt) + softmaxNormalization(all);
}

Cost Protocol::softmaxPowers(const SoftmaxRows &rows,
                             const std::optional<SquareChain> &chain) const {
  return max(rows) + (chain ? exp(rows.elements, *chain) : exp(rows.elements));
}

Cost Protocol::softmaxNormalization(const SoftmaxRows &rows) const {
  switch (options.softmaxDivision) {
  case SoftmaxDivision::Elements:
    return divide(rows.elements);
  case SoftmaxDivision::Rows:
    return reciprocalOfSums(rows.rows, /*byRsqrt=*/false) +
           multiply(rows.elements);
  }
  llvm_unreachable("unknown division");
}

Cost Protocol::reciprocalOfSums(double rows, bool byRsqrt) const {
  if (!byRsqrt)
    return reciprocal(rows);
  return rsqrt(rows) + multiplyBySelf(rows) + 2 * multiply(rows);
}

Cost Protocol::layerNorm(double rows, double columns) const {
  // (x - mean)^2, then the products with 1 / deviation and with the weight.
  double n = rows * columns;
  Cost moments = truncate(rows) + multiply(n) + truncate(rows);
  return moments + rsqrt(rows) + multiply(n) + multiplyByParameter(n);
}

Cost Protocol::lookup(int64_t rows, int64_t tableRows, int64_t columns) const {
  double n = double(rows) * tableRows;
  // The one-hot rows are integers, so nothing is truncated.
  Cost product = matmulRing({/*batch=*/1, rows, tableRows, columns},
                            options.ownerKnowsWeights);
  if (options.ownerKnowsTokens)
    return product;
  return equal(n) + bitToArithmetic(n) + product;
}

//===----------------------------------------------------------------------===//
// Registry
//===----------------------------------------------------------------------===//

// Protocols.inc has PI_PROTOCOL(X) for each file lib/Cost/Protocols/X.cpp.
namespace mlir::pi {
#define PI_PROTOCOL(NAME) void register##NAME(ProtocolRegistry &registry);
#include "Protocols.inc"
#undef PI_PROTOCOL
} // namespace mlir::pi

const ProtocolRegistry &ProtocolRegistry::get() {
  static const ProtocolRegistry registry = [] {
    ProtocolRegistry result;
#define PI_PROTOCOL(NAME) register##NAME(result);
#include "Protocols.inc"
#undef PI_PROTOCOL
    return result;
  }();
  return registry;
}

void ProtocolRegistry::add(StringRef name, Factory factory) {
  bool inserted = factories.emplace(name.str(), std::move(factory)).second;
  assert(inserted && "two protocols of one name");
  (void)inserted;
}

std::unique_ptr<Protocol>
ProtocolRegistry::create(StringRef name, const ProtocolOptions &options) const {
  auto it = factories.find(name.str());
  return it == factories.end() ? nullptr : it->second(options);
}

std::string ProtocolRegistry::getNames() const {
  return llvm::join(llvm::make_first_range(factories), ", ");
}
