//===- TinyModelCode.c - Host code of the test model ----------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

/*
 * Written by hand in the form that the compiler gives host code. With E the
 * table wte.weight (V x V), P wpe.weight (T x V, in bfloat16), M mix.weight
 * (V x V) and the derived parameter bias (V, twice the column sums of E):
 *
 *   h[t] = sum of E[token[s]] over s <= t
 *   logits[t] = h[t] M + P[t] + bias
 *
 * The state h.0.attn.cache (B x V) holds h of the last position.
 */

#include "pi/Runtime/HostSupport.h"

#include <string.h>

enum { B = 2, T = 8, V = 16 };

static float fromBFloat16(uint16_t bits) {
  uint32_t wide = (uint32_t)bits << 16;
  float value;
  memcpy(&value, &wide, sizeof(value));
  return value;
}

/* args: wte.weight, bias */
int32_t tiny_initialize_bias(void *const *args) {
  const float *table = args[0];
  float *bias = args[1];
  for (int v = 0; v < V; ++v) {
    bias[v] = 0;
    for (int row = 0; row < V; ++row)
      bias[v] += 2 * table[row * V + v];
  }
  return 0;
}

/* args: wte.weight, a copy of it */
int32_t tiny_initialize_copy(void *const *args) {
  memcpy(args[1], args[0], sizeof(float) * V * V);
  return 0;
}

/* logits = h M + P[position] + bias for `rows` rows of h. */
static void project(int rows, const float *h, const float *mix,
                    const uint16_t *positions, int step, const float *bias,
                    float *logits) {
  for (int row = 0; row < rows; ++row)
    for (int v = 0; v < V; ++v)
      logits[row * V + v] =
          fromBFloat16(positions[row * step * V + v]) + bias[v];
  pi_rt_sgemm(0, 0, rows, V, V, 1.0f, h, V, mix, V, 1.0f, logits, V);
}

struct Sums {
  const int32_t *tokens;
  const float *table;
  float *h;
};

/* h of all positions of batch rows [begin, end). */
static void sumRows(int64_t begin, int64_t end, void *context) {
  struct Sums *sums = context;
  for (int64_t b = begin; b < end; ++b)
    for (int t = 0; t < T; ++t)
      for (int v = 0; v < V; ++v)
        sums->h[(b * T + t) * V + v] =
            sums->table[sums->tokens[b * T + t] * V + v] +
            (t ? sums->h[(b * T + t - 1) * V + v] : 0);
}

/* args: input_ids, wte.weight, wpe.weight, mix.weight, bias, logits */
int32_t tiny_forward(void *const *args) {
  float *h = pi_rt_alloc(sizeof(float) * B * T * V);
  struct Sums sums = {args[0], args[1], h};
  pi_rt_parallel_for(B, sumRows, &sums);
  for (int b = 0; b < B; ++b)
    project(T, h + b * T * V, args[3], args[2], 1, args[4],
            (float *)args[5] + b * T * V);
  pi_rt_free(h);
  return 0;
}

static void chooseTokens(const float *logits, int32_t *tokens) {
  for (int b = 0; b < B; ++b) {
    tokens[b] = 0;
    for (int v = 1; v < V; ++v)
      if (logits[b * V + v] > logits[b * V + tokens[b]])
        tokens[b] = v;
  }
}

/* args: input_ids, last_position, h.0.attn.cache, wte.weight, wpe.weight,
 * mix.weight, bias, logits, next_token */
int32_t tiny_prefill(void *const *args) {
  int32_t position = *(const int32_t *)args[1];
  float *cache = args[2];
  float *h = pi_rt_alloc(sizeof(float) * B * T * V);
  struct Sums sums = {args[0], args[3], h};
  sumRows(0, B, &sums);
  for (int b = 0; b < B; ++b)
    memcpy(cache + b * V, h + (b * T + position) * V, sizeof(float) * V);
  pi_rt_free(h);
  project(B, cache, args[5], (const uint16_t *)args[4] + position * V, 0,
          args[6], args[7]);
  chooseTokens(args[7], args[8]);
  return 0;
}

/* args: input_ids, position, and then as prefill */
int32_t tiny_decode(void *const *args) {
  const int32_t *tokens = args[0];
  int32_t position = *(const int32_t *)args[1];
  float *cache = args[2];
  const float *table = args[3];
  for (int b = 0; b < B; ++b)
    for (int v = 0; v < V; ++v)
      cache[b * V + v] += table[tokens[b] * V + v];
  project(B, cache, args[5], (const uint16_t *)args[4] + position * V, 0,
          args[6], args[7]);
  chooseTokens(args[7], args[8]);
  return 0;
}

/* Adds 1 to the average and takes it, times the rate, from the weights; the
 * loss is the first weight before. args: learning_rate, wte.weight,
 * wte.weight.exp_avg, loss */
int32_t tiny_train_step(void *const *args) {
  float rate = *(const float *)args[0];
  float *weights = args[1], *average = args[2];
  *(float *)args[3] = weights[0];
  for (int i = 0; i < V * V; ++i) {
    average[i] += 1;
    weights[i] -= rate * average[i];
  }
  return 0;
}

/* args: targets, a copy of them */
int32_t tiny_copy_tokens(void *const *args) {
  memcpy(args[1], args[0], sizeof(int32_t) * B * T);
  return 0;
}

/* Fails, as host code that runs out of something would. */
int32_t tiny_failure(void *const *args) {
  (void)args;
  return 7;
}
