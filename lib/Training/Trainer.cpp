//===- Trainer.cpp - The loop of a training -------------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Training/Trainer.h"

#include "JsonFields.h"

#include "pi/Training/Flops.h"

#include <algorithm>
#include <cmath>
#include <limits>

using nlohmann::json;
using namespace pi_runtime;

namespace pi_training {

Trainer::Trainer(TrainingModel &model, RunFolder folder,
                 CheckpointDirectory checkpoints, TrainingOptions options,
                 TokenBatches trainBatches,
                 std::optional<TokenBatches> validation, Progress &progress)
    : model(model), folder(std::move(folder)),
      checkpoints(std::move(checkpoints)), options(std::move(options)),
      schedule(this->options.makeSchedule()), batches(std::move(trainBatches)),
      validation(std::move(validation)), progress(progress) {
  auto batchTokens = static_cast<size_t>(batches.batch() * batches.length());
  tokensPerStep = static_cast<double>(batchTokens) * this->options.accumulate;
  flopsPerToken = trainingFlopsPerToken(model.manifest());
  peakFlops = this->options.peakFlops > 0
                  ? this->options.peakFlops
                  : knownPeakFlops(model.model().deviceName(),
                                   productType(model.manifest()));
  inputs.resize(batchTokens);
  targets.resize(batchTokens);
}

double Trainer::totalSeconds() const {
  return earlierSeconds +
         std::chrono::duration<double>(Clock::now() - start).count();
}

//===----------------------------------------------------------------------===//
// Checkpoints
//===----------------------------------------------------------------------===//

Status Trainer::writeCheckpoint() {
  // What a checkpoint is followed by must be whole too.
  if (Status status = metricsLog->sync(); !status)
    return status;
  json state = {{"step", metrics.step},
                {"tokens", metrics.tokens},
                {"seconds", totalSeconds()},
                {"data",
                 {{"seed", current.seed},
                  {"epoch", current.epoch},
                  {"position", current.position},
                  {"windows", current.windows}}}};
  auto keep = static_cast<int>(
      std::min<int64_t>(options.keepLast, std::numeric_limits<int32_t>::max()));
  Status status =
      checkpoints.write(model.model(), metrics.step, jsonText(state, 2) + "\n",
                        keep, checkpointFiles);
  if (!status)
    return status;
  auto latest = CheckpointDirectory::latest(folder.checkpointsPath());
  if (!latest)
    return latest.status();
  checkpointPath = *latest ? (*latest)->path : "";
  return Status::success();
}

Status Trainer::restore() {
  std::vector<std::string> skipped;
  auto latest = CheckpointDirectory::latest(folder.checkpointsPath(), &skipped);
  if (!latest)
    return latest.status();
  current = batches.state();
  if (*latest) {
    checkpointPath = (*latest)->path;
    for (const std::string &reason : skipped)
      progress.note("note: " + reason + "; going on from '" + checkpointPath +
                    "'");
    Result<std::string> text =
        CheckpointDirectory::load(checkpointPath, model.model());
    if (!text)
      return text.status();
    std::string name = "'" + checkpointPath + "/state.json'";
    Result<json> value = parseJsonObject(*text);
    if (!value)
      return std::move(value.status()).withContext(name);
    Status status = Status::success();
    JsonReader reader(*value, status);
    JsonReader step = reader.field("step");
    metrics.step = step.integer(0, options.steps);
    if (metrics.step != (*latest)->step)
      step.fail("expected " + std::to_string((*latest)->step) +
                ", that of the checkpoint, found " +
                std::to_string(metrics.step));
    metrics.tokens =
        reader.field("tokens").integer(0, std::numeric_limits<int64_t>::max());
    earlierSeconds = reader.field("seconds").number();
    JsonReader data = reader.field("data");
    current = {data.field("seed").unsignedInteger(),
               data.field("epoch").unsignedInteger(),
               data.field("position").unsignedInteger(),
               data.field("windows").unsignedInteger()};
    if (status)
      status = batches.restore(current);
    if (!status)
      return std::move(status).withContext(name);
  } else {
    Status status = options.weights.empty()
                        ? model.model().initializeWeights(options.seed)
                        : model.model().loadWeights(options.weights);
    if (!status)
      return status;
  }
  Result<MetricsLog> opened =
      MetricsLog::open(folder.metricsPath(), metrics.step);
  if (!opened)
    return opened.status();
  metricsLog.emplace(std::move(*opened));
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

Status Trainer::update(BatchQueue &queue) {
  ++metrics.step;
  metrics.learningRate = schedule.learningRate(metrics.step);
  UpdateSettings settings;
  settings.learningRate = static_cast<float>(metrics.learningRate);
  settings.weightDecay = static_cast<float>(options.weightDecay);
  settings.maxGradNorm = options.maxGradNorm > 0
                             ? static_cast<float>(options.maxGradNorm)
                             : std::numeric_limits<float>::infinity();
  settings.step = static_cast<int32_t>(metrics.step);
  stepBegin = current;
  double loss = 0;
  for (int32_t micro = 0; micro < options.accumulate; ++micro) {
    Result<const BatchQueue::Slot *> slot = queue.next();
    if (!slot)
      return slot.status();
    TokenBatch batch = {(*slot)->inputs.data(), (*slot)->targets.data()};
    float part = 0;
    Status status = model.accumulates() ? model.accumulate(batch, part)
                                        : model.trainStep(batch, settings, part,
                                                          metrics.gradNorm);
    if (!status)
      return status;
    loss += part;
    current = (*slot)->next;
  }
  metrics.loss = static_cast<float>(loss / options.accumulate);
  metrics.tokens += static_cast<int64_t>(tokensPerStep);
  return model.accumulates()
             ? model.apply(settings, options.accumulate, metrics.gradNorm)
             : Status::success();
}

/// printf may give a NaN a sign.
static std::string numberText(float value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%g", static_cast<double>(value));
  return std::isnan(value) ? "nan" : text;
}

/// Finds the operation that made the step's loss or gradients not finite. The
/// update has changed no weight, so that the same batches show it again.
Status Trainer::reportNonFinite() {
  std::string text = "step " + std::to_string(metrics.step) +
                     " is not finite (loss " + numberText(metrics.loss) +
                     ", gradient norm " + numberText(metrics.gradNorm) + "): ";
  std::string operation;
  if (model.canCheckFinite()) {
    if (Status status = batches.restore(stepBegin); !status)
      return status;
    for (int32_t i = 0; i < options.accumulate && operation.empty(); ++i) {
      if (Status status = batches.next(inputs.data(), targets.data()); !status)
        return status;
      Result<std::string> found =
          model.findNonFinite({inputs.data(), targets.data()});
      if (!found)
        return found.status();
      operation = std::move(*found);
    }
    text += operation.empty()
                ? "each operation gives finite numbers, so that it is their "
                  "sum over parameters or batches"
                : "the first such operation is " + operation;
  } else {
    text += "the model has no entry point 'check_finite' to find the operation";
  }
  text += checkpointPath.empty()
              ? "; there is no checkpoint before it"
              : "; the last checkpoint is '" + checkpointPath + "'";
  return executionFailed(text);
}

bool Trainer::isFinite() const {
  return std::isfinite(metrics.loss) && std::isfinite(metrics.gradNorm);
}

/// Averages over about ten steps what is shown.
void Trainer::measure(double seconds) {
  loggedSeconds += seconds;
  ++loggedSteps;
  stepSeconds = stepSeconds > 0 ? 0.9 * stepSeconds + 0.1 * seconds : seconds;
}

Status Trainer::log() {
  ProgressLine line;
  line.step = metrics.step;
  line.steps = options.steps;
  line.loss = metrics.loss;
  line.tokensPerSecond = tokensPerStep / stepSeconds;
  if (peakFlops > 0)
    line.utilization = line.tokensPerSecond * flopsPerToken / peakFlops;
  line.secondsLeft =
      std::min(static_cast<double>(options.steps - metrics.step) * stepSeconds,
               std::max(0.0, stopAt - totalSeconds()));
  bool isLogged =
      isDue(options.logEvery) || metrics.step == options.steps || !isFinite();
  if (isLogged || progress.isTerminal())
    progress.show(line);
  if (!isLogged)
    return Status::success();
  metrics.tokensPerSecond =
      tokensPerStep * static_cast<double>(loggedSteps) / loggedSeconds;
  metrics.seconds = totalSeconds();
  loggedSeconds = 0;
  loggedSteps = 0;
  return metricsLog->logStep(metrics);
}

//===----------------------------------------------------------------------===//
// Evaluation
//===----------------------------------------------------------------------===//

Status Trainer::evaluate() {
  bool isEvaluation = isDue(options.evalEvery) ||
                      (options.evalEvery && metrics.step == options.steps);
  bool isEntropy =
      options.entropyEvery ? isDue(options.entropyEvery) : isEvaluation;
  if (!validation || !(isEvaluation || isEntropy))
    return Status::success();
  // Always the same batches, and no window twice.
  BatchState begin = validation->state();
  begin.epoch = 0;
  begin.position = 0;
  if (Status status = validation->restore(begin); !status)
    return status;
  uint64_t most = begin.windows / static_cast<uint64_t>(validation->batch());
  uint64_t count =
      std::min<uint64_t>(static_cast<uint64_t>(options.evalBatches), most);
  double crossEntropy = 0;
  std::vector<std::vector<double>> entropies;
  for (uint64_t i = 0; i < count; ++i) {
    if (Status status = validation->next(inputs.data(), targets.data());
        !status)
      return status;
    const Evaluation *result = nullptr;
    Status status = model.evaluate({inputs.data(), targets.data()}, result);
    if (!status)
      return status;
    crossEntropy += result->crossEntropy / static_cast<double>(count);
    entropies.resize(result->entropies.size());
    for (size_t layer = 0; layer < entropies.size(); ++layer) {
      const std::vector<float> &heads = result->entropies[layer];
      entropies[layer].resize(heads.size());
      for (size_t head = 0; head < heads.size(); ++head)
        entropies[layer][head] += heads[head] / static_cast<double>(count);
    }
  }
  Status status = Status::success();
  if (isEvaluation) {
    char text[120];
    std::snprintf(text, sizeof(text),
                  "step %lld  validation: cross-entropy %.4f, perplexity %.2f",
                  static_cast<long long>(metrics.step), crossEntropy,
                  std::exp(crossEntropy));
    progress.note(text);
    status = metricsLog->logEvaluation(metrics.step, crossEntropy);
  }
  if (status && isEntropy && !entropies.empty())
    status = metricsLog->logEntropy(metrics.step, entropies);
  return status;
}

//===----------------------------------------------------------------------===//
// The loop
//===----------------------------------------------------------------------===//

Result<Ending> Trainer::run(const SessionOptions &session) {
  start = Clock::now();
  if (Status status = restore(); !status)
    return status;
  if (session.tune)
    if (Status status = model.model().tune(); !status)
      return status;
  if (session.timeLimit > 0)
    stopAt = totalSeconds() + session.timeLimit;
  if (metrics.step == options.steps)
    return Ending::Complete;
  BatchQueue queue(batches);
  for (;;) {
    Clock::time_point stepStart = Clock::now();
    if (Status status = update(queue); !status)
      return status;
    measure(std::chrono::duration<double>(Clock::now() - stepStart).count());
    Status status = log();
    if (status && !isFinite())
      status = reportNonFinite();
    if (status)
      status = evaluate();
    if (!status)
      return status;
    bool isComplete = metrics.step == options.steps;
    bool isInterrupted = session.interrupted && *session.interrupted;
    bool isOver = totalSeconds() >= stopAt;
    bool isLast = isComplete || isInterrupted || isOver;
    if (isLast || isDue(options.checkpointEvery))
      status = writeCheckpoint();
    if (!status)
      return status;
    if (isLast)
      return isComplete      ? Ending::Complete
             : isInterrupted ? Ending::Interrupted
                             : Ending::TimeLimit;
  }
}

} // namespace pi_training
