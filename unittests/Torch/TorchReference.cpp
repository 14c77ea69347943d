//===- TorchReference.cpp - What LibTorch says ---------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TorchFunctions.h"

#include <ATen/CPUGeneratorImpl.h>

#include <limits>
#include <stdexcept>

using namespace pi_torch;

at::Tensor pi_torch::toTorch(const Tensor &tensor) {
  return at::from_blob(const_cast<float *>(tensor.data.data()), tensor.shape,
                       at::kFloat)
      .clone();
}

Tensor pi_torch::fromTorch(const at::Tensor &tensor) {
  at::Tensor dense = tensor.to(at::kFloat).contiguous();
  const float *data = dense.const_data_ptr<float>();
  return {dense.sizes().vec(), {data, data + dense.numel()}};
}

TorchParameters pi_torch::toTorch(const Parameters &parameters,
                                  at::ScalarType type) {
  TorchParameters result;
  for (const auto &[name, value] : parameters)
    result[name] = toTorch(value).to(type);
  return result;
}

at::Tensor pi_torch::toTorch(const std::vector<int32_t> &tokens,
                             int64_t batch) {
  int64_t positions = static_cast<int64_t>(tokens.size()) / batch;
  return at::from_blob(const_cast<int32_t *>(tokens.data()), {batch, positions},
                       at::kInt)
      .to(at::kLong);
}

static at::Tensor causalMask(int64_t rows, int64_t columns) {
  return at::ones({rows, columns}, at::kBool).tril();
}

at::Tensor pi_torch::softmaxRows(at::Tensor scores,
                                 const at::Tensor *temperature, bool causal) {
  if (temperature)
    scores = scores / temperature->unsqueeze(-1);
  if (causal)
    scores = scores.masked_fill(
        causalMask(scores.size(-2), scores.size(-1)).logical_not(),
        -std::numeric_limits<float>::infinity());
  return at::softmax(scores, -1);
}

AttentionResult pi_torch::attend(const at::Tensor &qkv, int64_t heads,
                                 const at::Tensor *temperature, bool causal) {
  int64_t batch = qkv.size(0), positions = qkv.size(1);
  int64_t width = qkv.size(2) / 3, headSize = width / heads;
  auto splitHeads = [&](const at::Tensor &packed) {
    return packed.reshape({batch, positions, heads, headSize}).transpose(1, 2);
  };
  std::vector<at::Tensor> parts = qkv.split(width, /*dim=*/2);
  at::Tensor query = splitHeads(parts[0]), key = splitHeads(parts[1]);
  at::Tensor scores = at::matmul(query, key.transpose(-1, -2)) /
                      std::sqrt(static_cast<double>(headSize));
  at::Tensor weights = softmaxRows(scores, temperature, causal);
  at::Tensor context = at::matmul(weights, splitHeads(parts[2]));
  // log(1) where a weight is 0, so that the derivative is finite, too.
  at::Tensor logarithms = (weights + weights.eq(0)).log();
  return {context.transpose(1, 2).reshape({batch, positions, width}),
          -(weights * logarithms).sum(-1)};
}

at::Tensor pi_torch::entropyPenalty(const at::Tensor &entropy,
                                    const at::Tensor &threshold,
                                    const EntropyReading &reading) {
  double limit = std::log(static_cast<double>(entropy.size(2)));
  // Per head, the mean entropy stands for all rows, and is counted once.
  at::Tensor rows = reading.perRow
                        ? entropy
                        : entropy.mean(at::IntArrayRef{0, 2}, /*keepdim=*/true);
  at::Tensor delta = rows - limit * threshold.unsqueeze(-1);
  at::Tensor outside = delta.abs().gt(reading.gamma * limit);
  at::Tensor sums = (delta.square() * outside).sum(at::IntArrayRef{0, 2});
  return reading.lambda * sums.mean();
}

namespace {

constexpr double layerNormEpsilon = 1e-5;

at::Tensor normalizeLayer(const at::Tensor &input, const at::Tensor &weight,
                          const at::Tensor &bias, double epsilon) {
  return at::layer_norm(input, {input.size(-1)}, weight, bias, epsilon);
}

at::Tensor activate(const at::Tensor &input, const std::string &activation) {
  if (activation == "gelu_tanh")
    return at::gelu(input, "tanh");
  if (activation == "relu")
    return at::relu(input);
  if (activation == "identity")
    return input;
  throw std::invalid_argument("unknown activation " + activation);
}

/// Applies `transform` to each range of columns of a copy of `weight`.
template <typename Transform>
at::Tensor transformColumns(const at::Tensor &weight,
                            const pi_torch::ColumnRanges &columns,
                            Transform transform) {
  at::Tensor result = weight.clone();
  for (auto [begin, end] : columns)
    result.slice(1, begin, end).copy_(transform(weight.slice(1, begin, end)));
  return result;
}

/// One decoder, its parameters being looked up by name.
class DecoderReference {
public:
  DecoderReference(const pi_torch::Decoder &decoder,
                   const TorchParameters &parameters)
      : decoder(decoder), parameters(parameters) {}

  at::Tensor logits(const at::Tensor &tokens) {
    int64_t positions = tokens.size(1);
    at::Tensor x = at::embedding(get("wte.weight"), tokens) +
                   get("wpe.weight").slice(0, 0, positions);
    for (int64_t layer = 0; layer < decoder.layers; ++layer)
      x = block(x, "h." + std::to_string(layer) + ".");
    return at::matmul(norm(x, "ln_f", decoder.finalLayerNorm),
                      get("wte.weight").t());
  }

  /// The mean over layers of the penalty of the entropies that `logits` saw.
  at::Tensor penalty(const EntropyReading &reading) {
    at::Tensor sum;
    for (size_t layer = 0; layer < entropies.size(); ++layer) {
      at::Tensor term = entropyPenalty(
          entropies[layer],
          get("h." + std::to_string(layer) + ".attn.reg_threshold_weights"),
          reading);
      sum = layer == 0 ? term : sum + term;
    }
    return sum / static_cast<double>(entropies.size());
  }

private:
  at::Tensor get(const std::string &name) {
    auto found = parameters.find(name);
    if (found == parameters.end())
      throw std::out_of_range("the reference lacks parameter " + name);
    return found->second;
  }

  /// A Conv1D of the checkpoint: weight `in x out`, bias.
  at::Tensor conv1d(const at::Tensor &x, const std::string &name) {
    return at::matmul(x, get(name + ".weight")) + get(name + ".bias");
  }

  at::Tensor norm(const at::Tensor &x, const std::string &name, bool present) {
    if (!present)
      return x;
    return normalizeLayer(x, get(name + ".weight"), get(name + ".bias"),
                          layerNormEpsilon);
  }

  at::Tensor block(const at::Tensor &x, const std::string &prefix) {
    at::Tensor temperature;
    if (decoder.temperature)
      temperature = get(prefix + "attn.temperature").slice(1, 0, x.size(1));
    at::Tensor qkv = conv1d(norm(x, prefix + "ln_1", decoder.layerNorm),
                            prefix + "attn.c_attn");
    AttentionResult attention = attend(
        qkv, decoder.heads, decoder.temperature ? &temperature : nullptr);
    entropies.push_back(attention.entropy);
    at::Tensor y = x + conv1d(attention.context, prefix + "attn.c_proj");
    at::Tensor update = feedForward(norm(y, prefix + "ln_2", decoder.layerNorm),
                                    prefix + "mlp.");
    if (!decoder.scaledFfn)
      return y + update;
    return get(prefix + "mlp.beta") * y + update / get(prefix + "mlp.alpha");
  }

  at::Tensor feedForward(const at::Tensor &x, const std::string &prefix) {
    if (decoder.fusedFfn)
      return conv1d(x, prefix + "fused");
    at::Tensor hidden = conv1d(x, prefix + "c_fc");
    return conv1d(activate(hidden, decoder.activation), prefix + "c_proj");
  }

  const pi_torch::Decoder &decoder;
  const TorchParameters &parameters;
  std::vector<at::Tensor> entropies;
};

} // namespace

namespace pi_torch {

Tensor randomNormal(std::vector<int64_t> shape, double stddev, uint64_t seed) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  return fromTorch(at::normal(0.0, stddev, shape, generator));
}

double maxDifference(const Tensor &a, const Tensor &b) {
  if (a.shape != b.shape || a.data.size() != b.data.size())
    return std::numeric_limits<double>::infinity();
  at::Tensor difference = (toTorch(a) - toTorch(b)).abs();
  if (!difference.isfinite().all().item<bool>())
    return std::numeric_limits<double>::infinity();
  return difference.max().item<double>();
}

Tensor linear(const Tensor &input, const Tensor &weight, const Tensor *bias,
              bool transposed) {
  at::Tensor matrix = toTorch(weight);
  at::Tensor result =
      at::linear(toTorch(input), transposed ? matrix : matrix.t());
  return fromTorch(bias ? result + toTorch(*bias) : result);
}

Tensor matmul(const Tensor &lhs, const Tensor &rhs) {
  return fromTorch(at::matmul(toTorch(lhs), toTorch(rhs)));
}

Tensor add(const Tensor &lhs, const Tensor &rhs) {
  return fromTorch(toTorch(lhs) + toTorch(rhs));
}

Tensor scaledResidual(const Tensor &residual, const Tensor &update, float alpha,
                      float beta) {
  return fromTorch(toTorch(residual) * beta + toTorch(update) / alpha);
}

Tensor layerNorm(const Tensor &input, const Tensor &weight, const Tensor &bias,
                 double epsilon) {
  return fromTorch(
      normalizeLayer(toTorch(input), toTorch(weight), toTorch(bias), epsilon));
}

Tensor gelu(const Tensor &input, const std::string &approximate) {
  return fromTorch(at::gelu(toTorch(input), approximate));
}

Tensor relu(const Tensor &input) { return fromTorch(at::relu(toTorch(input))); }

Tensor polynomial(const Tensor &input,
                  const std::vector<double> &coefficients) {
  at::Tensor x = toTorch(input), result = at::zeros_like(x);
  for (size_t power = 0; power < coefficients.size(); ++power)
    result = result + coefficients[power] * x.pow(static_cast<int64_t>(power));
  return fromTorch(result);
}

Tensor softmax(const Tensor &input, const Tensor *temperature, bool causal) {
  at::Tensor divisor;
  if (temperature)
    divisor = toTorch(*temperature);
  return fromTorch(
      softmaxRows(toTorch(input), temperature ? &divisor : nullptr, causal));
}

Tensor weightNorm(const Tensor &weight, const Tensor &gain,
                  const ColumnRanges &columns) {
  at::Tensor gains = toTorch(gain);
  int64_t used = 0;
  return fromTorch(
      transformColumns(toTorch(weight), columns, [&](const at::Tensor &part) {
        at::Tensor scale = gains.slice(0, used, used + part.size(1));
        used += part.size(1);
        return at::_weight_norm(part, scale.unsqueeze(0), /*dim=*/1);
      }));
}

Tensor columnNorm(const Tensor &weight, const ColumnRanges &columns) {
  std::vector<at::Tensor> norms;
  for (auto [begin, end] : columns)
    norms.push_back(toTorch(weight).slice(1, begin, end).norm(2, {0}));
  return fromTorch(at::cat(norms));
}

Tensor spectralNorm(const Tensor &weight, const ColumnRanges &columns) {
  return fromTorch(
      transformColumns(toTorch(weight), columns, [](const at::Tensor &part) {
        return part / at::linalg_matrix_norm(part, 2);
      }));
}

Tensor attention(const Tensor &qkv, int64_t heads, const Tensor *temperature,
                 Tensor *entropy) {
  at::Tensor divisor;
  if (temperature)
    divisor = toTorch(*temperature);
  AttentionResult result =
      attend(toTorch(qkv), heads, temperature ? &divisor : nullptr);
  if (entropy)
    *entropy = fromTorch(result.entropy);
  return fromTorch(result.context);
}

Tensor decoderLogits(const Decoder &decoder, const Parameters &parameters,
                     const std::vector<int32_t> &tokens, int64_t batch) {
  TorchParameters values = toTorch(parameters, at::kFloat);
  return fromTorch(
      DecoderReference(decoder, values).logits(toTorch(tokens, batch)));
}

at::Tensor decoderLoss(const Decoder &decoder,
                       const TorchParameters &parameters,
                       const TokenBatch &batch, int64_t batchSize,
                       const EntropyReading *reading) {
  DecoderReference reference(decoder, parameters);
  at::Tensor logits = reference.logits(toTorch(batch.tokens, batchSize));
  at::Tensor loss = at::cross_entropy_loss(
      logits.flatten(0, 1), toTorch(batch.targets, batchSize).flatten());
  return reading ? loss + reference.penalty(*reading) : loss;
}

LossAndGradients decoderGradients(const Decoder &decoder,
                                  const Parameters &parameters,
                                  const TokenBatch &batch, int64_t batchSize,
                                  const EntropyReading *reading) {
  TorchParameters values = toTorch(parameters, at::kDouble);
  for (auto &[name, value] : values)
    value.set_requires_grad(true);
  at::Tensor loss = decoderLoss(decoder, values, batch, batchSize, reading);
  loss.backward();
  LossAndGradients result{loss.item<double>(), {}};
  for (const auto &[name, value] : values)
    if (value.grad().defined())
      result.gradients[name] = fromTorch(value.grad());
  return result;
}

} // namespace pi_torch
