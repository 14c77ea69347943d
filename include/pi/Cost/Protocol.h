//===- Protocol.h - A protocol of private inference -------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// A protocol says what each function on secret shares costs. Its primitives
// (comparison, product, ...) are its own; the functions of a model are built
// from them here, and a protocol that evaluates one in another way overrides
// it. A new protocol is one new file in lib/Cost/Protocols.
//
// Shares are elements of the ring Z_2^64 with 18 fractional bits. Numbers of
// elements are doubles, since they only enter products.
//
//===----------------------------------------------------------------------===//

#ifndef PI_COST_PROTOCOL_H
#define PI_COST_PROTOCOL_H

#include "mlir/Support/LLVM.h"
#include "pi/Cost/Cost.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>

namespace mlir::pi {

/// How softmax divides by the sum of a row.
enum class SoftmaxDivision {
  /// Each element is divided: one reciprocal an element.
  Elements,
  /// Each element is multiplied by the reciprocal of its row's sum.
  Rows,
};

/// What a user may choose about a protocol.
struct ProtocolOptions {
  /// Whether one party holds the weights in the clear, so that products with
  /// them need one cross term instead of two.
  bool ownerKnowsWeights = false;
  SoftmaxDivision softmaxDivision = SoftmaxDivision::Rows;
  /// Whether the other party holds the tokens in the clear, so that it makes
  /// their one-hot rows by itself.
  bool ownerKnowsTokens = false;
};

/// The rows of a softmax, and what of them is evaluated.
struct SoftmaxRows {
  double rows;
  /// Columns of the longest row.
  double columns;
  /// Elements of all rows together: rows x columns, unless masked ones are
  /// left out.
  double elements;
};

/// An exponential as a chain of squares with public offsets, of an operand that
/// what gives it has scaled.
struct SquareChain {
  unsigned squares;
  /// Whether its operand is replaced by a bound where it is less.
  bool isClamped;
};

/// A batch of products of a `rows x inner` and an `inner x columns` matrix.
struct MatmulShape {
  int64_t batch;
  int64_t rows;
  int64_t inner;
  int64_t columns;

  double getResultElements() const { return double(batch) * rows * columns; }
};

/// The costs of one protocol. Immutable once made, but for caches.
class Protocol {
public:
  explicit Protocol(const ProtocolOptions &options) : options(options) {}
  virtual ~Protocol();

  const ProtocolOptions &getOptions() const { return options; }
  /// The constants that were fitted to published totals instead of being
  /// derived or measured one by one, each as a phrase for reports.
  virtual SmallVector<StringRef> getCalibrated() const { return {}; }
  /// Two parts that do not depend on each other: in the same exchanges, unless
  /// the protocol's implementation runs one after the other.
  virtual Cost inParallel(const Cost &lhs, const Cost &rhs) const {
    return pi::inParallel(lhs, rhs);
  }

  //===--------------------------------------------------------------------===//
  // Primitives, on `n` elements at once
  //===--------------------------------------------------------------------===//

  /// `x < y` as a shared bit.
  virtual Cost compare(double n) const = 0;
  /// `bit ? x : 0`, or `x` and `y` instead of 0.
  virtual Cost select(double n) const = 0;
  /// `x == y` as a shared bit.
  virtual Cost equal(double n) const = 0;
  /// A shared bit as a shared ring element.
  virtual Cost bitToArithmetic(double n) const = 0;
  /// A division by 2^18 of an operand whose sign is known.
  virtual Cost truncate(double n) const = 0;
  /// The same where nothing is known about the sign.
  virtual Cost truncateUnknownSign(double n) const = 0;
  /// A product in the ring, without truncation.
  virtual Cost multiplyRing(double n) const = 0;
  /// A product of a shared value and one that its owner knows: one of the two
  /// cross terms.
  virtual Cost multiplyKnownRing(double n) const = 0;
  /// A square in the ring, without truncation.
  virtual Cost squareRing(double n) const = 0;
  /// The power of two that moves x > 0 into [1/2, 1), as a ring element.
  virtual Cost normalize(double n) const = 0;
  /// The correction of an inverse square root for an odd exponent.
  virtual Cost halveExponent(double n) const = 0;
  /// Products of matrices in the ring, without truncation; `oneSideKnown` if
  /// one party holds one operand in the clear.
  virtual Cost matmulRing(const MatmulShape &shape,
                          bool oneSideKnown) const = 0;

  //===--------------------------------------------------------------------===//
  // Fixed-point functions, on `n` elements at once
  //===--------------------------------------------------------------------===//

  virtual Cost multiply(double n) const;
  virtual Cost square(double n) const;
  /// `x * x` where a program says so, and no function of the protocol's own.
  virtual Cost multiplyBySelf(double n) const { return square(n); }
  /// A product with parameters, known or shared as the options say.
  Cost multiplyByParameter(double n) const;
  virtual Cost relu(double n) const;
  virtual Cost exp(double n) const;
  Cost exp(double n, const SquareChain &chain) const;
  /// 1 / x for x > 0, by Goldschmidt's iteration.
  virtual Cost reciprocalOfPositive(double n) const;
  virtual Cost reciprocal(double n) const;
  virtual Cost divide(double n) const;
  virtual Cost rsqrt(double n) const;
  virtual Cost tanh(double n) const;
  virtual Cost erf(double n) const;
  virtual Cost geluTanh(double n) const;
  virtual Cost geluErf(double n) const;
  /// A polynomial of degree `degree` with public coefficients.
  virtual Cost polynomial(double n, unsigned degree) const;
  /// Products with learnable scalars or with one factor for each row.
  virtual Cost scaleByParameter(double n) const;

  //===--------------------------------------------------------------------===//
  // Functions of a model
  //===--------------------------------------------------------------------===//

  /// Products of two activations.
  virtual Cost matmul(const MatmulShape &shape) const;
  /// Products of an activation and a matrix that follows from parameters.
  Cost matmulWithParameter(const MatmulShape &shape) const;
  /// A product of an activation and a weight.
  virtual Cost linear(int64_t rows, int64_t inFeatures,
                      int64_t outFeatures) const;
  /// The largest element of each row.
  virtual Cost max(const SoftmaxRows &rows) const;
  /// Its position too, in `rows` rows of `columns` elements.
  virtual Cost argmax(double rows, double columns) const;
  Cost softmax(double rows, double columns) const;
  /// The exponentials of a softmax, from its scores: by the protocol's own
  /// function, or by a chain.
  virtual Cost softmaxPowers(const SoftmaxRows &rows,
                             const std::optional<SquareChain> &chain) const;
  /// What divides them by the sums of their rows.
  Cost softmaxNormalization(const SoftmaxRows &rows) const;
  /// The reciprocals of sums s of rows, as r (2 - s r) with r = rsqrt(s)^2 if
  /// `byRsqrt`.
  Cost reciprocalOfSums(double rows, bool byRsqrt) const;
  virtual Cost layerNorm(double rows, double columns) const;
  /// `rows` rows of a table of `tableRows x columns` at secret positions: a
  /// test for equality with every row number, then a product of the one-hot
  /// rows with the table.
  virtual Cost lookup(int64_t rows, int64_t tableRows, int64_t columns) const;
  /// What a session costs before the first operation.
  virtual Cost sessionSetup() const { return {}; }
  /// Charges what is bought ahead to whoever runs out of it. `costs` are those
  /// of a program in its order, after the session.
  virtual void settle(ArrayRef<Cost *> costs) const {}

protected:
  /// Squarings that raise 1 + x / 2^k to 2^k in `exp`.
  virtual unsigned getExpIterations() const;

private:
  ProtocolOptions options;
};

//===----------------------------------------------------------------------===//
// Registry
//===----------------------------------------------------------------------===//

/// All protocols by name.
class ProtocolRegistry {
public:
  using Factory =
      std::function<std::unique_ptr<Protocol>(const ProtocolOptions &)>;

  /// The registry with the protocols of lib/Cost/Protocols.
  static const ProtocolRegistry &get();

  void add(StringRef name, Factory factory);
  /// The protocol of this name, or null.
  std::unique_ptr<Protocol> create(StringRef name,
                                   const ProtocolOptions &options) const;
  /// All names, sorted, as in "a, b, c".
  std::string getNames() const;

private:
  std::map<std::string, Factory> factories;
};

} // namespace mlir::pi

#endif // PI_COST_PROTOCOL_H
