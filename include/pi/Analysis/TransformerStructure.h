//===- TransformerStructure.h - The layers of a decoder ---------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Finds the layers of a decoder-only transformer in a function, by following
// use-def chains of activations. Symbol names and locations are not looked at,
// and weights may come from anywhere, so the analysis holds for an imported
// module, for a rewritten one and for the execution form alike.
//
// A layer is a self-attention block and, usually, a feed-forward block:
//
//   block input --+--> [layer_norm] --> linear --> attention --> linear --+
//                 |                                                       v
//                 +----------------------------------------------> residual
//
//   block input --+--> [layer_norm] --> linear [--> activation] [--> linear]
//   --+
//                 | v
//                 +--------------------------------------------------->
//                 residual
//
// where residual is `pi.add` or `pi.scaled_residual`. Every value on the way
// but the block input has one reader; a chain with anything else on it is not
// matched, and is listed by `getUnknown` with the reason.
//
//===----------------------------------------------------------------------===//

#ifndef PI_ANALYSIS_TRANSFORMERSTRUCTURE_H
#define PI_ANALYSIS_TRANSFORMERSTRUCTURE_H

#include "pi/Dialect/Pi/IR/Pi.h"

#include "llvm/ADT/DenseMap.h"

namespace mlir::pi {

/// What an operation of a decoder is part of.
enum class ModelPart {
  /// Embeddings, loads and whatever was not recognised.
  Other,
  /// The self-attention block of a layer with its LayerNorm and residual.
  Attention,
  /// The feed-forward block of a layer with its LayerNorm and residual.
  FeedForward,
  /// The LayerNorm before the head (`ln_f`).
  FinalLayerNorm,
  /// The linear that gives the logits.
  Head,
};

/// The name of a part for people: "attention", "feed-forward block", ...
StringRef stringifyModelPart(ModelPart part);

/// A self-attention block. The fields that could not be matched are null; all
/// are where a feed-forward block stands alone.
struct AttentionBlock {
  /// The LayerNorm before the projection, or null.
  LayerNormOp norm;
  /// B x T x d -> B x T x 3d.
  LinearOp qkvProjection;
  /// A `pi.attention` or `pi.cached_attention`.
  Operation *attention = nullptr;
  /// B x T x d -> B x T x d.
  LinearOp outputProjection;
  /// `pi.add` or `pi.scaled_residual`.
  Operation *residual = nullptr;

  /// Whether every part but the LayerNorm, which is optional, was matched.
  bool isComplete() const { return residual != nullptr; }
};

/// A feed-forward block, matched as a whole or not at all.
struct FeedForwardBlock {
  /// The LayerNorm before the first linear, or null.
  LayerNormOp norm;
  /// The linear that reads the stream: d -> 4d, or d -> d if fused.
  LinearOp input;
  /// The elementwise operation between the linears, or null (identity).
  Operation *activation = nullptr;
  /// The linear that writes the update: `input` itself if fused.
  LinearOp output;
  /// `pi.add` or `pi.scaled_residual`; null if the layer has no such block.
  Operation *residual = nullptr;

  explicit operator bool() const { return residual != nullptr; }
  /// Whether one linear stands where GPT-2 has two.
  bool isFused() const { return input == output; }
  /// What the block reads and its update is added to.
  Value getStream() const;
};

/// One layer, counted from 0 in the order of execution. Every attention starts
/// one; so does a feed-forward block before the first attention.
struct TransformerLayer {
  AttentionBlock attention;
  FeedForwardBlock feedForward;
};

/// Code that stands where a block was expected but that has another form.
struct UnknownCode {
  ModelPart part;
  /// The attention or the residual sum whose block was not matched.
  Operation *op;
  /// Why, as the end of a sentence without a full stop.
  std::string reason;
};

/// The structure of the decoder in one function. Usable with `getAnalysis`.
class TransformerStructure {
public:
  /// `function` is an operation with one region, such as `func.func`.
  explicit TransformerStructure(Operation *function);

  ArrayRef<TransformerLayer> getLayers() const { return layers; }
  /// The LayerNorm before the head, or null.
  LayerNormOp getFinalLayerNorm() const { return finalLayerNorm; }
  /// The linear that gives the logits, or null.
  LinearOp getHead() const { return head; }
  /// Blocks that were not matched, in order of execution.
  ArrayRef<UnknownCode> getUnknown() const { return unknown; }

  /// What `op` is part of. Only activations are sorted: an operation that
  /// computes a weight, such as `pi.load`, is in `Other`.
  ModelPart getPart(Operation *op) const { return parts.lookup(op); }

  /// The two tensors that a residual connection `op` joins: the stream that
  /// passes by and the update, which is `update`. Null if `op` is none.
  static Value getStream(Operation *op, Value update);

private:
  void matchAttention(Operation *attention);
  void matchFeedForward(Operation *residual);
  void matchHead(Operation *function);
  /// Whether `op` may stand around the head: it chooses or reshapes rows, or
  /// adds a bias, but joins no two streams and is no activation.
  bool isBesideHead(Operation *op) const;
  /// Whether what reads `linear`, in any number of steps, may stand around the
  /// head: the model does not go on after it.
  bool isLast(LinearOp linear) const;
  void assign(ModelPart part, ArrayRef<Operation *> ops);

  SmallVector<TransformerLayer> layers;
  LayerNormOp finalLayerNorm;
  LinearOp head;
  SmallVector<UnknownCode> unknown;
  llvm::DenseMap<Operation *, ModelPart> parts;
};

} // namespace mlir::pi

#endif // PI_ANALYSIS_TRANSFORMERSTRUCTURE_H
