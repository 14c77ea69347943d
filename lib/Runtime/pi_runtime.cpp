//===- pi_runtime.cpp - The runtime's C interface -------------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pi/Runtime/pi_runtime.h"

#include "pi/Runtime/Model.h"

#include <exception>
#include <new>

using namespace pi_runtime;

/// The model, and the strings that its caller may hold.
struct pi_model {
  std::unique_ptr<Model> model;
  std::string description;
};

static thread_local std::string lastError;

static pi_status report(const Status &status) {
  if (status)
    return PI_OK;
  lastError = status.message();
  return static_cast<pi_status>(status.kind());
}

/// Calls `body`; no exception crosses the C interface.
template <typename Body>
static pi_status guarded(Body body) {
  try {
    return report(body());
  } catch (const std::bad_alloc &) {
    return report(unavailable("out of memory"));
  } catch (const std::exception &error) {
    return report(executionFailed(error.what()));
  }
}

static Status missingArgument(const char *name) {
  return invalidArgument(std::string("argument '") + name + "' is null");
}

const char *pi_last_error(void) { return lastError.c_str(); }

pi_status pi_model_open(const char *path, int32_t device, pi_model **model) {
  return guarded([&]() -> Status {
    if (!model)
      return missingArgument("model");
    *model = nullptr;
    if (!path)
      return missingArgument("path");
    Result<std::unique_ptr<Model>> opened = Model::open(path, device);
    if (!opened)
      return opened.status();
    *model = new pi_model{std::move(*opened), ""};
    return Status::success();
  });
}

void pi_model_free(pi_model *model) { delete model; }

pi_status pi_model_load_weights(pi_model *model, const char *path) {
  return guarded([&] {
    if (!model || !path)
      return missingArgument(model ? "path" : "model");
    return model->model->loadWeights(path);
  });
}

pi_status pi_model_initialize_weights(pi_model *model, uint64_t seed) {
  return guarded([&] {
    return model ? model->model->initializeWeights(seed)
                 : missingArgument("model");
  });
}

pi_status pi_model_read_tensor(pi_model *model, const char *name, void *data,
                               uint64_t bytes) {
  return guarded([&] {
    if (!model || !name || !data)
      return missingArgument(!model ? "model" : !name ? "name" : "data");
    return model->model->readTensor(name, data, bytes);
  });
}

pi_status pi_model_tune(pi_model *model) {
  return guarded(
      [&] { return model ? model->model->tune() : missingArgument("model"); });
}

pi_status pi_model_info(pi_model *model, const char **json) {
  return guarded([&] {
    if (!model || !json)
      return missingArgument(model ? "json" : "model");
    model->description = model->model->describe();
    *json = model->description.c_str();
    return Status::success();
  });
}

pi_status pi_model_run(pi_model *model, const char *entry_point,
                       const void *const *inputs, void *const *outputs) {
  return guarded([&]() -> Status {
    if (!model || !entry_point)
      return missingArgument(model ? "entry_point" : "model");
    size_t inputCount = 0, outputCount = 0;
    if (auto *entry = model->model->manifest().findEntryPoint(entry_point)) {
      inputCount = entry->inputs.size();
      outputCount = entry->outputs.size();
    }
    if ((inputCount && !inputs) || (outputCount && !outputs))
      return missingArgument(inputCount && !inputs ? "inputs" : "outputs");
    return model->model->run(
        entry_point, std::vector<const void *>(inputs, inputs + inputCount),
        std::vector<void *>(outputs, outputs + outputCount));
  });
}

pi_status pi_model_forward(pi_model *model, const int32_t *tokens, int64_t rows,
                           int64_t length, float *logits) {
  return guarded([&] {
    if (!model || !tokens)
      return missingArgument(model ? "tokens" : "model");
    return model->model->forward(tokens, rows, length, logits);
  });
}

pi_status pi_generate_start(pi_model *model, const int32_t *prompt,
                            int64_t rows, int64_t length,
                            const pi_sampling *sampling) {
  return guarded([&] {
    if (!model || !prompt)
      return missingArgument(model ? "prompt" : "model");
    SamplingOptions options;
    if (sampling)
      options = {sampling->temperature, sampling->top_k, sampling->top_p,
                 sampling->seed};
    return model->model->startGeneration(prompt, rows, length, options);
  });
}

pi_status pi_generate_next(pi_model *model, int32_t *tokens) {
  return guarded([&] {
    if (!model || !tokens)
      return missingArgument(model ? "tokens" : "model");
    return model->model->nextTokens(tokens);
  });
}
