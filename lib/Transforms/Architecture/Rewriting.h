//===- Rewriting.h - What the architecture passes share ---------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_LIB_TRANSFORMS_ARCHITECTURE_REWRITING_H
#define PI_LIB_TRANSFORMS_ARCHITECTURE_REWRITING_H

#include "pi/Analysis/TransformerStructure.h"
#include "pi/Transforms/Utils/Parameters.h"

#include "llvm/ADT/StringMap.h"

namespace mlir::pi {

/// Calls `rewrite` with every function of the module that has a body and with
/// its structure; stops at the first failure.
LogicalResult forEachDecoder(
    ModuleOp module,
    function_ref<LogicalResult(Operation *, TransformerStructure &)> rewrite);

/// Says in a remark which blocks of a kind were not matched, and why.
void remarkUnknown(const TransformerStructure &structure, ModelPart part);

/// Calls `rewrite` with each of `layers`, or with all layers if that is empty.
/// Fails where the decoder lacks one of them, and at the first failure.
LogicalResult
forEachLayer(Operation *function, const TransformerStructure &structure,
             ArrayRef<int64_t> layers,
             function_ref<LogicalResult(const TransformerLayer &)> rewrite);

/// The first parameter that the weight of a linear is computed from, or null.
ParameterOp getWeightParameter(LinearOp linear);

/// What new parameters of the blocks of a module are named after. A block is
/// known by a parameter that it has and that new ones are declared after, its
/// sibling: two functions that share the sibling share the new parameters.
class BlockNames {
public:
  /// `getSibling` gives the sibling in one layer; null if it gets no
  /// parameters.
  BlockNames(ModuleOp module,
             function_ref<ParameterOp(const TransformerLayer &)> getSibling);

  /// The name of the module that holds the sibling: "h.0.mlp" for
  /// @h.0.mlp.c_fc.weight. Where another block has that, too, the longer
  /// "h.0.mlp.c_fc", or else all of the sibling's name.
  StringRef get(ParameterOp sibling) const {
    return names.at(sibling.getSymName());
  }

private:
  llvm::StringMap<std::string> names;
};

/// The attention of a block as one that can be rebuilt; null, with a remark, if
/// it reads a cache, and null without one if the block has none.
AttentionOp getRewritableAttention(const AttentionBlock &block);

/// The parameter after which new ones of an attention are named; null if the
/// block has no attention or the weights around it are no parameters.
ParameterOp findAttentionParameter(const AttentionBlock &block);

/// The same of a block that has an attention, with a remark where it is null.
ParameterOp getAttentionParameter(const AttentionBlock &block);

/// Loads a parameter that is `value` everywhere unless the checkpoint has it.
/// It is declared after `sibling`.
FailureOr<Value> loadConstantParameter(OpBuilder &builder, Location loc,
                                       ParameterOp sibling, StringRef name,
                                       RankedTensorType type, double init,
                                       double value);

/// The attention with the same operands and attributes, but with this
/// temperature (or none) and with or without the entropy result. Replaces
/// `attention`, whose entropy must have no uses if it goes.
AttentionOp rebuildAttention(AttentionOp attention, Value temperature,
                             bool withEntropy);

} // namespace mlir::pi

#endif // PI_LIB_TRANSFORMS_ARCHITECTURE_REWRITING_H
