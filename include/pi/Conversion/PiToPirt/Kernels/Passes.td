//===- Passes.td - Building GPU kernels --------------------*- tablegen -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_CONVERSION_PITOPIRT_KERNELS_PASSES_TD
#define PI_CONVERSION_PITOPIRT_KERNELS_PASSES_TD

include "mlir/Pass/PassBase.td"

def PiBuildKernel : Pass<"pi-build-kernel", "::mlir::ModuleOp"> {
  let summary = "add one of the GPU kernels to the module";
  let description = [{
    Builds a kernel for the given shapes into the module's first `gpu.module`
    (which it makes where there is none), with its launch in the attribute
    `pi.launch`. Where an operation takes several kernels, all get the same
    arguments; `order` says which runs first, and `scratch` the elements of the
    f32 buffers among the arguments, before the results. This is how a kernel is looked at, assembled and measured on
    its own; `--pi-assemble-cubin` continues from here. An option that the kind
    of kernel does not use is ignored.
  }];
  let options = [
    Option<"kind", "kind", "std::string", "",
           "attention, attention-grad, cached-attention, linear, argmax, "
           "cross-entropy, target-count or mean-loss">,
    Option<"dtype", "dtype", "std::string", "\"bf16\"", "bf16 or f32">,
    Option<"resultDtype", "result-dtype", "std::string", "",
           "Type of a linear's result, if it is another one">,
    Option<"batch", "batch", "int64_t", "1", "Sequences">,
    Option<"sequenceLength", "sequence-length", "int64_t", "1024",
           "Positions, or the capacity of the cache">,
    Option<"heads", "heads", "int64_t", "12", "Attention heads">,
    Option<"headSize", "head-size", "int64_t", "64", "Width of a head">,
    Option<"causal", "causal", "bool", "true", "Mask later positions">,
    Option<"temperature", "temperature", "bool", "false",
           "Learnable temperature of each head and row">,
    Option<"entropy", "entropy", "bool", "false", "Entropy of each row">,
    Option<"logSumExp", "log-sum-exp", "bool", "false",
           "Log-sum-exp of each row">,
    Option<"warps", "warps", "int64_t", "0",
           "Warps of an attention block (0: chosen by shape)">,
    Option<"rowsPerWarp", "rows-per-warp", "int64_t", "32",
           "With warps: query rows of a warp">,
    Option<"columnsPerStep", "columns-per-step", "int64_t", "64",
           "With warps: keys in one step">,
    Option<"rows", "rows", "int64_t", "1", "Rows of a linear, argmax or loss">,
    Option<"depth", "depth", "int64_t", "768", "Columns of a linear's input">,
    Option<"columns", "columns", "int64_t", "768",
           "Columns of a linear's result, of argmax or of logits">,
    Option<"rowStride", "row-stride", "int64_t", "0",
           "Distance of rows of logits (0: they are dense)">,
    Option<"losses", "losses", "bool", "true",
           "A cross-entropy gives the losses of rows">,
    Option<"gradient", "gradient", "bool", "true",
           "A cross-entropy gives the gradients of logits">,
    Option<"transposed", "transposed", "bool", "false",
           "The weight is columns x depth">,
    Option<"bias", "bias", "bool", "true", "Add a bias">,
    Option<"layerNorm", "layer-norm", "bool", "false",
           "Normalise the rows of the input first (epsilon 1e-5)">,
    Option<"activation", "activation", "std::string", "\"none\"",
           "none, gelu_tanh, gelu_erf or relu">,
    Option<"residual", "residual", "std::string", "\"none\"",
           "none, add or scaled">
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect",
    "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"
  ];
}

#endif // PI_CONVERSION_PITOPIRT_KERNELS_PASSES_TD
