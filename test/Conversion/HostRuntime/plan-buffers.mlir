// RUN: pi-opt %s --pass-pipeline='builtin.module(func.func(pi-plan-host-buffers))' --split-input-file --verify-diagnostics | FileCheck %s

func.func private @use(memref<1024x16xf32>)

// Two of the three buffers are never live together and share a place: 2 x 64
// KiB. What a view reads counts as use.
// CHECK-LABEL: func.func @share
func.func @share() {
  // CHECK: %[[ARENA:.*]] = memref.alloc() : memref<131072xi8>
  // CHECK-DAG: memref.view %[[ARENA]][%{{.*}}][] : memref<131072xi8> to memref<1024x16xf32>
  %0 = memref.alloc() : memref<1024x16xf32>
  call @use(%0) : (memref<1024x16xf32>) -> ()
  %1 = memref.alloc() : memref<1024x16xf32>
  call @use(%1) : (memref<1024x16xf32>) -> ()
  %2 = memref.alloc() : memref<16384xf32>
  %3 = memref.expand_shape %2 [[0, 1]] output_shape [1024, 16] : memref<16384xf32> into memref<1024x16xf32>
  call @use(%3) : (memref<1024x16xf32>) -> ()
  call @use(%1) : (memref<1024x16xf32>) -> ()
  // CHECK: memref.dealloc %[[ARENA]]
  return
}

// Small buffers go to the stack of the function, not of the loop.
// CHECK-LABEL: func.func @small
func.func @small(%n: index) {
  // CHECK: memref.alloca() {alignment = 64 : i64} : memref<f32>
  // CHECK: scf.for
  // CHECK-NOT: memref.alloc
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  scf.for %i = %c0 to %n step %c1 {
    %0 = memref.alloc() : memref<f32>
    memref.store %zero, %0[] : memref<f32>
  }
  return
}

// -----

func.func @dynamic(%n: index) {
  // expected-error @below {{needs a static size that fits in memory}}
  %0 = memref.alloc(%n) : memref<?xf32>
  return
}
