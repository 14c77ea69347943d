// A short sequence is one block, which finds dQ, dK and dV from what it holds.
// RUN: pi-opt %s --pi-build-kernel="kind=attention-grad batch=256 sequence-length=128" --pi-assemble-cubin=ptx-output=%t.ptx | FileCheck %s
// RUN: FileCheck %s --check-prefix=PTX < %t.ptx

// CHECK: gpu.func @attention_grad_bf16_b256_t128_h12_d64_s3E000000_causal(%{{.*}}: memref<256x128x768xbf16>, %{{.*}}: memref<256x128x2304xbf16>, %{{.*}}: memref<256x128x768xbf16>, %{{.*}}: memref<256x12x128xf32>, %{{.*}}: memref<256x128x2304xbf16>) kernel
// CHECK-SAME: grid = array<i64: 1, 3072, 1>
// CHECK-SAME: pi.no_spill
// CHECK-SAME: spill_bytes = 0
// CHECK-NOT: gpu.func

// PTX-NOT: {{[[:space:]](atom|red)\.|\.local}}
// PTX: mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
// PTX-NOT: {{[[:space:]](atom|red)\.|\.local}}

// A longer one has a kernel that owns queries, then one that owns keys, with
// room for what the second takes from the first; the shares of the batch in the
// gradient of the temperature are summed last.
// RUN: pi-opt %s --pi-build-kernel="kind=attention-grad temperature=true entropy=true" | FileCheck %s --check-prefix=LONG
// LONG: gpu.func @attention_grad_queries_bf16
// LONG-SAME: order = 0 : i64
// LONG-SAME: scratch = array<i64: 49152, 12288>
// LONG: gpu.func @attention_grad_keys_bf16
// LONG-SAME: order = 1 : i64
// LONG: gpu.func @attention_grad_temperature_bf16
// LONG-SAME: order = 2 : i64

// Any length, head size and option assembles without spills, all kernels in one
// module.
// RUN: pi-opt %s \
// RUN:   --pi-build-kernel="kind=attention-grad sequence-length=128 temperature=true entropy=true" \
// RUN:   --pi-build-kernel="kind=attention-grad sequence-length=1" \
// RUN:   --pi-build-kernel="kind=attention-grad sequence-length=7 head-size=16 entropy=true" \
// RUN:   --pi-build-kernel="kind=attention-grad sequence-length=1000 head-size=128 temperature=true entropy=true" \
// RUN:   --pi-build-kernel="kind=attention-grad causal=false sequence-length=200 head-size=80" \
// RUN:   --pi-build-kernel="kind=attention-grad dtype=f32 temperature=true entropy=true" \
// RUN:   --pi-assemble-cubin | FileCheck %s --check-prefix=ALL
// ALL-COUNT-12: spill_bytes = 0
// ALL-NOT: spill_bytes
module {}
