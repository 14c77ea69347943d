//===- Options.h - Options of the architecture passes -----------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TRANSFORMS_ARCHITECTURE_OPTIONS_H
#define PI_TRANSFORMS_ARCHITECTURE_OPTIONS_H

namespace mlir::pi {

/// What becomes of the LayerNorm before the head.
enum class FinalLayerNorm { Auto, Keep, Remove };

/// Which LayerNorms of a layer: the one before attention, before the
/// feed-forward block, or both.
enum class LayerNormPlace { Both, Attention, FeedForward };

/// What stands between the two linears of a feed-forward block.
enum class Activation { Gelu, Relu, Identity, Polynomial };

/// Which activations a replacement acts on.
enum class ReplacedActivation { Gelu, Any };

enum class WeightNormalization { Weight, Spectral };

/// Which linears are normalised: q, k, v and output projection of attention
/// (QK, QKV, QKVO), those of the feed-forward block (FFN), or both.
enum class Placement { QK, FFN, QKFFN, QKVFFN, QKVOFFN };

} // namespace mlir::pi

#endif // PI_TRANSFORMS_ARCHITECTURE_OPTIONS_H
