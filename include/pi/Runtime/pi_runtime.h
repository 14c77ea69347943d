//===- pi_runtime.h - The runtime's C interface -----------------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

/*
 * Opens a compiled model (`model.pi`), loads a checkpoint into it and runs it,
 * on the device that it was compiled for. The one interface of pi-run, of the
 * Python package and of other programs.
 *
 * Every function that can fail returns a status; pi_last_error() then has a
 * sentence that says what was wrong and where. One model is for one thread at a
 * time; different models may be used by different threads.
 *
 *     pi_model *model;
 *     int32_t prompt[] = {818, 11377, 7}, token;
 *     pi_sampling sampling = {0.8f, 40, 1.0f, 42};
 *     if (pi_model_open("private.pi", 0, &model) ||
 *         pi_model_load_weights(model, "checkpoint") ||
 *         pi_generate_start(model, prompt, 1, 3, &sampling))
 *       return puts(pi_last_error());
 *     for (int i = 0; i < 64 && !pi_generate_next(model, &token); ++i)
 *       printf("%d\n", token);
 *     pi_model_free(model);
 */

#ifndef PI_RUNTIME_PI_RUNTIME_H
#define PI_RUNTIME_PI_RUNTIME_H

#include "pi/Runtime/Export.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pi_status {
  PI_OK = 0,
  /* An argument does not fit the model: a token, a length, a setting. */
  PI_INVALID_ARGUMENT = 1,
  /* A file is missing, malformed, or does not fit the model. */
  PI_INVALID_FILE = 2,
  /* This machine lacks what the model needs: a device, a driver, memory. */
  PI_UNAVAILABLE = 3,
  /* Running the model failed. */
  PI_EXECUTION_FAILED = 4
} pi_status;

/* A compiled model on its device: parameters, states, entry points. */
typedef struct pi_model pi_model;

/*
 * The message of the last call on this thread that failed, in UTF-8 without a
 * final newline; valid until the next call on this thread.
 */
PI_RUNTIME_API const char *pi_last_error(void);

/*
 * Opens the artefact at `path` for device number `device` (GPUs are counted
 * from 0; the CPU is 0) and stores the model, which the caller frees. The
 * number of CPU threads is the environment's PI_NUM_THREADS, or that of the
 * processors. On failure *model is null.
 */
PI_RUNTIME_API pi_status pi_model_open(const char *path, int32_t device,
                                       pi_model **model);

/* Frees a model, which may be null. */
PI_RUNTIME_API void pi_model_free(pi_model *model);

/*
 * Loads parameters from a checkpoint directory, a safetensors file, or a
 * safetensors index. What the checkpoint lacks and the model can derive is
 * computed. Fails with PI_INVALID_FILE if another parameter is missing or has
 * another shape; the model then has no usable weights.
 */
PI_RUNTIME_API pi_status pi_model_load_weights(pi_model *model,
                                               const char *path);

/*
 * Gives every parameter a value to train from, by its own rule (`init` in the
 * artefact): a function of `seed` and the parameter's name alone, so that a
 * model starts alike on every device. States, such as an optimizer's, stay;
 * they are zero when a model is opened. Ends a generation.
 */
PI_RUNTIME_API pi_status pi_model_initialize_weights(pi_model *model,
                                                     uint64_t seed);

/*
 * Copies the parameter, or else the state, called `name` into `data`: dense,
 * row-major, in the type and shape that pi_model_info lists. `bytes` is the
 * size of `data` and has to be the tensor's. Fails with PI_INVALID_ARGUMENT for
 * another name or size, or a parameter that has no value yet.
 */
PI_RUNTIME_API pi_status pi_model_read_tensor(pi_model *model, const char *name,
                                              void *data, uint64_t bytes);

/*
 * Chooses by timing what the device leaves open: on a GPU the algorithm of each
 * product. The choice is stored in a file named as the artefact with ".tuned"
 * added, which pi_model_open reads from then on; without it, the first
 * algorithm that the library proposes is taken. Needs weights; ends a
 * generation.
 */
PI_RUNTIME_API pi_status pi_model_tune(pi_model *model);

/*
 * Describes the model in JSON, valid until the model is freed:
 *   {"compiler", "target", "target_arch", "device",
 *    "model": {"name", "batch", "sequence_length", "vocab_size"},
 *    "entry_points": [{"name",
 *                      "inputs": [{"name", "dtype", "shape",
 *                                  "index_bound", "ignored_index"}],
 *                      "outputs": [{"name", "dtype", "shape"}]}],
 *    "tensors": [{"name", "dtype", "shape"}],
 *    "parameters", "parameter_bytes", "state_bytes", "memory_bytes"}
 * dtype is "f32", "i32" and so on, shape a list, empty for a scalar. An input
 * with index_bound holds indices in [0, index_bound), or ignored_index, if it
 * has that, where there is none; others have neither field. tensors
 * are the parameters that entry points read, as they are stored, then the
 * states; parameters counts elements; memory_bytes is what the device holds
 * now.
 */
PI_RUNTIME_API pi_status pi_model_info(pi_model *model, const char **json);

/*
 * Runs any entry point. `inputs` and `outputs` have a pointer for each input
 * and output that pi_model_info lists, in its order; tensors are dense and
 * row-major. An output that is null is not read; either array may be null where
 * the entry point has none. Indices, such as tokens, targets and positions,
 * have to be in the range that pi_model_info gives. Needs weights if the entry
 * point has parameters. Updates parameters and states where it is made to; a
 * generation ends if the entry point has states.
 */
PI_RUNTIME_API pi_status pi_model_run(pi_model *model, const char *entry_point,
                                      const void *const *inputs,
                                      void *const *outputs);

/*
 * Logits of all positions. `tokens` is rows x length, 1 <= rows <= batch and
 * 1 <= length <= sequence_length; `logits` takes rows x length x vocab_size
 * floats, or is null to run without reading them. Both row-major. Does not
 * disturb a generation that has been started.
 */
PI_RUNTIME_API pi_status pi_model_forward(pi_model *model,
                                          const int32_t *tokens, int64_t rows,
                                          int64_t length, float *logits);

/*
 * How the next token is chosen, in the order of the filters: logits are divided
 * by `temperature`; all but the `top_k` largest are dropped; of those, the
 * smallest set of most probable tokens with a probability of at least `top_p`
 * is kept; and one is drawn by a Mersenne Twister (std::mt19937_64) with
 * `seed`. temperature 0 takes the most probable token; top_k 0 and top_p 1 drop
 * nothing.
 */
typedef struct pi_sampling {
  float temperature; /* >= 0 */
  int32_t top_k;     /* >= 0 */
  float top_p;       /* 0 < top_p <= 1 */
  uint64_t seed;
} pi_sampling;

/*
 * Starts a generation: runs the prompt (rows x length, as for forward) and
 * fills the key/value cache. `sampling` may be null: the most probable token.
 * A generation that was going on ends.
 */
PI_RUNTIME_API pi_status pi_generate_start(pi_model *model,
                                           const int32_t *prompt, int64_t rows,
                                           int64_t length,
                                           const pi_sampling *sampling);

/*
 * The next token of each row, `rows` integers. Fails with PI_INVALID_ARGUMENT
 * if no generation has been started or the sequence has reached
 * sequence_length.
 */
PI_RUNTIME_API pi_status pi_generate_next(pi_model *model, int32_t *tokens);

#ifdef __cplusplus
}
#endif

#endif /* PI_RUNTIME_PI_RUNTIME_H */
