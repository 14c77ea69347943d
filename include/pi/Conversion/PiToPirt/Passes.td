//===- Passes.td - From pi to execution plans --------------*- tablegen -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_CONVERSION_PITOPIRT_PASSES_TD
#define PI_CONVERSION_PITOPIRT_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertPiToPirt : Pass<"convert-pi-to-pirt", "::mlir::ModuleOp"> {
  let summary = "turn the execution form into plans for a GPU";
  let description = [{
    Every public function of the execution form becomes a plan over device
    buffers, and the kernels that it launches are added to
    `gpu.module @kernels`, one for each distinct computation.

    - `pi.linear` becomes `pirt.gemm`, which takes in the bias, a GELU (tanh
      form) or ReLU that alone reads the result, the residual sum after it, and
      an extension of the result to f32. With few rows (decoding) and a weight
      that is an argument it becomes a kernel that reads the weight once, with
      LayerNorm, any GELU, ReLU and the residual inside.
    - Attention, the argmax and decoding's attention with its cache update are
      kernels of their own.
    - Runs of operations with RowOpInterface become one kernel each, which
      keeps a row in registers. Operations further below that read the same rows
      and nothing that is not yet computed join a run; sums over rows are
      gathered in its kernel, and a second one sums what blocks leave.

    Caches, and what an optimizer updates, are updated in place. Another new
    value of a state or parameter is written where the old one is if nothing is
    still to read that, or else is copied there at the end. Rows of an output
    whose length is no multiple of 16 bytes are padded to a multiple of 128
    bytes.

    ```
    func.func @forward(%x: memref<4x64xf32> {pi.name = "x"}, %w: memref<64x64xf32> {pi.parameter = @w}, ...) {
      pirt.gemm %x, %w bias %b plus %x into %y : ...
    ```
  }];
  let options = [
    Option<"maxSkinnyRows", "max-skinny-rows", "int64_t", "4",
           "Most rows of an input for which a linear layer is a kernel of its "
           "own instead of a product by cuBLASLt">
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::gpu::GPUDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
    "::mlir::NVVM::NVVMDialect", "::mlir::pirt::PIRTDialect",
    "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"
  ];
  let statistics = [
    Statistic<"numGemms", "gemms", "Products by cuBLASLt">,
    Statistic<"numLaunches", "launches", "Kernel launches">,
    Statistic<"numKernels", "kernels", "Distinct kernels">
  ];
}

#endif // PI_CONVERSION_PITOPIRT_PASSES_TD
