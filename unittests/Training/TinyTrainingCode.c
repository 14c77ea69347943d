//===- TinyTrainingCode.c - Host code of the model to train ---------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

/*
 * Written by hand in the form that the compiler gives host code. A bigram
 * model: the logits of a position are the row of the table wte.weight (V x V)
 * that its token chooses. AdamW with beta 0.9 and 0.999 and eps 1e-8. There is
 * no attention; as the entropy of head k of layer l stands the mean entropy of
 * softmax((1 + l + k / 2) logits) over all rows.
 */

#include "pi/Runtime/HostSupport.h"

#include <math.h>
#include <string.h>

enum { B = 4, T = 8, V = 32, Layers = 2, Heads = 2 };

/* The mean loss of the batch; adds its gradient to `gradient` (V x V). */
static float differentiate(const int32_t *tokens, const int32_t *targets,
                           const float *table, float *gradient) {
  float loss = 0;
  for (int i = 0; i < B * T; ++i) {
    const float *logits = table + tokens[i] * V;
    float largest = logits[0], sum = 0;
    for (int v = 1; v < V; ++v)
      largest = logits[v] > largest ? logits[v] : largest;
    for (int v = 0; v < V; ++v)
      sum += expf(logits[v] - largest);
    loss += logf(sum) + largest - logits[targets[i]];
    for (int v = 0; v < V; ++v)
      gradient[tokens[i] * V + v] +=
          (expf(logits[v] - largest) / sum - (v == targets[i])) / (B * T);
  }
  return loss / (B * T);
}

/* Clips, updates and gives the norm before clipping. */
static float update(float learningRate, float weightDecay, float maxNorm,
                    int32_t step, float *table, float *average, float *square,
                    const float *gradient) {
  float norm = 0;
  for (int i = 0; i < V * V; ++i)
    norm += gradient[i] * gradient[i];
  norm = sqrtf(norm);
  float scale = maxNorm / (norm + 1e-6f);
  if (!isfinite(norm))
    return norm;
  if (scale > 1)
    scale = 1;
  for (int i = 0; i < V * V; ++i) {
    float g = gradient[i] * scale;
    average[i] = 0.9f * average[i] + 0.1f * g;
    square[i] = 0.999f * square[i] + 0.001f * g * g;
    float m = average[i] / (1 - powf(0.9f, (float)step));
    float s = square[i] / (1 - powf(0.999f, (float)step));
    table[i] -=
        learningRate * (m / (sqrtf(s) + 1e-8f) + weightDecay * table[i]);
  }
  return norm;
}

/* args: input_ids, targets, learning_rate, weight_decay, max_grad_norm, step,
 * wte.weight, its exp_avg, its exp_avg_sq, loss, grad_norm */
int32_t tiny_train_step(void *const *args) {
  float gradient[V * V] = {0};
  *(float *)args[9] = differentiate(args[0], args[1], args[6], gradient);
  *(float *)args[10] = update(
      *(const float *)args[2], *(const float *)args[3], *(const float *)args[4],
      *(const int32_t *)args[5], args[6], args[7], args[8], gradient);
  return 0;
}

/* args: input_ids, targets, wte.weight, its gradient, loss */
int32_t tiny_accumulate_gradients(void *const *args) {
  *(float *)args[4] = differentiate(args[0], args[1], args[2], args[3]);
  return 0;
}

/* args: learning_rate, weight_decay, max_grad_norm, step, micro_batches,
 * wte.weight, its exp_avg, its exp_avg_sq, its gradient, grad_norm */
int32_t tiny_apply_gradients(void *const *args) {
  float *gradient = args[8];
  for (int i = 0; i < V * V; ++i)
    gradient[i] /= (float)*(const int32_t *)args[4];
  *(float *)args[9] = update(*(const float *)args[0], *(const float *)args[1],
                             *(const float *)args[2], *(const int32_t *)args[3],
                             args[5], args[6], args[7], gradient);
  memset(gradient, 0, sizeof(float) * V * V);
  return 0;
}

/* args: input_ids, targets, wte.weight, cross_entropy, entropies of layers */
int32_t tiny_evaluate(void *const *args) {
  const int32_t *tokens = args[0];
  const float *table = args[2];
  float gradient[V * V] = {0};
  *(float *)args[3] = differentiate(tokens, args[1], table, gradient);
  for (int layer = 0; layer < Layers; ++layer)
    for (int head = 0; head < Heads; ++head) {
      float total = 0;
      for (int i = 0; i < B * T; ++i) {
        float p[V], sum = 0;
        for (int v = 0; v < V; ++v)
          sum += p[v] = expf(table[tokens[i] * V + v] *
                             (1 + (float)layer + (float)head / 2));
        for (int v = 0; v < V; ++v)
          total -= p[v] / sum * logf(p[v] / sum + 1e-9f);
      }
      ((float *)args[4 + layer])[head] = total / (B * T);
    }
  return 0;
}

/* args: input_ids, targets, wte.weight, 0.wte.embedding,
 * 1.loss.cross_entropy */
int32_t tiny_check_finite(void *const *args) {
  const int32_t *tokens = args[0];
  const float *table = args[2];
  float gradient[V * V] = {0};
  int32_t finite = 1;
  for (int i = 0; i < B * T; ++i)
    for (int v = 0; v < V; ++v)
      finite &= isfinite(table[tokens[i] * V + v]) != 0;
  *(int32_t *)args[3] = finite;
  *(int32_t *)args[4] =
      isfinite(differentiate(tokens, args[1], table, gradient)) != 0;
  return 0;
}
