//===- FoldingPasses.td - Fewer products of weights --------*- tablegen -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TRANSFORMS_PRIVATE_FOLDINGPASSES_TD
#define PI_TRANSFORMS_PRIVATE_FOLDINGPASSES_TD

include "mlir/Pass/PassBase.td"

def PiFoldLinear : Pass<"pi-fold-linear", "::mlir::ModuleOp"> {
  let summary = "fold linear feed-forward blocks into attention, with weights";
  let description = [{
    Where a layer has neither LayerNorm nor activation, its feed-forward block is
    a matrix that the stream is multiplied by, and the same logits come out
    without it: the weights of the attention and the head take it up. With
    `x[l+1] = (x[l] + a[l] O[l] + o[l]) M[l] + b[l]`, where `a` is what attention
    gives, `O` and `o` its output projection, and `M = beta I + W / alpha` and `b`
    the block with its (scaled) residual connection, the stream is written
    `x[l] = z[l] A[l] + c[l]` with

        A[l+1] = A[l] M[l],    c[0] = 0,    c[l+1] = (c[l] + o[l]) M[l] + b[l].

    Then `z[l+1] = z[l] + a[l] O[l] A[l]^-1`. The projection of q, k and v gets
    the weight `A[l] W` and the bias `c[l] W + b`, the output projection
    `O[l] A[l]^-1` and no bias, and the head likewise `A W` and `c W`, in
    parameters of its own where it was tied to the embedding.

    New weights are computed in f64 from the checkpoint `weights`, and written
    with all others to the directory `output`, which is made if it is missing;
    `config.json` and `tokenizer.json` are copied. What derives a parameter that
    the checkpoint lacks runs as when a compiled model loads. The new parameters
    have the layer's name and `folded` (`h.0.attn.c_attn.folded.weight`), so that
    neither checkpoint is taken for the other. Files appear when they are
    complete; after an error there are none.

    The logits are those of the model to rounding only, and rounding in `z` is
    amplified by `A`. `A[0]` is free, because the embeddings can be multiplied by
    its inverse, and is chosen so that the first and the last condition number
    are equal, the root of what they are together. A condition number is that of
    `diag(A, 1)` in the 2-norm, `max(|A|, 1) max(|A^-1|, 1)`, so that the scale of
    `z` stays near that of `x`. Where one would be above `max-condition`, other
    coordinates begin, at the cost of one linear `d x d` in place of that block. A
    layer that is too ill-conditioned by itself is an error with its location and
    the number, and so is a new weight that f32 cannot hold. The largest condition
    number and the changes are reported in a remark.

    In f32 the logits of a trained model of 4 layers differ by 1e-8 of the largest
    logit times the condition number; with the default they are within 1e-4.

    Only the last layers of a decoder are folded, up to the first, from the head,
    that is not linear; a remark says why. A LayerNorm before the head leaves
    all layers alone. A checkpoint is written in either case.

    Before:

    ```mlir
    pi.parameter @wte.weight : tensor<3x2xf32>
    pi.parameter @attn.c_attn.weight : tensor<2x6xf32>
    pi.parameter @attn.c_proj.weight : tensor<2x2xf32>
    pi.parameter @mlp.fused.weight : tensor<2x2xf32>
    pi.parameter @mlp.fused.bias : tensor<2xf32>

    func.func @forward(%ids: tensor<1x4xi32>) -> tensor<1x4x3xf32> {
      %table = pi.load @wte.weight : tensor<3x2xf32>
      %x = pi.embedding %ids, %table : (tensor<1x4xi32>, tensor<3x2xf32>) -> tensor<1x4x2xf32>
      %w = pi.load @attn.c_attn.weight : tensor<2x6xf32>
      %qkv = pi.linear %x, %w : (tensor<1x4x2xf32>, tensor<2x6xf32>) -> tensor<1x4x6xf32>
      %a = pi.attention %qkv heads 1 scale 0.5 causal : (tensor<1x4x6xf32>) -> (tensor<1x4x2xf32>)
      %o = pi.load @attn.c_proj.weight : tensor<2x2xf32>
      %update = pi.linear %a, %o : (tensor<1x4x2xf32>, tensor<2x2xf32>) -> tensor<1x4x2xf32>
      %y = pi.add %x, %update : (tensor<1x4x2xf32>, tensor<1x4x2xf32>) -> tensor<1x4x2xf32>
      %m = pi.load @mlp.fused.weight : tensor<2x2xf32>
      %b = pi.load @mlp.fused.bias : tensor<2xf32>
      %f = pi.linear %y, %m bias %b : (tensor<1x4x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x4x2xf32>
      %z = pi.add %y, %f : (tensor<1x4x2xf32>, tensor<1x4x2xf32>) -> tensor<1x4x2xf32>
      %head = pi.load @wte.weight : tensor<3x2xf32>
      %logits = pi.linear %z, %head transposed : (tensor<1x4x2xf32>, tensor<3x2xf32>) -> tensor<1x4x3xf32> loc("lm_head")
      return %logits : tensor<1x4x3xf32>
    }
    ```

    After `--pi-fold-linear='weights=WEIGHTS output=OUTPUT'`:

    ```mlir
    pi.parameter @lm_head.folded.weight : tensor<3x2xf32>
    pi.parameter @lm_head.folded.bias : tensor<3xf32>
    pi.parameter @wte.folded.weight : tensor<3x2xf32>
    pi.parameter @attn.c_attn.folded.weight : tensor<2x6xf32>
    pi.parameter @attn.c_proj.folded.weight : tensor<2x2xf32>

    func.func @forward(%ids: tensor<1x4xi32>) -> tensor<1x4x3xf32> {
      %table = pi.load @wte.folded.weight : tensor<3x2xf32>
      %x = pi.embedding %ids, %table : (tensor<1x4xi32>, tensor<3x2xf32>) -> tensor<1x4x2xf32>
      %w = pi.load @attn.c_attn.folded.weight : tensor<2x6xf32>
      %qkv = pi.linear %x, %w : (tensor<1x4x2xf32>, tensor<2x6xf32>) -> tensor<1x4x6xf32>
      %a = pi.attention %qkv heads 1 scale 0.5 causal : (tensor<1x4x6xf32>) -> (tensor<1x4x2xf32>)
      %o = pi.load @attn.c_proj.folded.weight : tensor<2x2xf32>
      %update = pi.linear %a, %o : (tensor<1x4x2xf32>, tensor<2x2xf32>) -> tensor<1x4x2xf32>
      %y = pi.add %x, %update : (tensor<1x4x2xf32>, tensor<1x4x2xf32>) -> tensor<1x4x2xf32>
      %head = pi.load @lm_head.folded.weight : tensor<3x2xf32>
      %b = pi.load @lm_head.folded.bias : tensor<3xf32>
      %logits = pi.linear %y, %head bias %b transposed
          : (tensor<1x4x2xf32>, tensor<3x2xf32>, tensor<3xf32>) -> tensor<1x4x3xf32>
      return %logits : tensor<1x4x3xf32>
    }
    ```
  }];
  let options = [
    Option<"weights", "weights", "std::string", "\"\"",
           "Checkpoint of the model: a directory or a Safetensors file">,
    Option<"output", "output", "std::string", "\"\"",
           "Directory for the checkpoint of the folded model">,
    Option<"maxCondition", "max-condition", "double", "1.0e4",
           "Largest condition number of the stream's coordinates">
  ];
  let statistics = [
    Statistic<"numFolded", "folded", "Feed-forward blocks folded">,
    Statistic<"numParametersErased", "parameters-erased",
              "Parameters that nothing reads any more">
  ];
}

#endif // PI_TRANSFORMS_PRIVATE_FOLDINGPASSES_TD
