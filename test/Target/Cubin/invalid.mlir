// RUN: pi-opt %s --pi-assemble-cubin -split-input-file -verify-diagnostics
// RUN: not pi-opt %s --pi-assemble-cubin=ptxas=/nonexistent/ptxas -split-input-file 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: not pi-opt %s --pi-assemble-cubin=output=%t.cubin 2>&1 | FileCheck %s --check-prefix=MODULES

// PTXAS: '/nonexistent/ptxas' failed
// MODULES: has 2 gpu.modules; the files hold exactly one

gpu.module @spilling {
  // expected-error @+1 {{kernel 'spill' spills}}
  gpu.func @spill(%x: memref<256x64xf32>) kernel attributes {pi.no_spill, nvvm.maxnreg = 16 : i32} {
    %c0 = arith.constant 0 : index
    %i = gpu.thread_id x
    %v = vector.load %x[%i, %c0] {alignment = 16 : i64} : memref<256x64xf32>, vector<64xf32>
    gpu.barrier
    %w = vector.shuffle %v, %v [63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36, 35, 34, 33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0] : vector<64xf32>, vector<64xf32>
    vector.store %w, %x[%i, %c0] {alignment = 16 : i64} : memref<256x64xf32>, vector<64xf32>
    gpu.return
  }
}

// -----

// expected-error @+1 {{cannot be lowered to NVVM}}
gpu.module @dynamic {
  // expected-error @+1 {{failed to legalize operation 'gpu.func'}}
  gpu.func @f(%x: memref<?xf32>) kernel {
    %c0 = arith.constant 0 : index
    %a = memref.load %x[%c0] : memref<?xf32>
    gpu.return
  }
}
