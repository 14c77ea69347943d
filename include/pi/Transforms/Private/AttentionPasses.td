//===- AttentionPasses.td - How parties evaluate attention -*- tablegen -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TRANSFORMS_PRIVATE_ATTENTIONPASSES_TD
#define PI_TRANSFORMS_PRIVATE_ATTENTIONPASSES_TD

include "mlir/Pass/PassBase.td"

def PI_NumAttentions
    : Statistic<"numAttentions", "attentions", "Attentions changed">;

def PiPackCausalSoftmax : Pass<"pi-pack-causal-softmax", "::mlir::ModuleOp"> {
  let summary = "leave masked scores out of the private softmax";
  let description = [{
    Sets `pack_rows` of every causal attention (`#pi.evaluation`). A softmax on
    shares costs as much for a masked score as for any other, and a stock run
    evaluates it on all T x T. Here rows b k .. b k + k - 1 are compared and
    exponentiated in columns 0 .. (b + 1) k - 1 alone, with k = `rows`. Blocks are
    cut out of the scores and put back by slices and concatenations, which are
    local on shares, and go through maxima, the exponential and the products with
    reciprocals as one vector for all sequences and heads: T (T + k) / 2 elements
    a head where k divides T, in as many rounds as before. Fewer rows in a block
    leave out more; they need T / k slices.

    The result is the same up to the rounding of fixed point. Attentions that are
    not causal are left alone, as no score of theirs is masked; `rows` above T is T.

    Before:

    ```mlir
    func.func @forward(%qkv: tensor<1x16x192xf32>) -> tensor<1x16x64xf32> {
      %0 = pi.attention %qkv heads 4 scale 0.25 causal : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
      return %0 : tensor<1x16x64xf32>
    }
    ```

    After `--pi-pack-causal-softmax=rows=4`:

    ```mlir
    func.func @forward(%qkv: tensor<1x16x192xf32>) -> tensor<1x16x64xf32> {
      %0 = pi.attention %qkv heads 4 scale 0.25 causal evaluation <pack_rows = 4>
          : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
      return %0 : tensor<1x16x64xf32>
    }
    ```
  }];
  let options = [
    Option<"rows", "rows", "int64_t", "8", "Rows of a block">
  ];
  let statistics = [PI_NumAttentions];
}

def PiDeferNormalization : Pass<"pi-defer-normalization", "::mlir::ModuleOp"> {
  let summary = "divide by the sums of rows after the product with V";
  let description = [{
    Sets `defer_normalization` of every attention (`#pi.evaluation`). With E the
    exponentials of a head's scores and s the sums of their rows,

        diag(1 / s) E V = diag(1 / s) (E V)

    so that T d_h elements of the product are multiplied by reciprocals instead of
    the T T (or, packed, T (T + k) / 2) exponentials. It pays where d_h is less
    than that share of T. E V is up to s <= T times as large as the attention
    itself, and so are the errors of fixed point in it, which the division then
    takes back.

    Before:

    ```mlir
    func.func @forward(%qkv: tensor<1x16x192xf32>) -> tensor<1x16x64xf32> {
      %0 = pi.attention %qkv heads 4 scale 0.25 causal : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
      return %0 : tensor<1x16x64xf32>
    }
    ```

    After:

    ```mlir
    func.func @forward(%qkv: tensor<1x16x192xf32>) -> tensor<1x16x64xf32> {
      %0 = pi.attention %qkv heads 4 scale 0.25 causal evaluation <defer_normalization = true>
          : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
      return %0 : tensor<1x16x64xf32>
    }
    ```
  }];
  let statistics = [PI_NumAttentions];
}

#endif // PI_TRANSFORMS_PRIVATE_ATTENTIONPASSES_TD
