//===- Passes.td - From a model to functions that run ------*- tablegen -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TRANSFORMS_EXECUTION_PASSES_TD
#define PI_TRANSFORMS_EXECUTION_PASSES_TD

include "mlir/Pass/PassBase.td"

def PiStripTraining : Pass<"pi-strip-training", "::mlir::ModuleOp"> {
  let summary = "drop what only training needs";
  let description = [{
    Erases every operation with the trait `TrainingOnly`, then whatever only
    those operations read: entropy results of attention, loads, and the
    parameters that nothing refers to any more. Functions that are themselves
    for training (attribute `pi.training`) stay as they are.

    Before:

    ```mlir
    pi.parameter @threshold : tensor<4xf32>
    func.func @forward(%qkv: tensor<1x16x192xf32>) -> tensor<1x16x64xf32> {
      %theta = pi.load @threshold : tensor<4xf32>
      %y, %e = pi.attention %qkv heads 4 scale 0.25 causal
          : (tensor<1x16x192xf32>) -> (tensor<1x16x64xf32>, tensor<1x4x16xf32>)
      %p = pi.entropy_penalty %e, %theta reading per_row gamma 0.2 lambda 1.0e-5
          : (tensor<1x4x16xf32>, tensor<4xf32>) -> tensor<f32>
      pi.add_loss %p : tensor<f32>
      return %y : tensor<1x16x64xf32>
    }
    ```

    After:

    ```mlir
    func.func @forward(%qkv: tensor<1x16x192xf32>) -> tensor<1x16x64xf32> {
      %y = pi.attention %qkv heads 4 scale 0.25 causal
          : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
      return %y : tensor<1x16x64xf32>
    }
    ```
  }];
  let statistics = [
    Statistic<"numErased", "operations", "Training operations erased">,
    Statistic<"numParameters", "parameters", "Unused parameters erased">
  ];
}

def PiHoistParameterComputation
    : Pass<"pi-hoist-parameter-computation", "::mlir::ModuleOp"> {
  let summary = "compute what depends on parameters alone when weights load";
  let description = [{
    An operation without side effects whose operands come from parameters and
    constants alone gives the same value in every run. This pass moves such
    operations into a derived parameter, named after the first parameter read
    and the operation, so that they run once, when the weights are loaded.
    Operations whose result depends on the position in the sequence
    (GenerationOpInterface) stay, and so do those of functions that training
    runs (attribute `pi.training`), since parameters change between its runs, and
    those on a parameter that any function stores.

    Before:

    ```mlir
    pi.parameter @c_fc.weight : tensor<64x256xf32>
    func.func @forward(%x: tensor<1x16x64xf32>) -> tensor<1x16x256xf32> {
      %w = pi.load @c_fc.weight : tensor<64x256xf32>
      %v = pi.spectral_norm %w iterations 16 : (tensor<64x256xf32>) -> tensor<64x256xf32>
      %y = pi.linear %x, %v : (tensor<1x16x64xf32>, tensor<64x256xf32>) -> tensor<1x16x256xf32>
      return %y : tensor<1x16x256xf32>
    }
    ```

    After `--pi-hoist-parameter-computation --canonicalize`:

    ```mlir
    pi.parameter @c_fc.weight : tensor<64x256xf32>
    pi.parameter @c_fc.weight.spectral_norm : tensor<64x256xf32> derived {
      %w = pi.load @c_fc.weight : tensor<64x256xf32>
      %v = pi.spectral_norm %w iterations 16 : (tensor<64x256xf32>) -> tensor<64x256xf32>
      pi.yield %v : tensor<64x256xf32>
    }
    func.func @forward(%x: tensor<1x16x64xf32>) -> tensor<1x16x256xf32> {
      %v = pi.load @c_fc.weight.spectral_norm : tensor<64x256xf32>
      %y = pi.linear %x, %v : (tensor<1x16x64xf32>, tensor<64x256xf32>) -> tensor<1x16x256xf32>
      return %y : tensor<1x16x256xf32>
    }
    ```
  }];
  let statistics = [
    Statistic<"numHoisted", "operations", "Operations moved out of functions">,
    Statistic<"numParameters", "parameters", "Derived parameters added">
  ];
}

def PiBuildGeneration : Pass<"pi-build-generation", "::mlir::ModuleOp"> {
  let summary = "make @prefill and @decode from @forward";
  let description = [{
    From `@forward(input_ids B x T) -> logits B x T x V` makes

    - `@prefill(input_ids B x T, last_position, states) -> (logits B x V,
      next_token B, states)`, which reads a prompt (shorter ones are padded on
      the right, which a causal model does not see) and evaluates everything
      after the last mixing of positions at `last_position` only;
    - `@decode(input_ids B x 1, position, states) -> (logits B x V, next_token
      B, states)`, which reads one token.

    What an operation does with positions, and which state it keeps, it says
    itself (GenerationOpInterface); all others are rebuilt at the shapes that
    follow from their operands. A state is named after the location of its
    operation: `h.0.attn.cache`. A module without `@forward` whose functions are
    for training (attribute `pi.training`) stays as it is.

    ```
    // @decode of attention(@c_attn(x)), before parameters become arguments:
    func.func @decode(%ids: tensor<1x1xi32> {pi.name = "input_ids"}, %position: tensor<i32> {pi.name = "position"},
        %cache: tensor<2x1x16x64xf32> {pi.state = "h.0.attn.cache"}) -> ... {
      ...
      %1 = pi.update_cache %cache, %qkv at %position : ...
      %2 = pi.cached_attention %qkv, %1 at %position heads 4 scale 0.25 : ...
    ```
  }];
  let dependentDialects = ["::mlir::pi::PIDialect",
                           "::mlir::tensor::TensorDialect",
                           "::mlir::func::FuncDialect"];
  let statistics = [
    Statistic<"numStates", "states", "States kept between steps">
  ];
}

def PiExternalizeParameters
    : Pass<"pi-externalize-parameters", "::mlir::ModuleOp"> {
  let summary = "pass parameters as function arguments";
  let description = [{
    Replaces every `pi.load` in a function by an argument that carries the
    parameter's symbol, or the name of the state, one for each that the function
    reads. The derivation of a derived parameter P becomes a private function
    `@"initialize.P"` of its sources. It takes and gives f32, since weights are
    derived in f32: what is of a shorter type is rounded to it at the start and
    extended at the end.

    Every `pi.store` becomes a result that is marked as the argument of the same
    symbol is: the caller has the new value where the old one was. The function
    is one block then, and in it each symbol is stored once, after all loads of
    it. Declarations of states go away: arguments say all that is known of them.

    Before:

    ```mlir
    pi.parameter @ln_f.bias : tensor<4xf32>
    pi.parameter @alpha : tensor<f32> derived {
      %0 = arith.constant dense<1.0> : tensor<f32>
      pi.yield %0 : tensor<f32>
    }
    func.func @forward(%x: tensor<4xf32> {pi.name = "x"}) -> (tensor<4xf32> {pi.name = "y"}) {
      %b = pi.load @ln_f.bias : tensor<4xf32>
      %y = pi.add %x, %b : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
      return %y : tensor<4xf32>
    }
    ```

    After:

    ```mlir
    pi.parameter @ln_f.bias : tensor<4xf32>
    pi.parameter @alpha : tensor<f32>
    func.func private @initialize.alpha() -> (tensor<f32> {pi.parameter = @alpha}) {
      %0 = arith.constant dense<1.0> : tensor<f32>
      return %0 : tensor<f32>
    }
    func.func @forward(%x: tensor<4xf32> {pi.name = "x"}, %b: tensor<4xf32> {pi.parameter = @ln_f.bias})
        -> (tensor<4xf32> {pi.name = "y"}) {
      %y = pi.add %x, %b : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
      return %y : tensor<4xf32>
    }
    ```

    Before:

    ```mlir
    pi.state @sum : tensor<4xf32>
    func.func @add_up(%x: tensor<4xf32> {pi.name = "x"}) attributes {pi.training} {
      %s = pi.load @sum : tensor<4xf32>
      %t = pi.add %s, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
      pi.store %t, @sum : tensor<4xf32>
      return
    }
    ```

    After:

    ```mlir
    func.func @add_up(%x: tensor<4xf32> {pi.name = "x"}, %s: tensor<4xf32> {pi.state = "sum"})
        -> (tensor<4xf32> {pi.state = "sum"}) attributes {pi.training} {
      %t = pi.add %s, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
      return %t : tensor<4xf32>
    }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::func::FuncDialect"];
  let statistics = [
    Statistic<"numArguments", "arguments", "Arguments added to functions">,
    Statistic<"numResults", "results", "Results added to functions">,
    Statistic<"numInitializers", "initializers", "Initialising functions made">
  ];
}

#endif // PI_TRANSFORMS_EXECUTION_PASSES_TD
