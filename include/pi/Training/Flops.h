//===- Flops.h - What a training step computes ------------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TRAINING_FLOPS_H
#define PI_TRAINING_FLOPS_H

#include "pi/Runtime/Artifact.h"

namespace pi_training {

/// Floating-point operations of training on one token, as PaLM counts them
/// (arXiv 2204.02311, appendix B), where recomputation does not count:
///   6 N + 12 L d T
/// N counts the elements of the matrices that a token is multiplied with: the
/// parameters of two dimensions without tables of embeddings, but with
/// wte.weight where it is the head too. L is the number of attentions, d the
/// width.
double trainingFlopsPerToken(const pi_runtime::Manifest &manifest);

/// Peak of dense bf16 products of a device of this name, in FLOP/s, or 0 if it
/// is unknown.
double knownPeakFlops(const std::string &deviceName);

} // namespace pi_training

#endif // PI_TRAINING_FLOPS_H
