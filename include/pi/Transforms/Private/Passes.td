//===- Passes.td - Cheaper private inference ---------------*- tablegen -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TRANSFORMS_PRIVATE_PASSES_TD
#define PI_TRANSFORMS_PRIVATE_PASSES_TD

include "mlir/Pass/PassBase.td"
include "pi/Transforms/Private/AttentionPasses.td"
include "pi/Transforms/Private/FoldingPasses.td"

def PiKeepWithOwner : Pass<"pi-keep-with-owner", "::mlir::ModuleOp"> {
  let summary = "keep secrets with their owners until they meet";
  let description = [{
    Says of every public function that its weights stay in the clear with the
    server, and its tokens with the client, instead of being cut into random
    shares first. A product with a weight then takes one pass of encryption
    instead of two, and the client makes its one-hot rows by itself instead of
    testing T x V elements for equality. Either party still sees only random
    shares and ciphertexts of what is the other's, so under the semi-honest
    model nothing more is learnt; shares of the weights held by third parties
    would need the shared form.

    `pi-estimate-cost` and `pi-private-run` follow the attributes.

    Before:

    ```mlir
    func.func @forward(%ids: tensor<1x4xi32> {pi.name = "input_ids"}) -> tensor<1x4x8xf32> {
      %0 = pi.load @wte.weight : tensor<16x8xf32>
      %1 = pi.embedding %ids, %0 : (tensor<1x4xi32>, tensor<16x8xf32>) -> tensor<1x4x8xf32>
      return %1 : tensor<1x4x8xf32>
    }
    pi.parameter @wte.weight : tensor<16x8xf32>
    ```

    After:

    ```mlir
    func.func @forward(%ids: tensor<1x4xi32> {pi.name = "input_ids"}) -> tensor<1x4x8xf32>
        attributes {pi.known_tokens, pi.known_weights} {
      %0 = pi.load @wte.weight : tensor<16x8xf32>
      %1 = pi.embedding %ids, %0 : (tensor<1x4xi32>, tensor<16x8xf32>) -> tensor<1x4x8xf32>
      return %1 : tensor<1x4x8xf32>
    }
    pi.parameter @wte.weight : tensor<16x8xf32>
    ```
  }];
  let options = [
    Option<"weights", "weights", "bool", "true",
           "Whether weights stay with the server">,
    Option<"tokens", "tokens", "bool", "true",
           "Whether tokens stay with the client">
  ];
  let statistics = [
    Statistic<"numFunctions", "functions", "Functions marked">
  ];
}

def PiNextTokenOnly : Pass<"pi-next-token-only", "::mlir::ModuleOp"> {
  let summary = "evaluate only what one next token needs";
  let description = [{
    Gives @forward a second input `position`, a public scalar, and logits
    B x 1 x V at that position instead of B x T x V. Everything that no later
    row needs is evaluated for this row alone: the head, the last layer's
    feed-forward block and output projection, and its attention, of which only
    one query is left, evaluated as the attention's `#pi.evaluation` says. What is
    saved is the head's product with V T - V columns, and about 1/L of the
    nonlinear operations of a model of L layers. What only training needs is
    dropped first, as by `pi-strip-training`. An attention that has no form for
    one new token, because it is not causal or because its log_sum_exp is read,
    stays whole, and what follows it is evaluated at the position.

    The position of the prompt's last token becomes public, and with it the
    length of the prompt, which padding would have hidden.

    Before:

    ```mlir
    func.func @forward(%ids: tensor<1x4xi32> {pi.name = "input_ids"}) -> (tensor<1x4x16xf32> {pi.name = "logits"}) {
      %0 = pi.load @wte.weight : tensor<16x8xf32>
      %1 = pi.load @c_attn.weight : tensor<8x24xf32>
      %2 = pi.embedding %ids, %0 : (tensor<1x4xi32>, tensor<16x8xf32>) -> tensor<1x4x8xf32>
      %3 = pi.linear %2, %1 : (tensor<1x4x8xf32>, tensor<8x24xf32>) -> tensor<1x4x24xf32>
      %4 = pi.attention %3 heads 2 scale 0.5 causal : (tensor<1x4x24xf32>) -> tensor<1x4x8xf32>
      %5 = pi.add %2, %4 : (tensor<1x4x8xf32>, tensor<1x4x8xf32>) -> tensor<1x4x8xf32>
      %6 = pi.linear %5, %0 transposed : (tensor<1x4x8xf32>, tensor<16x8xf32>) -> tensor<1x4x16xf32>
      return %6 : tensor<1x4x16xf32>
    }
    pi.parameter @wte.weight : tensor<16x8xf32>
    pi.parameter @c_attn.weight : tensor<8x24xf32>
    ```

    After:

    ```mlir
    func.func @forward(%ids: tensor<1x4xi32> {pi.name = "input_ids"}, %position: tensor<i32> {pi.name = "position"})
        -> (tensor<1x1x16xf32> {pi.name = "logits"}) {
      %0 = pi.load @wte.weight : tensor<16x8xf32>
      %1 = pi.load @c_attn.weight : tensor<8x24xf32>
      %2 = pi.embedding %ids, %0 : (tensor<1x4xi32>, tensor<16x8xf32>) -> tensor<1x4x8xf32>
      %3 = pi.linear %2, %1 : (tensor<1x4x8xf32>, tensor<8x24xf32>) -> tensor<1x4x24xf32>
      %4 = pi.select_position %2 at %position : (tensor<1x4x8xf32>, tensor<i32>) -> tensor<1x1x8xf32>
      %empty = arith.constant dense<0.0> : tensor<2x1x4x8xf32>
      %5 = pi.update_cache %empty, %3 : (tensor<2x1x4x8xf32>, tensor<1x4x24xf32>) -> tensor<2x1x4x8xf32>
      %6 = pi.select_position %3 at %position : (tensor<1x4x24xf32>, tensor<i32>) -> tensor<1x1x24xf32>
      %7 = pi.update_cache %5, %6 at %position
          : (tensor<2x1x4x8xf32>, tensor<1x1x24xf32>, tensor<i32>) -> tensor<2x1x4x8xf32>
      %8 = pi.cached_attention %6, %7 at %position heads 2 scale 0.5
          : (tensor<1x1x24xf32>, tensor<2x1x4x8xf32>, tensor<i32>) -> tensor<1x1x8xf32>
      %9 = pi.add %4, %8 : (tensor<1x1x8xf32>, tensor<1x1x8xf32>) -> tensor<1x1x8xf32>
      %10 = pi.linear %9, %0 transposed : (tensor<1x1x8xf32>, tensor<16x8xf32>) -> tensor<1x1x16xf32>
      return %10 : tensor<1x1x16xf32>
    }
    pi.parameter @wte.weight : tensor<16x8xf32>
    pi.parameter @c_attn.weight : tensor<8x24xf32>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::pi::PIDialect"];
  let statistics = [
    Statistic<"numOperations", "operations",
              "Operations evaluated at one position only">
  ];
}

def PiPrivateOptimize : Pass<"pi-private-optimize", "::mlir::ModuleOp"> {
  let summary = "apply the rewrites that make private inference cheaper";
  let description = [{
    Tries the passes of this page on the module, asks the cost model what
    @forward then costs under `protocol` on `network`, and keeps what lowers it:
    bytes, or seconds with `minimize=seconds`. Of a pass with several settings
    the cheapest is taken. A remark says of each pass what it saves, after those
    of the pass itself, or why it was skipped. Passes that were skipped are tried
    again after another was applied.

    | level | passes | what changes |
    |---|---|---|
    | 0 | none | |
    | 1 | `pi-pack-causal-softmax`, `pi-defer-normalization`, `pi-reciprocal-by-rsqrt`, `pi-merge-heads`, `pi-temperature-by-product` | how an attention is evaluated; exact but for rounding |
    | 2 | `pi-keep-with-owner`, of weights and of tokens, and `pi-narrow-exponential` | nothing is shared before it has to be; another exponential, with a smaller error bound |
    | 3 | `pi-fold-linear`, with `weights` and `output` | the weights; exact but for rounding |

    A level includes those before it. At level 3 the checkpoint `output` belongs to
    the module that comes out, also where nothing was folded; only if folding was
    refused, which a remark says, the checkpoint `weights` still does. One that
    cannot be read, or an `output` that cannot be written, is an error.

    A pass is applied where it saves at the point where it is tried, so the order
    of the table matters; the best of all combinations is not looked for.
    `pi-next-token-only` is not tried, since it changes what @forward takes and
    gives.

    Before:

    ```mlir
    func.func @forward(%ids: tensor<1x4xi32> {pi.name = "input_ids"}) -> tensor<1x4x8xf32> {
      %0 = pi.load @wte.weight : tensor<16x8xf32>
      %1 = pi.embedding %ids, %0 : (tensor<1x4xi32>, tensor<16x8xf32>) -> tensor<1x4x8xf32>
      return %1 : tensor<1x4x8xf32>
    }
    pi.parameter @wte.weight : tensor<16x8xf32>
    ```

    After `--pi-private-optimize=level=2`:

    ```mlir
    func.func @forward(%ids: tensor<1x4xi32> {pi.name = "input_ids"}) -> tensor<1x4x8xf32>
        attributes {pi.known_tokens, pi.known_weights} {
      %0 = pi.load @wte.weight : tensor<16x8xf32>
      %1 = pi.embedding %ids, %0 : (tensor<1x4xi32>, tensor<16x8xf32>) -> tensor<1x4x8xf32>
      return %1 : tensor<1x4x8xf32>
    }
    pi.parameter @wte.weight : tensor<16x8xf32>
    ```
  }];
  let options = [
    Option<"level", "level", "unsigned", "3", "0 to 3: which passes are tried">,
    Option<"protocol", "protocol", "std::string", "\"cheetah\"",
           "As of pi-estimate-cost">,
    Option<"network", "network", "std::string", "\"paper\"",
           "As of pi-estimate-cost">,
    Option<"softmaxDivision", "softmax-division", "std::string", "\"rows\"",
           "As of pi-estimate-cost">,
    Option<"scoreRange", "score-range", "double", "0",
           "range of pi-narrow-exponential">,
    Option<"minimize", "minimize", "std::string", "\"bytes\"",
           "bytes or seconds">,
    Option<"weights", "weights", "std::string", "\"\"",
           "As of pi-fold-linear">,
    Option<"output", "output", "std::string", "\"\"", "As of pi-fold-linear">
  ];
  let statistics = [
    Statistic<"numTried", "tried", "Settings of passes tried">,
    Statistic<"numApplied", "applied", "Passes applied">
  ];
}

#endif // PI_TRANSFORMS_PRIVATE_PASSES_TD
