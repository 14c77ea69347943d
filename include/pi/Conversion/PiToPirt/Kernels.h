//===- Kernels.h - GPU kernels that the compiler emits ----------*- C++ -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A builder adds one kernel to a gpu.module and says how it is launched. The
// name of a kernel is its specification in short; if the module has a kernel of
// that name, the builder returns it, so that equal layers share one kernel.
// What a kernel cannot do is an error at `loc`.
//
// Arguments are static memrefs in device memory, dense and row-major, and are
// launched as one pointer each. Arithmetic is f32 whatever the element type.
// Results do not depend on the order in which blocks run: no atomics.
//
// B is the batch size, T the number of positions, C the capacity of the cache,
// H the number of heads, d the model width.
//
//===----------------------------------------------------------------------===//

#ifndef PI_CONVERSION_PITOPIRT_KERNELS_H
#define PI_CONVERSION_PITOPIRT_KERNELS_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Pass/Pass.h"

#include <array>
#include <optional>

namespace mlir::pi {

/// A kernel and its launch: grid in blocks, block in threads, dynamic shared
/// memory in bytes.
struct KernelLaunch {
  gpu::GPUFuncOp kernel;
  std::array<int64_t, 3> grid = {1, 1, 1};
  std::array<int64_t, 3> block = {1, 1, 1};
  int64_t sharedBytes = 0;
  /// Whether the kernel waits by itself for the one before it
  /// (griddepcontrol), so that it may be launched with programmatic stream
  /// serialisation and overlap its start with that kernel's end.
  bool programmatic = false;
};

/// How a block divides attention.
struct AttentionTiling {
  int64_t warps;
  /// Rows of queries of a warp: in bf16 16 or 32.
  int64_t rowsPerWarp;
  /// Keys in one step: in bf16 a multiple of 16, in f32 32.
  int64_t columns;
};

/// pi.attention. Arguments: qkv [B, T, 3d], temperature [H, T] f32 if any,
/// result [B, T, d], entropy and log_sum_exp [B, H, T] f32, each if any.
struct AttentionSpec {
  Type element;
  int64_t batch, tokens, heads, headSize;
  double scale;
  bool causal = true;
  bool temperature = false;
  bool entropy = false;
  bool logSumExp = false;
  /// If not given, chosen by the shape.
  std::optional<AttentionTiling> tiling;
};
FailureOr<KernelLaunch> buildAttention(gpu::GPUModuleOp module, Location loc,
                                       const AttentionSpec &spec);

/// The kernels of one operation in the order they run in, all with the same
/// arguments, and the types of those that are no operand or result of it.
struct KernelSequence {
  SmallVector<KernelLaunch> kernels;
  SmallVector<MemRefType> scratch;
};

/// pi.attention_grad of an attention with this spec, whose log_sum_exp is read
/// in any case and whose entropy has a gradient. Arguments: gradient [B, T, d],
/// qkv [B, T, 3d], result [B, T, d], log_sum_exp [B, H, T] f32, temperature
/// [H, T] f32 if any, entropy and its gradient [B, H, T] f32 if any, scratch,
/// d_qkv [B, T, 3d], d_temperature [H, T] f32 if any.
FailureOr<KernelSequence> buildAttentionGrad(gpu::GPUModuleOp module,
                                             Location loc,
                                             const AttentionSpec &spec);

/// pi.cached_attention for one new position, T = 1. Arguments: qkv [B, 1, 3d],
/// cache [2, B, C, d], position [] i32, temperature [H, C] f32 if any, result
/// [B, 1, d]. With `updatesCache` the kernel also does pi.update_cache.
struct CachedAttentionSpec {
  Type element;
  int64_t batch, capacity, heads, headSize;
  double scale;
  bool temperature = false;
  bool updatesCache = true;
};
FailureOr<KernelLaunch> buildCachedAttention(gpu::GPUModuleOp module,
                                             Location loc,
                                             const CachedAttentionSpec &spec);

/// pi.linear of few rows, with what stands around it:
///   result = residual (+) activation(layer_norm(input) * weight + bias).
/// Arguments, each only if the specification asks for it: input [rows, in],
/// weight [in, out] (transposed: [out, in]), LayerNorm weight [in] f32 and bias
/// [in] f32, bias [out], residual [rows, out], alpha [] and beta [], result
/// [rows, resultStride] of which the first `out` columns are written.
struct SkinnyLinearSpec {
  enum class Activation { None, GeluTanh, GeluErf, Relu };
  /// None, residual + update, or beta * residual + update / alpha.
  enum class Residual { None, Add, Scaled };

  Type element;
  Type resultElement;
  int64_t rows, inFeatures, outFeatures;
  int64_t resultStride;
  bool transposed = false;
  std::optional<double> layerNormEpsilon;
  bool bias = false;
  Activation activation = Activation::None;
  Residual residual = Residual::None;
};
FailureOr<KernelLaunch> buildSkinnyLinear(gpu::GPUModuleOp module, Location loc,
                                          const SkinnyLinearSpec &spec);

/// pi.argmax. Arguments: input [rows, rowStride], of which the first `columns`
/// columns count, result [rows] i32.
struct ArgmaxSpec {
  Type element;
  int64_t rows, columns, rowStride;
};
FailureOr<KernelLaunch> buildArgmax(gpu::GPUModuleOp module, Location loc,
                                    const ArgmaxSpec &spec);

/// Rounds f32 tensors to bf16, many in one launch. Argument: the table of the
/// addresses of all sources and then of all results. Results have `padding`
/// more elements than sources, which become zero; padding begins at a multiple
/// of 4 elements.
struct RoundTensorsSpec {
  SmallVector<int64_t> elements, padding;
};
FailureOr<KernelLaunch> buildRoundTensors(gpu::GPUModuleOp module, Location loc,
                                          const RoundTensorsSpec &spec);

/// pi.global_norm in two launches. The first takes the partial sums, one f32
/// for each block of its grid, and the table of the tensors; the second the
/// partial sums and the result [] f32.
FailureOr<KernelLaunch> buildSumsOfSquares(gpu::GPUModuleOp module,
                                           Location loc,
                                           ArrayRef<int64_t> elements);
FailureOr<KernelLaunch> buildRootOfSum(gpu::GPUModuleOp module, Location loc,
                                       int64_t partials);

/// pi.adamw of many parameters in two launches. The first computes what all
/// elements share from the learning rate [], the weight decay [] and the step
/// [] i32, and leaves it in factors [3] f32. The second takes these, the
/// coefficient [], and the table of weights, gradients, first and second
/// moments; weights and moments are updated in place.
struct AdamWSpec {
  double beta1, beta2, epsilon;
  SmallVector<int64_t> elements;
  /// Whether weight decay applies to a tensor.
  SmallVector<bool> decay;
};
FailureOr<KernelLaunch> buildAdamWFactors(gpu::GPUModuleOp module, Location loc,
                                          const AdamWSpec &spec);
FailureOr<KernelLaunch> buildAdamW(gpu::GPUModuleOp module, Location loc,
                                   const AdamWSpec &spec);

/// pi.is_finite. Arguments: the tensors, result [] i32.
FailureOr<KernelLaunch> buildIsFinite(gpu::GPUModuleOp module, Location loc,
                                      ArrayRef<MemRefType> tensors);

/// pi.mean_entropy. Arguments: entropy [B, H, T] f32, result [H] f32.
FailureOr<KernelLaunch> buildMeanEntropy(gpu::GPUModuleOp module, Location loc,
                                         MemRefType entropy);

/// Rows of pi.cross_entropy and pi.cross_entropy_grad. Arguments, each only if
/// the specification asks for it: logits [rows, rowStride], of which the first
/// `columns` columns count, targets [rows] i32, count [1] f32, gradient [] f32,
/// losses [rows] f32, result [rows, rowStride], which may be the logits.
/// Columns of the result beyond `columns` are 0.
struct CrossEntropySpec {
  Type element;
  int64_t rows, columns, rowStride;
  int32_t ignoreIndex;
  bool losses = false;
  /// result[i] = gradient / count * (softmax(logits[i]) - onehot(targets[i])).
  bool result = false;
  /// Whether there is an argument `gradient`: else it is 1.
  bool gradient = false;
};
FailureOr<KernelLaunch> buildCrossEntropy(gpu::GPUModuleOp module, Location loc,
                                          const CrossEntropySpec &spec);

/// The number of targets that are not ignored, at least 1. Arguments: targets
/// [rows] i32, count [1] f32.
FailureOr<KernelLaunch> buildTargetCount(gpu::GPUModuleOp module, Location loc,
                                         int64_t rows, int32_t ignoreIndex);

/// The sum of losses [rows] f32, in a fixed order, over count [1] f32: loss []
/// f32. Arguments in this order.
FailureOr<KernelLaunch> buildMeanLoss(gpu::GPUModuleOp module, Location loc,
                                      int64_t rows);

/// Sums that blocks of another kernel have left in parts:
///   result[r, c] = sum_i part[i * rows + r, c].
/// Arguments: the parts of each sum [parts, columns] f32, then its results
/// [rows, columns].
struct SumOfPartsSpec {
  struct Sum {
    Type element;
    int64_t rows, columns;
  };
  int64_t parts;
  SmallVector<Sum> sums;
};
FailureOr<KernelLaunch> buildSumOfParts(gpu::GPUModuleOp module, Location loc,
                                        const SumOfPartsSpec &spec);

/// The places of a sequence of tokens, in the order of slots of their tokens.
/// Arguments: indices [places] i32, and for each slot of a token its number of
/// places and where they begin in the order [slots] i32 each; order [places]
/// i32. Token v has slot `(v mod C) * Q + v / C` with C classes of Q tokens.
struct TokenOrderSpec {
  static constexpr int64_t kThreads = 512;

  int64_t places, vocabulary;

  int64_t getNumClasses() const;
  int64_t getTokensPerClass() const;
  /// At least the vocabulary: a slot without a token has no places.
  int64_t getNumSlots() const { return getNumClasses() * getTokensPerClass(); }
};
FailureOr<KernelLaunch> buildTokenOrder(gpu::GPUModuleOp module, Location loc,
                                        const TokenOrderSpec &spec);

/// pi.embedding_grad. Arguments: what the order gives, gradient [places,
/// columns], result [vocabulary, columns].
struct TokenSumsSpec {
  TokenOrderSpec order;
  Type element, resultElement;
  int64_t columns;
};
FailureOr<KernelLaunch> buildTokenSums(gpu::GPUModuleOp module, Location loc,
                                       const TokenSumsSpec &spec);

/// pi.entropy_penalty and its gradient. Arguments of the first: entropy
/// [B, H, T], threshold [H], and what each head gives [H] f32, whose sum is the
/// penalty; of the second: gradient [], entropy, threshold, d_entropy,
/// d_threshold.
struct EntropyPenaltySpec {
  Type element;
  int64_t batch, heads, tokens;
  bool perRow;
  double gamma, lambda;
};
FailureOr<KernelLaunch> buildEntropyPenalty(gpu::GPUModuleOp module,
                                            Location loc,
                                            const EntropyPenaltySpec &spec);
FailureOr<KernelLaunch> buildEntropyPenaltyGrad(gpu::GPUModuleOp module,
                                                Location loc,
                                                const EntropyPenaltySpec &spec);

#define GEN_PASS_DECL
#include "pi/Conversion/PiToPirt/Kernels/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "pi/Conversion/PiToPirt/Kernels/Passes.h.inc"

} // namespace mlir::pi

#endif // PI_CONVERSION_PITOPIRT_KERNELS_H
