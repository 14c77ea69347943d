//===- GPT2Config.h - Hugging Face configuration of GPT-2 -------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What of a Hugging Face GPT-2 `config.json` decides the function that the
// model computes, read strictly: an option that would change the mathematics
// and is not supported is an error, not a surprise in the logits.
//
//===----------------------------------------------------------------------===//

#ifndef PI_TARGET_GPT2_GPT2CONFIG_H
#define PI_TARGET_GPT2_GPT2CONFIG_H

#include "mlir/IR/Location.h"
#include "mlir/Support/LLVM.h"

#include <optional>

namespace mlir::pi {

/// The activation between the two linear layers of an FFN.
enum class GPT2Activation {
  GeluTanh, ///< `gelu_new`, `gelu_pytorch_tanh`
  Gelu,     ///< `gelu`, by the error function
  Relu,     ///< `relu`
};

/// A GPT-2 architecture. The defaults are those of transformers' GPT2Config,
/// which are GPT-2 small. Sizes that a parse or a lookup returned are positive,
/// at most 2^31 - 1, and such that the bytes of all parameters together and of
/// every activation at batch 1 fit in int64_t.
struct GPT2Config {
  int64_t vocabSize = 50257;         ///< V, `vocab_size`
  int64_t numPositions = 1024;       ///< `n_positions`
  int64_t width = 768;               ///< d, `n_embd`
  int64_t numLayers = 12;            ///< L, `n_layer`
  int64_t numHeads = 12;             ///< H, `n_head`
  std::optional<int64_t> innerWidth; ///< `n_inner`, 4 d if absent
  GPT2Activation activation = GPT2Activation::GeluTanh;
  double layerNormEpsilon = 1e-5;
  double initializerRange = 0.02;
  bool scaleAttnWeights = true;
  bool scaleAttnByInverseLayerIdx = false;
  bool tieWordEmbeddings = true;

  int64_t getInnerWidth() const { return innerWidth.value_or(4 * width); }

  /// The factor on the scores of layer `layer`: 1 / sqrt(d / H) if
  /// `scaleAttnWeights`, over layer + 1 if `scaleAttnByInverseLayerIdx`.
  double getAttentionScale(int64_t layer) const;
};

/// The configuration built in under `name` (`gpt2`, `gpt2-medium`,
/// `gpt2-large`, `gpt2-xl`), if there is one.
std::optional<GPT2Config> lookupGPT2Config(StringRef name);

/// The names that `lookupGPT2Config` knows, for help and errors.
ArrayRef<StringRef> getGPT2ConfigNames();

/// Parses the text of a `config.json`. Errors go to the diagnostics of
/// `context` at `file` with the line of the key in question.
///
/// Honoured: vocab_size, n_positions (n_ctx), n_embd, n_layer, n_head, n_inner,
/// activation_function, layer_norm_epsilon, initializer_range,
/// scale_attn_weights, scale_attn_by_inverse_layer_idx, tie_word_embeddings,
/// and the synonyms hidden_size, max_position_embeddings,
/// num_attention_heads, num_hidden_layers of transformers. A missing key has
/// transformers' default. Keys that leave the function at inference unchanged
/// (dropouts, summary_*, generation settings, ...; `ignoredKeys` in
/// GPT2Config.cpp) are ignored; every other key is an error unless it is null.
FailureOr<GPT2Config> parseGPT2Config(StringRef text, StringRef file,
                                      MLIRContext *context);

} // namespace mlir::pi

#endif // PI_TARGET_GPT2_GPT2CONFIG_H
