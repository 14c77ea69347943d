//===- Passes.td - Lowering of pi to linalg ----------------*- tablegen -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_CONVERSION_PITOLINALG_PASSES_TD
#define PI_CONVERSION_PITOLINALG_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertPiToLinalg : Pass<"convert-pi-to-linalg"> {
  let summary = "lower pi operations to linalg on tensors";
  let description = [{
    Replaces every operation of `pi` on tensors by linalg, tensor, scf, arith
    and math. Products become `linalg.matmul` on slices of their operands, with
    bias and residual in the accumulator; attention becomes a parallel loop over
    heads; reductions over rows may be reassociated. Parameters have to be
    arguments already (`pi-externalize-parameters`).

    Before:

    ```mlir
    func.func @relu(%x: tensor<4xf32>) -> tensor<4xf32> {
      %y = pi.relu %x : tensor<4xf32>
      return %y : tensor<4xf32>
    }
    ```

    After:

    ```mlir
    #map = affine_map<(d0) -> (d0)>
    func.func @relu(%x: tensor<4xf32>) -> tensor<4xf32> {
      %zero = arith.constant 0.0 : f32
      %empty = tensor.empty() : tensor<4xf32>
      %y = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]}
          ins(%x : tensor<4xf32>) outs(%empty : tensor<4xf32>) {
      ^bb0(%in: f32, %out: f32):
        %0 = arith.maximumf %in, %zero : f32
        linalg.yield %0 : f32
      } -> tensor<4xf32>
      return %y : tensor<4xf32>
    }
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
    "::mlir::tensor::TensorDialect"];
}

#endif // PI_CONVERSION_PITOLINALG_PASSES_TD
