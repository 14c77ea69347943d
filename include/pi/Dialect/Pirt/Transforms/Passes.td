//===- Passes.td - Passes over execution plans -------------*- tablegen -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_DIALECT_PIRT_TRANSFORMS_PASSES_TD
#define PI_DIALECT_PIRT_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def PirtPlanMemory : Pass<"pirt-plan-memory", "::mlir::func::FuncOp"> {
  let summary = "give every buffer of a plan its place in one arena";
  let description = [{
    A buffer occupies memory from its first to its last use. Buffers are placed
    one after another, the largest first, each in the smallest gap between
    those that live at the same time, at a multiple of 256 bytes. A buffer that
    nothing uses is erased. The function's `pirt.arena_bytes` says how large
    the arena is.

    Before:

    ```mlir
    func.func @forward(%x: memref<4x64xf32> {pi.name = "x"}, %w: memref<64x64xf32> {pi.parameter = @w},
                       %y: memref<4x64xf32> {pirt.output = "y"}) {
      %0 = pirt.alloc : memref<4x64xf32>
      %1 = pirt.alloc : memref<4x64xf32>
      %2 = pirt.alloc : memref<4x64xf32>
      pirt.gemm %x, %w into %0 : memref<4x64xf32>, memref<64x64xf32> -> memref<4x64xf32>
      pirt.gemm %0, %w into %1 : memref<4x64xf32>, memref<64x64xf32> -> memref<4x64xf32>
      pirt.gemm %1, %w into %2 : memref<4x64xf32>, memref<64x64xf32> -> memref<4x64xf32>
      pirt.gemm %2, %w into %y : memref<4x64xf32>, memref<64x64xf32> -> memref<4x64xf32>
      return
    }
    ```

    After:

    ```mlir
    func.func @forward(%x: memref<4x64xf32> {pi.name = "x"}, %w: memref<64x64xf32> {pi.parameter = @w},
                       %y: memref<4x64xf32> {pirt.output = "y"}) attributes {pirt.arena_bytes = 2048 : i64} {
      %0 = pirt.alloc offset 0 : memref<4x64xf32>
      %1 = pirt.alloc offset 1024 : memref<4x64xf32>
      %2 = pirt.alloc offset 0 : memref<4x64xf32>
      pirt.gemm %x, %w into %0 : memref<4x64xf32>, memref<64x64xf32> -> memref<4x64xf32>
      pirt.gemm %0, %w into %1 : memref<4x64xf32>, memref<64x64xf32> -> memref<4x64xf32>
      pirt.gemm %1, %w into %2 : memref<4x64xf32>, memref<64x64xf32> -> memref<4x64xf32>
      pirt.gemm %2, %w into %y : memref<4x64xf32>, memref<64x64xf32> -> memref<4x64xf32>
      return
    }
    ```
  }];
  let dependentDialects = ["::mlir::pirt::PIRTDialect"];
  let statistics = [
    Statistic<"arenaBytes", "arena-bytes", "Bytes of the largest arena">,
    Statistic<"bufferBytes", "buffer-bytes", "Bytes of all buffers together">
  ];
}

#endif // PI_DIALECT_PIRT_TRANSFORMS_PASSES_TD
