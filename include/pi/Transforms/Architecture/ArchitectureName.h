//===- ArchitectureName.h - Names such as EReg(SM(t)+ScFuFFN) ---*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The notation of Entropy-Guided Attention (arXiv 2501.03489), as a grammar:
//
//   name         ::= composition | 'EReg' '(' composition ')'
//   composition  ::= part ('+' part)*
//   part         ::= 'SM' ['(' 't' ')'] | 'LN' | 'G' | 'R' | 'ScFFN'
//                  | 'ScFuFFN' | ('WNorm' | 'SNorm') '(' placement ')'
//   placement    ::= 'QK' | 'FFN' | 'QK+FFN' | 'QKV+FFN' | 'QKVO+FFN'
//
// SM has to be there, no part twice, and not both of G and R. Spaces and case
// do not matter.
//
//===----------------------------------------------------------------------===//

#ifndef PI_TRANSFORMS_ARCHITECTURE_ARCHITECTURENAME_H
#define PI_TRANSFORMS_ARCHITECTURE_ARCHITECTURENAME_H

#include "mlir/IR/Diagnostics.h"
#include "pi/Transforms/Architecture/Options.h"

#include <optional>
#include <string>

namespace mlir::pi {

/// What a name says of a decoder. The default is the architecture `SM`.
struct Architecture {
  enum class FeedForward { Plain, Scaled, ScaledFused };
  struct Normalization {
    WeightNormalization kind;
    Placement placement;
  };

  bool temperature = false;
  bool layerNorm = false;
  /// Gelu, Relu or Identity.
  Activation activation = Activation::Identity;
  std::optional<Normalization> normalization;
  FeedForward feedForward = FeedForward::Plain;
  bool entropyRegularizer = false;

  /// Reads a name; an error shows the part that is wrong and what is known.
  static FailureOr<Architecture>
  parse(StringRef name, function_ref<InFlightDiagnostic()> emitError);

  /// The name in the paper's order and spelling.
  std::string getName() const;
};

} // namespace mlir::pi

#endif // PI_TRANSFORMS_ARCHITECTURE_ARCHITECTURENAME_H
