//===- Cheetah.cpp - The run of Entropy-Guided Attention ------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// The run behind the tables of arXiv 2501.03489 and 2410.13060: SecretFlow SPU
// with Cheetah's protocols (ePrint 2022/207), 64-bit ring, 18 fractional bits.
// Constants are those of SPU's notes on Cheetah
// (libspu/mpc/cheetah/nonlinear/README.md) at 64 bits, averages over 2^17
// elements or more. docs/cost-model.md says how close they come.
//
//===----------------------------------------------------------------------===//

#include "../CheetahConstants.h"

using namespace mlir;
using namespace mlir::pi;

/// Bytes of one OLE for an element: BFV with N = 8192 and moduli of
/// {60, 32, 52} bits, ciphertexts compressed by zstd.
static constexpr double kOle = 140.2;

static constexpr TwoPartyConstants kConstants = {
    /*compare=*/bits(690.5),
    /*select=*/bits(133),
    /*equal=*/59,
    /*bitToArithmetic=*/cheetah::kBitToArithmetic,
    /*truncate=*/cheetah::kTruncate,
    /*truncateUnknownSign=*/bits(723.8),
    /*product=*/cheetah::product(kOle),
    /*square=*/kOle,
    /*normalize=*/cheetah::kNormalize,
    /*halveExponent=*/cheetah::kHalveExponent,
};

// Calibrated: what the 12 published totals contain beyond the model, by
// weighted least squares over the three terms together.

/// Bytes an element of a softmax.
static constexpr double kResidualPerSoftmaxElement = 17.2;
/// Bytes an element of a one-hot row of the vocabulary.
static constexpr double kResidualPerOneHotElement = 40.4;
/// Bytes of a session: keys and the set-up of oblivious transfer, which takes
/// 22.5 MB for each worker.
static constexpr double kResidualPerSession = 189e6;

namespace {
class Cheetah : public TwoPartyProtocol {
public:
  explicit Cheetah(const ProtocolOptions &options)
      : TwoPartyProtocol(options, kConstants) {}

  SmallVector<StringRef> getCalibrated() const override {
    SmallVector<StringRef> calibrated = {"bytes per softmax element",
                                         "bytes per one-hot element",
                                         "bytes per session"};
    llvm::append_range(calibrated, TwoPartyProtocol::getCalibrated());
    return calibrated;
  }

  Cost softmaxPowers(const SoftmaxRows &rows,
                     const std::optional<SquareChain> &chain) const override {
    Cost cost = TwoPartyProtocol::softmaxPowers(rows, chain);
    cost.bytes += rows.elements * kResidualPerSoftmaxElement;
    return cost;
  }

  Cost lookup(int64_t rows, int64_t tableRows, int64_t columns) const override {
    Cost cost = TwoPartyProtocol::lookup(rows, tableRows, columns);
    if (!getOptions().ownerKnowsTokens)
      cost.bytes += double(rows) * tableRows * kResidualPerOneHotElement;
    return cost;
  }

  Cost sessionSetup() const override { return {kResidualPerSession}; }

  Cost scaleByParameter(double n) const override {
    // SM+ScFuFFN and EReg(SM(t)+ScFuFFN) are published with equal costs, and
    // scalars cost nothing there that shows: they are applied in the clear.
    return truncate(n);
  }
};
} // namespace

namespace mlir::pi {
void registerCheetah(ProtocolRegistry &registry) {
  registry.add("cheetah", [](const ProtocolOptions &options) {
    return std::make_unique<Cheetah>(options);
  });
}
} // namespace mlir::pi
