//===- TrainingModel.h - The entry points that training calls ---*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TRAINING_TRAININGMODEL_H
#define PI_TRAINING_TRAININGMODEL_H

#include "pi/Runtime/Model.h"

namespace pi_training {

using pi_runtime::Result;
using pi_runtime::Status;

/// B x T input tokens and as many targets.
struct TokenBatch {
  const int32_t *inputs = nullptr;
  const int32_t *targets = nullptr;
};

/// What an update takes besides gradients. `step` is 1 for the first.
struct UpdateSettings {
  float learningRate = 0;
  float weightDecay = 0;
  float maxGradNorm = 0;
  int32_t step = 1;
};

/// What @evaluate gives for one batch.
struct Evaluation {
  /// The mean over targets, in nats, without what regularisers add.
  float crossEntropy = 0;
  /// For each attention, by head, the mean entropy of its rows, in nats.
  std::vector<std::vector<float>> entropies;
};

/// A compiled model whose entry points are those of training, bound by name:
///   train_step(input_ids, targets, learning_rate, weight_decay, max_grad_norm,
///              step) -> loss, grad_norm
/// or instead
///   accumulate_gradients(input_ids, targets) -> loss
///   apply_gradients(learning_rate, weight_decay, max_grad_norm, step,
///                   micro_batches) -> grad_norm
/// and, where the artefact has them,
///   evaluate(input_ids, targets) -> cross_entropy, entropy.LOCATION...
///   check_finite(input_ids, targets) -> NUMBER.LOCATION.OPERATION...
/// Opening it checks their types and shapes. Calls allocate nothing.
class TrainingModel {
public:
  static Result<std::unique_ptr<TrainingModel>> open(const std::string &path,
                                                     int device);

  pi_runtime::Model &model() { return *loaded; }
  const pi_runtime::Manifest &manifest() const { return loaded->manifest(); }
  /// Whether an update is @apply_gradients after @accumulate_gradients.
  bool accumulates() const { return !accumulateCall.isEmpty(); }
  bool canEvaluate() const { return !evaluateCall.isEmpty(); }
  bool canCheckFinite() const { return !checkCall.isEmpty(); }
  /// The attentions of Evaluation::entropies, such as "h.0.attn".
  const std::vector<std::string> &attentions() const { return attentionNames; }

  /// One update from one batch; only if the model does not accumulate.
  Status trainStep(const TokenBatch &batch, const UpdateSettings &settings,
                   float &loss, float &gradNorm);
  /// Adds the gradients of a batch.
  Status accumulate(const TokenBatch &batch, float &loss);
  /// An update from the mean of the gradients of `microBatches` batches.
  Status apply(const UpdateSettings &settings, int32_t microBatches,
               float &gradNorm);
  /// The result is valid until the next evaluation.
  Status evaluate(const TokenBatch &batch, const Evaluation *&result);
  /// The first operation on the batch whose results are not all finite, as
  /// "relu at h.0.mlp.act", or empty if there is none.
  Result<std::string> findNonFinite(const TokenBatch &batch);

private:
  /// An entry point with the pointers that it is called with.
  class EntryCall {
  public:
    bool isEmpty() const { return entry == nullptr; }
    void open(const pi_runtime::Manifest &manifest, const char *name) {
      entry = manifest.findEntryPoint(name);
    }
    /// Binds all inputs and outputs; others than these are an error. Without
    /// `data` an input is one of the two of a batch.
    Status bindInput(const pi_runtime::TensorInfo &input, const void *data);
    Status bindOutput(const pi_runtime::TensorInfo &output, void *data);
    Status verifyBound() const;
    Status run(pi_runtime::Model &model, const TokenBatch &batch);

    const pi_runtime::EntryPoint *entry = nullptr;

  private:
    Status failure(const std::string &message) const;
    void fill();

    std::vector<const void *> inputs;
    std::vector<void *> outputs;
    std::vector<bool> isInputBound, isOutputBound;
    std::optional<size_t> tokensInput, targetsInput;
  };

  Status bind();
  Status bindBatch(EntryCall &call);
  Status bindUpdate(EntryCall &call);
  Status bindEvaluate();
  Status bindCheck();

  std::unique_ptr<pi_runtime::Model> loaded;
  EntryCall stepCall, accumulateCall, applyCall, evaluateCall, checkCall;
  UpdateSettings settings;
  int32_t microBatchCount = 1;
  float lossResult = 0, normResult = 0;
  Evaluation evaluation;
  std::vector<std::string> attentionNames;
  std::vector<int32_t> finiteFlags;
};

} // namespace pi_training

#endif // PI_TRAINING_TRAININGMODEL_H
