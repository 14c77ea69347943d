// A row is read once, in accesses of 16 bytes, and kept in shared memory, so
// that two blocks fit into a multiprocessor; nothing leaves the registers.
// RUN: pi-opt %s --pi-build-kernel="kind=cross-entropy rows=4096 columns=50304" --pi-assemble-cubin=ptx-output=%t.ptx | FileCheck %s
// RUN: FileCheck %s --check-prefix=PTX < %t.ptx

// CHECK: gpu.func @cross_entropy_bf16_m4096_n50304_s50304_iFFFFFF9C_losses_result(%{{.*}}: memref<4096x50304xbf16>, %{{.*}}: memref<4096xi32>, %{{.*}}: memref<1xf32>, %{{.*}}: memref<4096xf32>, %{{.*}}: memref<4096x50304xbf16>) kernel
// CHECK-SAME: pi.launch = {block = array<i64: 512, 1, 1>, grid = array<i64: 4096, 1, 1>, programmatic = 1 : i64, shared_bytes = 100736 : i64}
// CHECK-SAME: pi.no_spill
// CHECK-SAME: spill_bytes = 0

// PTX-NOT: .local
// PTX: ld.global.v4
// PTX: st.shared.v4
// PTX: ex2.approx
// PTX: bar.sync
// PTX: ld.shared.v4
// PTX: st.global.v4
// PTX-NOT: .local

// Without gradients nothing is kept.
// RUN: pi-opt %s --pi-build-kernel="kind=cross-entropy rows=8 columns=4096 gradient=false" --pi-assemble-cubin=ptx-output=%t.losses.ptx | FileCheck %s --check-prefix=LOSSES
// RUN: FileCheck %s --check-prefix=LOSSES-PTX < %t.losses.ptx
// LOSSES: _losses(%{{.*}}: memref<8x4096xbf16>, %{{.*}}: memref<8xi32>, %{{.*}}: memref<8xf32>) kernel
// LOSSES-SAME: shared_bytes = 128 : i64
// LOSSES-PTX-NOT: st.shared.v4
// LOSSES-PTX-NOT: st.global.v4

// Any shape assembles without spills: rows of an odd length, padded rows, rows
// too long for shared memory; and the sums over rows.
// RUN: pi-opt %s \
// RUN:   --pi-build-kernel="kind=cross-entropy rows=3 columns=1" \
// RUN:   --pi-build-kernel="kind=cross-entropy rows=3 columns=33" \
// RUN:   --pi-build-kernel="kind=cross-entropy rows=3 columns=33 row-stride=34" \
// RUN:   --pi-build-kernel="kind=cross-entropy rows=3 columns=50257 row-stride=50264" \
// RUN:   --pi-build-kernel="kind=cross-entropy rows=3 columns=262144 losses=false" \
// RUN:   --pi-build-kernel="kind=cross-entropy rows=3 columns=50257 row-stride=50304 dtype=f32" \
// RUN:   --pi-build-kernel="kind=cross-entropy rows=3 columns=262144 dtype=f32" \
// RUN:   --pi-build-kernel="kind=target-count rows=32768" \
// RUN:   --pi-build-kernel="kind=mean-loss rows=100003" \
// RUN:   --pi-assemble-cubin | FileCheck %s --check-prefix=ALL
// ALL-COUNT-9: spill_bytes = 0
// ALL-NOT: spill_bytes

// RUN: not pi-opt %s --pi-build-kernel="kind=cross-entropy columns=64 row-stride=32" 2>&1 | FileCheck %s --check-prefix=STRIDE
// STRIDE: cross-entropy: 1 rows of 64 columns, 32 apart
// RUN: not pi-opt %s --pi-build-kernel="kind=mean-loss rows=0" 2>&1 | FileCheck %s --check-prefix=ROWS
// ROWS: cross-entropy: 0 rows
module {}
