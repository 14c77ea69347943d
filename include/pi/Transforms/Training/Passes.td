//===- Passes.td - From a model to its loss and gradients --*- tablegen -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TRANSFORMS_TRAINING_PASSES_TD
#define PI_TRANSFORMS_TRAINING_PASSES_TD

include "mlir/Pass/PassBase.td"

def PiBuildLoss : Pass<"pi-build-loss", "::mlir::ModuleOp"> {
  let summary = "make @loss, which training minimises, from @forward";
  let description = [{
    From `@forward(input_ids B x T) -> logits B x T x V` makes
    `@loss(input_ids, targets B x T of i32) -> loss`: the cross-entropy of the
    logits, plus the mean of all values that `pi.add_loss` adds in `@forward`,
    one for each layer. `@forward` stays as it is. The new function has the
    attribute `pi.training`: `pi-strip-training` leaves it alone.

    Before:

    ```mlir
    func.func @forward(%ids: tensor<1x16xi32> {pi.name = "input_ids"}, %table: tensor<384x64xf32> {pi.name = "table"})
        -> (tensor<1x16x384xf32> {pi.name = "logits"}) {
      %x = pi.embedding %ids, %table : (tensor<1x16xi32>, tensor<384x64xf32>) -> tensor<1x16x64xf32>
      %logits = pi.linear %x, %table transposed : (tensor<1x16x64xf32>, tensor<384x64xf32>) -> tensor<1x16x384xf32>
      return %logits : tensor<1x16x384xf32>
    }
    ```

    After:

    ```mlir
    func.func @forward(%ids: tensor<1x16xi32> {pi.name = "input_ids"}, %table: tensor<384x64xf32> {pi.name = "table"})
        -> (tensor<1x16x384xf32> {pi.name = "logits"}) {
      %x = pi.embedding %ids, %table : (tensor<1x16xi32>, tensor<384x64xf32>) -> tensor<1x16x64xf32>
      %logits = pi.linear %x, %table transposed : (tensor<1x16x64xf32>, tensor<384x64xf32>) -> tensor<1x16x384xf32>
      return %logits : tensor<1x16x384xf32>
    }
    func.func @loss(%ids: tensor<1x16xi32> {pi.name = "input_ids"}, %table: tensor<384x64xf32> {pi.name = "table"},
        %targets: tensor<1x16xi32> {pi.name = "targets"}) -> (tensor<f32> {pi.name = "loss"}) attributes {pi.training} {
      %x = pi.embedding %ids, %table : (tensor<1x16xi32>, tensor<384x64xf32>) -> tensor<1x16x64xf32>
      %logits = pi.linear %x, %table transposed : (tensor<1x16x64xf32>, tensor<384x64xf32>) -> tensor<1x16x384xf32>
      %loss = pi.cross_entropy %logits, %targets ignore_index -100 : (tensor<1x16x384xf32>, tensor<1x16xi32>) -> tensor<f32>
      return %loss : tensor<f32>
    }
    ```
  }];
  let options = [
    Option<"ignoreIndex", "ignore-index", "int32_t", "-100",
           "Target of positions that do not count">
  ];
  let statistics = [
    Statistic<"numAdded", "added", "Values that join the cross-entropy">
  ];
  let dependentDialects = ["::mlir::pi::PIDialect",
                           "::mlir::func::FuncDialect"];
}

def PiDifferentiate : Pass<"pi-differentiate", "::mlir::ModuleOp"> {
  let summary = "make the function that computes gradients of a loss";
  let description = [{
    From a function that gives one float scalar makes `@gradients`, which takes
    the same arguments and gives the scalar and then, for each parameter that
    the function reads, in the order of first reads, the gradient with respect
    to it: a tensor of its type, marked `pi.gradient = @parameter`. A parameter
    that does not reach the scalar has gradient 0. A derived parameter is
    trained in its own right: nothing flows into what it was derived from.

    The forward part is what `DifferentiableOpInterface::buildForward` gives,
    the reverse part composes the rules of the operations, in reverse order.
    What flows into a value from several users is summed by `pi.add`, last user
    first, so the result is always the same. Gradients that no parameter needs
    are not computed. An operation that stands between a parameter and the
    scalar and has no rule is an error.

    Before:

    ```mlir
    pi.parameter @w : tensor<8x4xf32>
    func.func @loss(%x: tensor<2x8xf32>, %t: tensor<2xi32>) -> tensor<f32> {
      %w = pi.load @w : tensor<8x4xf32>
      %y = pi.linear %x, %w : (tensor<2x8xf32>, tensor<8x4xf32>) -> tensor<2x4xf32>
      %loss = pi.cross_entropy %y, %t ignore_index -100 : (tensor<2x4xf32>, tensor<2xi32>) -> tensor<f32>
      return %loss : tensor<f32>
    }
    ```

    After:

    ```mlir
    pi.parameter @w : tensor<8x4xf32>
    func.func @loss(%x: tensor<2x8xf32>, %t: tensor<2xi32>) -> tensor<f32> {
      %w = pi.load @w : tensor<8x4xf32>
      %y = pi.linear %x, %w : (tensor<2x8xf32>, tensor<8x4xf32>) -> tensor<2x4xf32>
      %loss = pi.cross_entropy %y, %t ignore_index -100 : (tensor<2x4xf32>, tensor<2xi32>) -> tensor<f32>
      return %loss : tensor<f32>
    }
    func.func @gradients(%x: tensor<2x8xf32>, %t: tensor<2xi32>)
        -> (tensor<f32>, tensor<8x4xf32> {pi.gradient = @w}) attributes {pi.training} {
      %w = pi.load @w : tensor<8x4xf32>
      %y = pi.linear %x, %w : (tensor<2x8xf32>, tensor<8x4xf32>) -> tensor<2x4xf32>
      %loss = pi.cross_entropy %y, %t ignore_index -100 : (tensor<2x4xf32>, tensor<2xi32>) -> tensor<f32>
      %one = arith.constant dense<1.0> : tensor<f32>
      %dy = pi.cross_entropy_grad %one, %y, %t ignore_index -100 : (tensor<f32>, tensor<2x4xf32>, tensor<2xi32>) -> tensor<2x4xf32>
      %dw = pi.matmul %x transposed, %dy : (tensor<2x8xf32>, tensor<2x4xf32>) -> tensor<8x4xf32>
      return %loss, %dw : tensor<f32>, tensor<8x4xf32>
    }
    ```
  }];
  let options = [
    Option<"function", "function", "std::string", "\"loss\"",
           "Function to differentiate">,
    Option<"gradients", "gradients", "std::string", "\"gradients\"",
           "Name of the function to be made">
  ];
  let statistics = [
    Statistic<"numRules", "rules", "Operations differentiated">,
    Statistic<"numGradients", "gradients", "Parameters with a gradient">
  ];
  let dependentDialects = ["::mlir::pi::PIDialect",
                           "::mlir::func::FuncDialect"];
}

#endif // PI_TRANSFORMS_TRAINING_PASSES_TD
