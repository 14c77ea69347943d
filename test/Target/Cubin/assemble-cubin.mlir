// RUN: pi-opt %s --pi-assemble-cubin="output=%t.cubin ptx-output=%t.ptx launches-output=%t.json" | FileCheck %s
// RUN: FileCheck %s --check-prefix=PTX < %t.ptx
// RUN: FileCheck %s --check-prefix=JSON < %t.json
// RUN: od -A n -t c -N 4 %t.cubin | FileCheck %s --check-prefix=ELF

// ELF: 177   E   L   F

// PTX: .target sm_90a
// PTX: .visible .entry exponentiate(
// PTX: .param .u64 .ptr {{.*}}exponentiate_param_0
// PTX-NOT: exponentiate_param_1
// PTX: ex2.approx

// JSON: "kernel": "exponentiate"
// JSON: "block":
// JSON-NEXT: 128
// JSON: "registers": {{[1-9]}}

// CHECK: gpu.func @exponentiate
// CHECK-SAME: pi.resources = {registers = {{[1-9][0-9]*}} : i64, shared_bytes = 0 : i64, spill_bytes = 0 : i64}
gpu.module @kernels {
  gpu.func @exponentiate(%x: memref<1024xbf16>) kernel
      attributes {pi.no_spill, pi.launch = {block = array<i64: 128, 1, 1>, grid = array<i64: 8, 1, 1>, shared_bytes = 0}} {
    %width = gpu.block_dim x
    %block = gpu.block_id x
    %thread = gpu.thread_id x
    %begin = arith.muli %block, %width : index
    %i = arith.addi %begin, %thread : index
    %a = memref.load %x[%i] : memref<1024xbf16>
    %b = arith.extf %a : bf16 to f32
    %c = math.exp %b fastmath<afn> : f32
    %d = arith.truncf %c : f32 to bf16
    memref.store %d, %x[%i] : memref<1024xbf16>
    gpu.return
  }
  // The hyperbolic tangent comes from libdevice.
  // CHECK: gpu.func @tanh
  gpu.func @tanh(%x: memref<1024xf32>) kernel {
    %i = gpu.thread_id x
    %a = memref.load %x[%i] : memref<1024xf32>
    %b = math.tanh %a : f32
    memref.store %b, %x[%i] : memref<1024xf32>
    gpu.return
  }
}
