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

#endif // PI_TRANSFORMS_PRIVATE_PASSES_TD
