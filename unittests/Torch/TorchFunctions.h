//===- TorchFunctions.h - The mathematics, on LibTorch's tensors -*- C++
//-*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// What the references share that need LibTorch's own tensors, to differentiate
// through them. Including this file takes seconds.
//
//===----------------------------------------------------------------------===//

#ifndef PI_UNITTESTS_TORCH_TORCHFUNCTIONS_H
#define PI_UNITTESTS_TORCH_TORCHFUNCTIONS_H

#include "TorchReference.h"

#include <ATen/ATen.h>

namespace pi_torch {

at::Tensor toTorch(const Tensor &tensor);
Tensor fromTorch(const at::Tensor &tensor);

/// Softmax of rows, divided first by a temperature `H x T` if there is one.
at::Tensor softmaxRows(at::Tensor scores, const at::Tensor *temperature,
                       bool causal);

/// Parameters by name, and tokens as a batch of indices.
using TorchParameters = std::map<std::string, at::Tensor>;
TorchParameters toTorch(const Parameters &parameters, at::ScalarType type);
at::Tensor toTorch(const std::vector<int32_t> &tokens, int64_t batch);

/// The loss of a decoder, to be differentiated through.
at::Tensor decoderLoss(const Decoder &decoder,
                       const TorchParameters &parameters,
                       const TokenBatch &batch, int64_t batchSize,
                       const EntropyReading *reading);

/// Attention over a packed projection, as pi_torch::attention.
struct AttentionResult {
  at::Tensor context, entropy;
};
AttentionResult attend(const at::Tensor &qkv, int64_t heads,
                       const at::Tensor *temperature, bool causal = true);

/// The entropy regulariser of one layer: entropy `B x H x T`, threshold `H`.
at::Tensor entropyPenalty(const at::Tensor &entropy,
                          const at::Tensor &threshold,
                          const EntropyReading &reading);

} // namespace pi_torch

#endif // PI_UNITTESTS_TORCH_TORCHFUNCTIONS_H
