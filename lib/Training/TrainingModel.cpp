//===- TrainingModel.cpp - The entry points that training calls -----------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Training/TrainingModel.h"

using namespace pi_runtime;

namespace pi_training {

//===----------------------------------------------------------------------===//
// Binding
//===----------------------------------------------------------------------===//

static std::string describe(const TensorInfo &tensor) {
  return "'" + tensor.name + "' of type " +
         std::string(dataTypeName(tensor.dtype)) + " and shape " +
         shapeText(tensor.shape);
}

static bool isSame(const TensorInfo &a, const TensorInfo &b) {
  return a.dtype == b.dtype && a.shape == b.shape;
}

static TensorInfo scalar(const char *name, DataType type = DataType::F32) {
  return {name, type, {}};
}

Status TrainingModel::EntryCall::failure(const std::string &message) const {
  return invalidFile("entry point '" + entry->name + "': " + message);
}

void TrainingModel::EntryCall::fill() {
  inputs.resize(entry->inputs.size());
  outputs.resize(entry->outputs.size());
  isInputBound.resize(inputs.size());
  isOutputBound.resize(outputs.size());
}

Status TrainingModel::EntryCall::bindInput(const TensorInfo &input,
                                           const void *data) {
  fill();
  std::optional<size_t> index = entry->findInput(input.name);
  if (!index || !isSame(entry->inputs[*index], input))
    return failure("no input " + describe(input));
  inputs[*index] = data;
  isInputBound[*index] = true;
  if (!data)
    (input.name == "targets" ? targetsInput : tokensInput) = *index;
  return Status::success();
}

Status TrainingModel::EntryCall::bindOutput(const TensorInfo &output,
                                            void *data) {
  fill();
  std::optional<size_t> index = entry->findOutput(output.name);
  if (!index || !isSame(entry->outputs[*index], output))
    return failure("no output " + describe(output));
  outputs[*index] = data;
  isOutputBound[*index] = true;
  return Status::success();
}

Status TrainingModel::EntryCall::verifyBound() const {
  for (size_t i = 0; i < inputs.size(); ++i)
    if (!isInputBound[i])
      return failure("unknown input " + describe(entry->inputs[i]));
  for (size_t i = 0; i < outputs.size(); ++i)
    if (!isOutputBound[i])
      return failure("unknown output " + describe(entry->outputs[i]));
  return Status::success();
}

Status TrainingModel::EntryCall::run(Model &model, const TokenBatch &batch) {
  if (tokensInput)
    inputs[*tokensInput] = batch.inputs;
  if (targetsInput)
    inputs[*targetsInput] = batch.targets;
  return model.run(entry->name, inputs, outputs);
}

Status TrainingModel::bindBatch(EntryCall &call) {
  Shape shape = {manifest().batch, manifest().sequenceLength};
  Status status = call.bindInput({"input_ids", DataType::I32, shape}, nullptr);
  if (status)
    status = call.bindInput({"targets", DataType::I32, shape}, nullptr);
  return status;
}

Status TrainingModel::bindUpdate(EntryCall &call) {
  Status status =
      call.bindInput(scalar("learning_rate"), &settings.learningRate);
  if (status)
    status = call.bindInput(scalar("weight_decay"), &settings.weightDecay);
  if (status)
    status = call.bindInput(scalar("max_grad_norm"), &settings.maxGradNorm);
  if (status)
    status = call.bindInput(scalar("step", DataType::I32), &settings.step);
  if (status)
    status = call.bindOutput(scalar("grad_norm"), &normResult);
  return status;
}

Status TrainingModel::bindEvaluate() {
  constexpr std::string_view prefix = "entropy.";
  Status status = bindBatch(evaluateCall);
  if (status)
    status = evaluateCall.bindOutput(scalar("cross_entropy"),
                                     &evaluation.crossEntropy);
  // Their memory must not move once it is bound.
  evaluation.entropies.reserve(evaluateCall.entry->outputs.size());
  for (const TensorInfo &output : evaluateCall.entry->outputs) {
    if (!status || output.name.compare(0, prefix.size(), prefix) != 0)
      continue;
    TensorInfo expected = {output.name, DataType::F32, output.shape};
    expected.shape.resize(1, 1);
    attentionNames.push_back(output.name.substr(prefix.size()));
    evaluation.entropies.emplace_back(expected.elementCount());
    status =
        evaluateCall.bindOutput(expected, evaluation.entropies.back().data());
  }
  return status ? evaluateCall.verifyBound() : std::move(status);
}

Status TrainingModel::bindCheck() {
  Status status = bindBatch(checkCall);
  finiteFlags.resize(checkCall.entry->outputs.size());
  for (size_t i = 0; status && i < finiteFlags.size(); ++i)
    status = checkCall.bindOutput(
        {checkCall.entry->outputs[i].name, DataType::I32, {}}, &finiteFlags[i]);
  return status ? checkCall.verifyBound() : std::move(status);
}

Status TrainingModel::bind() {
  stepCall.open(manifest(), "train_step");
  accumulateCall.open(manifest(), "accumulate_gradients");
  applyCall.open(manifest(), "apply_gradients");
  evaluateCall.open(manifest(), "evaluate");
  checkCall.open(manifest(), "check_finite");
  Status status = Status::success();
  if (!accumulateCall.isEmpty() && !applyCall.isEmpty()) {
    status = bindBatch(accumulateCall);
    if (status)
      status = accumulateCall.bindOutput(scalar("loss"), &lossResult);
    if (status)
      status = accumulateCall.verifyBound();
    if (status)
      status = bindUpdate(applyCall);
    if (status)
      status = applyCall.bindInput(scalar("micro_batches", DataType::I32),
                                   &microBatchCount);
    if (status)
      status = applyCall.verifyBound();
  } else if (!stepCall.isEmpty()) {
    accumulateCall = EntryCall();
    status = bindBatch(stepCall);
    if (status)
      status = bindUpdate(stepCall);
    if (status)
      status = stepCall.bindOutput(scalar("loss"), &lossResult);
    if (status)
      status = stepCall.verifyBound();
  } else {
    return invalidFile("no entry point 'train_step'; pi-opt's "
                       "--pi-build-train-step makes a model that trains");
  }
  if (status && canEvaluate())
    status = bindEvaluate();
  if (status && canCheckFinite())
    status = bindCheck();
  return status;
}

Result<std::unique_ptr<TrainingModel>>
TrainingModel::open(const std::string &path, int device) {
  Result<std::unique_ptr<Model>> model = Model::open(path, device);
  if (!model)
    return model.status();
  auto result = std::make_unique<TrainingModel>();
  result->loaded = std::move(*model);
  if (Status status = result->bind(); !status)
    return std::move(status).withContext("'" + path + "'");
  return result;
}

//===----------------------------------------------------------------------===//
// Calling
//===----------------------------------------------------------------------===//

Status TrainingModel::trainStep(const TokenBatch &batch,
                                const UpdateSettings &update, float &loss,
                                float &gradNorm) {
  settings = update;
  Status status = stepCall.run(*loaded, batch);
  loss = lossResult;
  gradNorm = normResult;
  return status;
}

Status TrainingModel::accumulate(const TokenBatch &batch, float &loss) {
  Status status = accumulateCall.run(*loaded, batch);
  loss = lossResult;
  return status;
}

Status TrainingModel::apply(const UpdateSettings &update, int32_t microBatches,
                            float &gradNorm) {
  settings = update;
  microBatchCount = microBatches;
  Status status = applyCall.run(*loaded, {});
  gradNorm = normResult;
  return status;
}

Status TrainingModel::evaluate(const TokenBatch &batch,
                               const Evaluation *&result) {
  result = &evaluation;
  return evaluateCall.run(*loaded, batch);
}

/// "12.h.0.mlp.act.relu" as "relu at h.0.mlp.act".
static std::string describeOperation(const std::string &output) {
  size_t location = output.find('.'), operation = output.rfind('.');
  if (location == operation)
    return output;
  return output.substr(operation + 1) + " at " +
         output.substr(location + 1, operation - location - 1);
}

Result<std::string> TrainingModel::findNonFinite(const TokenBatch &batch) {
  if (Status status = checkCall.run(*loaded, batch); !status)
    return status;
  for (size_t i = 0; i < finiteFlags.size(); ++i)
    if (!finiteFlags[i])
      return describeOperation(checkCall.entry->outputs[i].name);
  return std::string();
}

} // namespace pi_training
