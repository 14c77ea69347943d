//===- TorchTraining.cpp - What LibTorch makes of parameters --------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TorchFunctions.h"

#include <torch/nn/utils/clip_grad.h>
#include <torch/optim/adamw.h>

using namespace pi_torch;

TrainingRun pi_torch::trainDecoder(const Decoder &decoder,
                                   const Parameters &parameters,
                                   const std::vector<TokenBatch> &batches,
                                   int64_t batchSize,
                                   const EntropyReading *reading,
                                   const AdamWOptions &options) {
  TorchParameters values = toTorch(parameters, at::kDouble);
  std::vector<at::Tensor> decayed, others, all;
  for (auto &[name, value] : values) {
    value.set_requires_grad(true);
    (options.decayed.count(name) ? decayed : others).push_back(value);
    all.push_back(value);
  }
  auto group = [&](const std::vector<at::Tensor> &members, double decay) {
    return torch::optim::OptimizerParamGroup(
        members, std::make_unique<torch::optim::AdamWOptions>(
                     torch::optim::AdamWOptions(options.learningRate)
                         .betas({options.beta1, options.beta2})
                         .eps(options.epsilon)
                         .weight_decay(decay)));
  };
  torch::optim::AdamW optimizer(
      {group(decayed, options.weightDecay), group(others, 0.0)});
  TrainingRun run;
  for (const TokenBatch &batch : batches) {
    optimizer.zero_grad();
    at::Tensor loss = decoderLoss(decoder, values, batch, batchSize, reading);
    loss.backward();
    run.losses.push_back(loss.item<double>());
    run.gradNorms.push_back(
        torch::nn::utils::clip_grad_norm_(all, options.maxGradNorm));
    optimizer.step();
  }
  for (const auto &[name, value] : values)
    run.parameters[name] = fromTorch(value.detach());
  return run;
}
