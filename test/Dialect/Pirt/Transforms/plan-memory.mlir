// RUN: pi-opt %s --pirt-plan-memory | FileCheck %s

// The large buffer %0 is dead when %2 and %3 live: they share its place, and
// the unused one disappears.
// CHECK-LABEL: func.func @reuse
// CHECK-SAME: pirt.arena_bytes = 2560
func.func @reuse(%x: memref<128xf32> {pi.name = "x"}, %y: memref<128xf32> {pirt.output = "y"}) {
  // CHECK: pirt.alloc offset 0 : memref<2x256xf32>
  %0 = pirt.alloc : memref<2x256xf32>
  // CHECK: pirt.alloc offset 2048 : memref<128xf32>
  %1 = pirt.alloc : memref<128xf32>
  // CHECK: pirt.alloc offset 0 : memref<2x256xf32>
  %2 = pirt.alloc : memref<2x256xf32>
  // CHECK: pirt.alloc offset 2048 : memref<128xf32>
  %3 = pirt.alloc : memref<128xf32>
  // CHECK-NOT: pirt.alloc
  %unused = pirt.alloc : memref<4096xf32>
  pirt.launch @kernels::@k1 grid [1, 1, 1] block [64, 1, 1] (%x, %0) : memref<128xf32>, memref<2x256xf32>
  pirt.launch @kernels::@k1 grid [1, 1, 1] block [64, 1, 1] (%0, %1) : memref<2x256xf32>, memref<128xf32>
  pirt.launch @kernels::@k1 grid [1, 1, 1] block [64, 1, 1] (%1, %2) : memref<128xf32>, memref<2x256xf32>
  pirt.launch @kernels::@k1 grid [1, 1, 1] block [64, 1, 1] (%2, %3) : memref<2x256xf32>, memref<128xf32>
  pirt.copy %3 to %y : memref<128xf32> to memref<128xf32>
  return
}

// A buffer lives as long as its views are used, also views of views: %1 cannot
// have its place. A view that nobody uses does not count.
// CHECK-LABEL: func.func @views
// CHECK-SAME: pirt.arena_bytes = 2560
func.func @views(%x: memref<128xf32> {pi.name = "x"}, %y: memref<128xf32> {pirt.output = "y"}) {
  // CHECK: pirt.alloc offset 0 : memref<512xf32>
  %0 = pirt.alloc : memref<512xf32>
  %half = pirt.view %0 from 256 : memref<512xf32> to memref<256xf32>
  %quarter = pirt.view %half from 128 : memref<256xf32> to memref<128xf32>
  // CHECK: pirt.alloc offset 2048 : memref<128xf32>
  %1 = pirt.alloc : memref<128xf32>
  // CHECK-NOT: pirt.alloc
  %unused = pirt.alloc : memref<4096xf32>
  // CHECK-NOT: from 2048
  %part = pirt.view %unused from 2048 : memref<4096xf32> to memref<128xf32>
  pirt.launch @kernels::@k1 grid [1, 1, 1] block [64, 1, 1] (%x, %0) : memref<128xf32>, memref<512xf32>
  pirt.launch @kernels::@k1 grid [1, 1, 1] block [64, 1, 1] (%x, %1) : memref<128xf32>, memref<128xf32>
  pirt.launch @kernels::@k1 grid [1, 1, 1] block [64, 1, 1] (%1, %quarter) : memref<128xf32>, memref<128xf32>
  pirt.copy %quarter to %y : memref<128xf32> to memref<128xf32>
  return
}

// A copy is a plan, too, and so is nothing at all; what works on tensors is not.
// CHECK-LABEL: func.func @copy_only
// CHECK-SAME: pirt.arena_bytes = 0
func.func @copy_only(%s: memref<4xf32> {pi.state = "s"}, %y: memref<4xf32> {pirt.output = "y"}) {
  pirt.copy %s to %y : memref<4xf32> to memref<4xf32>
  return
}
// CHECK-LABEL: func.func @nothing
// CHECK-SAME: pirt.arena_bytes = 0
func.func @nothing() {
  return
}
// CHECK-LABEL: func.func private @initialize.w
// CHECK-NOT: pirt.arena_bytes
func.func private @initialize.w(%x: tensor<4xf32> {pi.parameter = @v}) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
pi.parameter @v : tensor<4xf32>

gpu.module @kernels {
  gpu.func @k1(%x: memref<128xf32>, %y: memref<128xf32>) kernel {
    gpu.return
  }
}
