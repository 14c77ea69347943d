//===- PirtDialect.td - The pirt dialect -------------------*- tablegen -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_DIALECT_PIRT_IR_PIRTDIALECT_TD
#define PI_DIALECT_PIRT_IR_PIRTDIALECT_TD

include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"

def PIRT_Dialect : Dialect {
  let name = "pirt";
  let cppNamespace = "::mlir::pirt";
  let summary = "Execution plans on an accelerator";
  let description = [{
    The `pirt` dialect holds what a device is asked to do, in order: products of
    matrices by cuBLASLt, launches of kernels that this compiler emitted, and
    copies, over buffers in device memory.

    A plan is a function without results. Each argument carries one of
    `pi.name` (an input), `pi.parameter`, `pi.state` (updated in place) and
    `pirt.output` (the name of an output). Other buffers come from
    `pirt.alloc`; once `pirt-plan-memory` has run, each has an offset in one
    arena and the function says in `pirt.arena_bytes` how large that is.

    Buffers are row-major. A product views a buffer of rank above 2 as a matrix
    whose rows are all leading dimensions together.

    ```mlir
    func.func @forward(%x: memref<4x64xf32> {pi.name = "x"},
                       %w: memref<64x32xf32> {pi.parameter = @w},
                       %y: memref<4x32xf32> {pirt.output = "y"}) {
      pirt.gemm %x, %w into %y : memref<4x64xf32>, memref<64x32xf32> -> memref<4x32xf32>
      return
    }
    ```
  }];
  let useDefaultAttributePrinterParser = 1;
}

def PIRT_Epilogue : I32EnumAttr<"Epilogue",
    "what is applied to the elements of a product",
    [I32EnumAttrCase<"none", 0>, I32EnumAttrCase<"gelu_tanh", 1>,
     I32EnumAttrCase<"relu", 2>]> {
  let cppNamespace = "::mlir::pirt";
  let genSpecializedAttr = 0;
}
def PIRT_EpilogueAttr : EnumAttr<PIRT_Dialect, PIRT_Epilogue, "epilogue"> {
  let assemblyFormat = "$value";
}

class PIRT_Op<string mnemonic, list<Trait> traits = []>
    : Op<PIRT_Dialect, mnemonic, traits>;

#endif // PI_DIALECT_PIRT_IR_PIRTDIALECT_TD
