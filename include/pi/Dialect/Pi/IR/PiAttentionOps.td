//===- PiAttentionOps.td - Attention -----------------------*- tablegen -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_DIALECT_PI_IR_PIATTENTIONOPS_TD
#define PI_DIALECT_PI_IR_PIATTENTIONOPS_TD

include "pi/Dialect/Pi/IR/PiNonlinearOps.td"

/// One softmax for each sequence and head.
def PI_NonlinearByHead
    : DeclareOpInterfaceMethods<NonlinearOpInterface, ["getNonlinearInstances",
                                                       "getNonlinearShape"]>;

class PI_AttentionLikeOp<string mnemonic, list<Trait> traits = []>
    : PI_NonlinearOp<mnemonic, traits> {
  code headShape = [{
    /// The model width d and the width d / H of one head.
    int64_t getWidth() { return getQkv().getType().getDimSize(2) / 3; }
    int64_t getHeadSize() { return getWidth() / getNumHeads(); }
  }];
  code headEvaluation = headShape # [{
    /// How two parties evaluate it, the default if nothing is said.
    EvaluationAttr getEvaluationOrDefault() {
      EvaluationAttr evaluation = getEvaluationAttr();
      return evaluation ? evaluation : EvaluationAttr::getDefault(getContext());
    }
  }];
}

def PI_AttentionOp
    : PI_AttentionLikeOp<"attention", [
        AttrSizedResultSegments, PI_WideOperandsAndResults, PI_Costly, PI_CountsFlops, PI_NonlinearByHead,
        PI_Recomputable, DeclareOpInterfaceMethods<DifferentiableOpInterface, ["buildForward"]>,
        DeclareOpInterfaceMethods<GenerationOpInterface, ["getStateType", "getDecodeObstacle"]>]> {
  let summary = "multi-head self-attention over a packed projection";
  let description = [{
    For each head, `P = softmax(scale * Q K^T / t)` by row and `result = P V`.
    Q, K and V are the three thirds of the last dimension of `qkv`, head h
    being columns `[h * d / H, (h + 1) * d / H)` of each, where the packed
    projection left them. With `causal`, row i sees columns `j <= i` only. The
    learnable temperature t has one element for each head and row (`SM(t)`).

    The optional second result is the entropy of each row,
    `-sum_j P[i, j] * log(P[i, j])` in nats, which the entropy regulariser and
    the heat maps read. The optional result `log_sum_exp` is the logarithm of
    the sum that normalises each row, from which the gradient finds P again.

    `evaluation` says how two parties evaluate the attention (`#pi.evaluation`):
    a matter of cost, on which no result depends.

    Shapes: qkv `B x T x 3d`, temperature `H x T`, result `B x T x d`, entropy
    and log_sum_exp `B x H x T`, in f32 where qkv is shorter.

    ```mlir
    %y = pi.attention %qkv heads 4 scale 0.25 causal
        : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
    %z, %e = pi.attention %qkv temperature %t heads 4 scale 0.25 causal
        : (tensor<1x16x192xf32>, tensor<4x16xf32>) -> (tensor<1x16x64xf32>, tensor<1x4x16xf32>)
    %x, %l = pi.attention %qkv heads 4 scale 0.25 causal
        : (tensor<1x16x192xf32>) -> (tensor<1x16x64xf32>, log_sum_exp tensor<1x4x16xf32>)
    ```
  }];
  let arguments = (ins
    PI_FloatTensor:$qkv,
    Optional<PI_FloatTensor>:$temperature,
    ConfinedAttr<I64Attr, [IntPositive]>:$num_heads,
    F64Attr:$scale,
    UnitAttr:$causal,
    OptionalAttr<PI_EvaluationAttr>:$evaluation);
  let results = (outs PI_FloatTensor:$result,
                      Optional<PI_FloatTensor>:$entropy,
                      Optional<PI_FloatTensor>:$log_sum_exp);
  let assemblyFormat = [{
    $qkv (`temperature` $temperature^)? `heads` $num_heads `scale` $scale
    (`causal` $causal^)? (`evaluation` $evaluation^)? attr-dict `:`
    `(` type($qkv) (`,` type($temperature)^)? `)` `->`
    custom<AttentionResults>(type($result), type($entropy), type($log_sum_exp))
  }];
  let builders = [
    // Without log_sum_exp. A null `entropy` leaves that out, too.
    OpBuilder<(ins "::mlir::Type":$result, "::mlir::Type":$entropy,
                   "::mlir::Value":$qkv, "::mlir::Value":$temperature,
                   "uint64_t":$num_heads, "::llvm::APFloat":$scale,
                   "bool":$causal,
                   CArg<"::mlir::pi::EvaluationAttr", "{}">:$evaluation), [{
      build($_builder, $_state, result, entropy, /*log_sum_exp=*/::mlir::Type(),
            qkv, temperature, num_heads, scale, causal, evaluation);
    }]>
  ];
  let extraClassDeclaration = headEvaluation # [{
    /// The type of what an attention over `qkv` gives for each row: the entropy
    /// and log_sum_exp.
    static ::mlir::RankedTensorType
    getEntropyType(::mlir::RankedTensorType qkv, int64_t numHeads);

    /// The blocks of rows that a private softmax is evaluated on: one of all
    /// rows and columns unless rows are packed.
    ::llvm::SmallVector<RowBlock> getRowBlocks();
  }];
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
}

def PI_UpdateCacheOp
    : PI_AttentionLikeOp<"update_cache", [PI_ComputeFormat, PI_Local, PI_Indexing, InferTypeOpAdaptor]> {
  let summary = "puts keys and values of new positions into the cache";
  let description = [{
    Copies K and V of `qkv` into `cache[0]` and `cache[1]` at rows
    `position .. position + T - 1` (row 0 on if position is not given) and
    gives the new cache. Shapes: cache and result `2 x B x C x d`, qkv
    `B x T x 3d`, position a scalar, `T <= C`.

    ```mlir
    %c1 = pi.update_cache %c0, %qkv at %i
        : (tensor<2x1x16x64xf32>, tensor<1x1x192xf32>, tensor<i32>) -> tensor<2x1x16x64xf32>
    ```
  }];
  let arguments = (ins
    PI_FloatTensor:$cache,
    PI_FloatTensor:$qkv,
    Optional<PI_Position>:$position);
  let results = (outs PI_FloatTensor:$result);
  let assemblyFormat = [{
    $cache `,` $qkv (`at` $position^)? attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def PI_CachedAttentionOp
    : PI_AttentionLikeOp<"cached_attention", [PI_WideOperands, PI_Costly, PI_CountsFlops, PI_NonlinearByHead,
                                               PI_Indexing]> {
  let summary = "attention of new positions over the key/value cache";
  let description = [{
    Attention as in `pi.attention`, causal, where row i of `qkv` stands at
    `position + i` and keys and values come from the cache, which already
    holds those of the new rows (`pi.update_cache`). Row i sees cache rows
    `0 .. position + i` and takes column `position + i` of the temperature.
    Shapes: qkv `B x T x 3d`, cache `2 x B x C x d`, position a scalar,
    temperature `H x C`, result `B x T x d`.

    `evaluation` is that of `pi.attention` but for `pack_rows`: which columns a
    row sees is known at `position` only.

    ```mlir
    %y = pi.cached_attention %qkv, %cache at %i heads 4 scale 0.25
        : (tensor<1x1x192xf32>, tensor<2x1x16x64xf32>, tensor<i32>) -> tensor<1x1x64xf32>
    ```
  }];
  let arguments = (ins
    PI_FloatTensor:$qkv,
    PI_FloatTensor:$cache,
    PI_Position:$position,
    Optional<PI_FloatTensor>:$temperature,
    ConfinedAttr<I64Attr, [IntPositive]>:$num_heads,
    F64Attr:$scale,
    OptionalAttr<PI_EvaluationAttr>:$evaluation);
  let results = (outs PI_FloatTensor:$result);
  let assemblyFormat = [{
    $qkv `,` $cache `at` $position (`temperature` $temperature^)?
    `heads` $num_heads `scale` $scale (`evaluation` $evaluation^)? attr-dict
    `:` functional-type(operands, results)
  }];
  let extraClassDeclaration = headEvaluation;
  let hasVerifier = 1;
}

#endif // PI_DIALECT_PI_IR_PIATTENTIONOPS_TD
