// Attention keeps its scores in registers and uses the tensor cores.
// RUN: pi-opt %s --pi-build-kernel="kind=attention batch=32" --pi-assemble-cubin=ptx-output=%t.ptx | FileCheck %s
// RUN: FileCheck %s --check-prefix=PTX < %t.ptx

// CHECK: gpu.func @attention_bf16_b32_t1024_h12_d64_s3E000000_causal(%{{.*}}: memref<32x1024x2304xbf16>, %{{.*}}: memref<32x1024x768xbf16>) kernel
// CHECK-SAME: pi.launch = {block = array<i64: 128, 1, 1>, grid = array<i64: 8, 384, 1>
// CHECK-SAME: pi.no_spill
// CHECK-SAME: spill_bytes = 0

// PTX-NOT: .local
// PTX: cp.async.cg.shared.global
// PTX: ldmatrix.sync.aligned.m8n8.x4.shared.b16
// PTX: mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
// PTX: ex2.approx
// PTX: ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16
// PTX-NOT: .local

// Any length, head size and option assembles without spills, all kernels in one
// module; a kernel that is there already is not built again.
// RUN: pi-opt %s \
// RUN:   --pi-build-kernel="kind=attention temperature=true entropy=true" \
// RUN:   --pi-build-kernel="kind=attention sequence-length=1" \
// RUN:   --pi-build-kernel="kind=attention sequence-length=7 head-size=32 entropy=true" \
// RUN:   --pi-build-kernel="kind=attention sequence-length=100 head-size=80 temperature=true" \
// RUN:   --pi-build-kernel="kind=attention sequence-length=1000 head-size=128 temperature=true entropy=true" \
// RUN:   --pi-build-kernel="kind=attention causal=false sequence-length=1000" \
// RUN:   --pi-build-kernel="kind=attention dtype=f32 temperature=true entropy=true" \
// RUN:   --pi-build-kernel="kind=attention dtype=f32 temperature=true entropy=true" \
// RUN:   --pi-assemble-cubin | FileCheck %s --check-prefix=ALL
// ALL-COUNT-7: spill_bytes = 0
// ALL-NOT: spill_bytes
module {}
