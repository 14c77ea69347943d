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
/// parameters of two dimensions that an entry point reads, without tables of
/// embeddings, but with wte.weight where it is the head too. Matrices that only
/// derive others, such as those of a fused feed-forward block, are none of
/// them. L is the number of attentions, d the width.
double trainingFlopsPerToken(const pi_runtime::Manifest &manifest);

/// The element type of most multiplications in the matrix products of the plan
/// of a training step; f32 where there is no plan.
pi_runtime::DataType productType(const pi_runtime::Manifest &manifest);

/// Peak of dense products of `type`, summed in f32, of the device of exactly
/// this name, in FLOP/s, or 0 if it is unknown. Boards of one chip have names
/// and peaks of their own.
double knownPeakFlops(const std::string &deviceName, pi_runtime::DataType type);

} // namespace pi_training

#endif // PI_TRAINING_FLOPS_H
