//===- Passes.td - Number formats of execution -------------*- tablegen -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TRANSFORMS_PRECISION_PASSES_TD
#define PI_TRANSFORMS_PRECISION_PASSES_TD

include "mlir/Pass/PassBase.td"

def PiLowerPrecision : Pass<"pi-lower-precision", "::mlir::ModuleOp"> {
  let summary = "compute and store in a shorter number format";
  let description = [{
    Gives activations, matrices, biases and states of the functions of the
    execution form the type `compute`. Every operation still computes in f32
    from and to values of that type, and products are summed in f32.

    The weights and biases of LayerNorms and the temperatures of attention stay
    f32: they are small, and every element of a row depends on them. The logits
    of a function with states (prefill and decode) are extended to f32 before
    anything reads them, which back ends turn into a product with f32 result;
    those of @forward have the compute type, as under torch.autocast. Functions
    that compute derived parameters stay f32.

    A function for training (attribute `pi.training`) keeps its parameters and
    states in f32, as every function of the module then has them: an update may
    be too small for a shorter format. It rounds once what it computes with. Sums over positions, such as the gradients of
    parameters, statistics of rows and the loss stay f32
    (`PrecisionOpInterface`).

    Before:

    ```mlir
    func.func @forward(%x: tensor<4x8xf32> {pi.name = "x"}, %g: tensor<8xf32> {pi.parameter = @ln.weight},
                       %b: tensor<8xf32> {pi.parameter = @ln.bias}, %w: tensor<8x16xf32> {pi.parameter = @w})
        -> (tensor<4x16xf32> {pi.name = "y"}) {
      %0 = pi.layer_norm %x, %g, %b epsilon 1.0e-5
          : (tensor<4x8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
      %1 = pi.linear %0, %w : (tensor<4x8xf32>, tensor<8x16xf32>) -> tensor<4x16xf32>
      return %1 : tensor<4x16xf32>
    }
    pi.parameter @ln.weight : tensor<8xf32>
    pi.parameter @ln.bias : tensor<8xf32>
    pi.parameter @w : tensor<8x16xf32>
    ```

    After `--pi-lower-precision=compute=bf16`:

    ```mlir
    func.func @forward(%x: tensor<4x8xbf16> {pi.name = "x"}, %g: tensor<8xf32> {pi.parameter = @ln.weight},
                       %b: tensor<8xf32> {pi.parameter = @ln.bias}, %w: tensor<8x16xbf16> {pi.parameter = @w})
        -> (tensor<4x16xbf16> {pi.name = "y"}) {
      %0 = pi.layer_norm %x, %g, %b epsilon 1.0e-5
          : (tensor<4x8xbf16>, tensor<8xf32>, tensor<8xf32>) -> tensor<4x8xbf16>
      %1 = pi.linear %0, %w : (tensor<4x8xbf16>, tensor<8x16xbf16>) -> tensor<4x16xbf16>
      return %1 : tensor<4x16xbf16>
    }
    pi.parameter @ln.weight : tensor<8xf32>
    pi.parameter @ln.bias : tensor<8xf32>
    pi.parameter @w : tensor<8x16xf32>
    ```
  }];
  let options = [
    Option<"compute", "compute", "std::string", "\"bf16\"",
           "Format of activations and matrices: bf16">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
  let statistics = [
    Statistic<"numValues", "values", "Values given the compute format">
  ];
}

#endif // PI_TRANSFORMS_PRECISION_PASSES_TD
