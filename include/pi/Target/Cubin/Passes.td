//===- Passes.td - Assembling GPU modules ------------------*- tablegen -*-===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PI_TARGET_CUBIN_PASSES_TD
#define PI_TARGET_CUBIN_PASSES_TD

include "mlir/Pass/PassBase.td"

def PiAssembleCubin : Pass<"pi-assemble-cubin", "::mlir::ModuleOp"> {
  let summary = "assemble GPU modules and record what each kernel takes";
  let description = [{
    Assembles every `gpu.module` to machine code for sm_90a and writes on each
    kernel what the assembler reports: registers of a thread, bytes spilled,
    and bytes of static shared memory. No GPU is needed. The options write the
    machine code, the PTX and a description of the launches (the attribute
    `pi.launch` of each kernel) to files.

    The pass fails where ptxas fails, where it serialises wgmma, and where a
    kernel with the attribute `pi.no_spill` spills.

    Before:

    ```mlir
    module {
      gpu.module @kernels {
        gpu.func @clear(%x: memref<256xf32>) kernel {
          %zero = arith.constant 0.0 : f32
          %i = gpu.thread_id x
          memref.store %zero, %x[%i] : memref<256xf32>
          gpu.return
        }
      }
    }
    ```

    After:

    ```mlir
    module {
      gpu.module @kernels {
        gpu.func @clear(%x: memref<256xf32>) kernel attributes {pi.resources = {registers = 8 : i64, shared_bytes = 0 : i64, spill_bytes = 0 : i64}} {
          %zero = arith.constant 0.0 : f32
          %i = gpu.thread_id x
          memref.store %zero, %x[%i] : memref<256xf32>
          gpu.return
        }
      }
    }
    ```
  }];
  let options = [
    Option<"output", "output", "std::string", "",
           "File for the machine code (the module must hold one gpu.module)">,
    Option<"ptxOutput", "ptx-output", "std::string", "", "File for the PTX">,
    Option<"launchesOutput", "launches-output", "std::string", "",
           "File for a JSON list of kernels with their launches and resources">,
    Option<"ptxas", "ptxas", "std::string", "", "The assembler to use">
  ];
  let dependentDialects = [
    "::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect",
    "::mlir::cf::ControlFlowDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"
  ];
}

#endif // PI_TARGET_CUBIN_PASSES_TD
