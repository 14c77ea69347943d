//===- TorchReference.h - What LibTorch says -------------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// The mathematics of the pi dialect in LibTorch's own operations, in f32. Only
// TorchReference.cpp includes LibTorch, whose headers take seconds to compile.
//
//===----------------------------------------------------------------------===//

#ifndef PI_UNITTESTS_TORCH_TORCHREFERENCE_H
#define PI_UNITTESTS_TORCH_TORCHREFERENCE_H

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace pi_torch {

/// A dense, row-major tensor.
struct Tensor {
  std::vector<int64_t> shape;
  std::vector<float> data;
};

/// Samples of N(0, stddev^2), the same for the same seed.
Tensor randomNormal(std::vector<int64_t> shape, double stddev, uint64_t seed);

/// The largest absolute difference of two tensors of one shape; infinite if
/// the shapes differ or a number is not finite.
double maxDifference(const Tensor &a, const Tensor &b);

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

/// Half-open ranges of columns.
using ColumnRanges = std::vector<std::pair<int64_t, int64_t>>;

Tensor linear(const Tensor &input, const Tensor &weight, const Tensor *bias,
              bool transposed);
Tensor matmul(const Tensor &lhs, const Tensor &rhs);
Tensor add(const Tensor &lhs, const Tensor &rhs);
Tensor scaledResidual(const Tensor &residual, const Tensor &update, float alpha,
                      float beta);
Tensor layerNorm(const Tensor &input, const Tensor &weight, const Tensor &bias,
                 double epsilon);
Tensor gelu(const Tensor &input, const std::string &approximate);
Tensor relu(const Tensor &input);
Tensor polynomial(const Tensor &input, const std::vector<double> &coefficients);
/// Softmax over the last dimension of `B x H x T x S`; temperature `H x T`.
Tensor softmax(const Tensor &input, const Tensor *temperature, bool causal);
Tensor weightNorm(const Tensor &weight, const Tensor &gain,
                  const ColumnRanges &columns);
Tensor columnNorm(const Tensor &weight, const ColumnRanges &columns);
/// By the exact largest singular value of each range.
Tensor spectralNorm(const Tensor &weight, const ColumnRanges &columns);

/// Attention over a packed projection `B x T x 3d`, causal, with scores scaled
/// by 1 / sqrt(d / H); the entropy of each row as `B x H x T` if asked for.
Tensor attention(const Tensor &qkv, int64_t heads, const Tensor *temperature,
                 Tensor *entropy = nullptr);

//===----------------------------------------------------------------------===//
// Whole models
//===----------------------------------------------------------------------===//

/// How the entropy regulariser is read (arXiv 2501.03489).
struct EntropyReading {
  bool perRow;
  double gamma, lambda;
};

/// A GPT-2-like decoder and the functions that remain in it.
struct Decoder {
  int64_t layers = 2, heads = 4, width = 64, vocabSize = 96;
  /// LayerNorm in the layers, and the one before the head.
  bool layerNorm = true, finalLayerNorm = true;
  /// "gelu_tanh", "relu" or "identity".
  std::string activation = "gelu_tanh";
  /// The two linears of the FFN are one.
  bool fusedFfn = false;
  /// x_out = beta x + FFN(x) / alpha.
  bool scaledFfn = false;
  bool temperature = false;
};

/// Parameters by their name in a checkpoint, without `transformer.`.
using Parameters = std::map<std::string, Tensor>;

/// The logits `B x T x V` of `batch` sequences.
Tensor decoderLogits(const Decoder &decoder, const Parameters &parameters,
                     const std::vector<int32_t> &tokens, int64_t batch);

struct LossAndGradients {
  double loss;
  Parameters gradients;
};

/// What one step of training reads: B * T numbers each.
struct TokenBatch {
  std::vector<int32_t> tokens, targets;
};

/// The cross-entropy of the logits with targets (ignored where -100) plus, with
/// a reading, the mean entropy penalty of the layers, and its gradients with
/// respect to the parameters, by autograd in f64.
LossAndGradients decoderGradients(const Decoder &decoder,
                                  const Parameters &parameters,
                                  const TokenBatch &batch, int64_t batchSize,
                                  const EntropyReading *reading);

/// How parameters are updated; those in `decayed` decay.
struct AdamWOptions {
  double learningRate = 1e-3, weightDecay = 0.1, maxGradNorm = 1.0;
  double beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8;
  std::set<std::string> decayed;
};

/// A training run: loss and norm of the gradients of each step, and what it
/// made of the parameters.
struct TrainingRun {
  std::vector<double> losses, gradNorms;
  Parameters parameters;
};

/// One update for each batch by torch::optim::AdamW, after clip_grad_norm_, in
/// f64.
TrainingRun trainDecoder(const Decoder &decoder, const Parameters &parameters,
                         const std::vector<TokenBatch> &batches,
                         int64_t batchSize, const EntropyReading *reading,
                         const AdamWOptions &options);

} // namespace pi_torch

#endif // PI_UNITTESTS_TORCH_TORCHREFERENCE_H
