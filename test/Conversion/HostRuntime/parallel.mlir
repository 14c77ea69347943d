// RUN: pi-opt %s --pi-outline-parallel-loops | FileCheck %s

// The columns stay a loop of their own; rows are split among threads.
// CHECK: func.func private @scale.parallel.0(%[[BEGIN:.*]]: index, %[[END:.*]]: index, %[[X:.*]]: memref<512x768xf32>) {
// CHECK:   scf.for %[[I:.*]] = %[[BEGIN]] to %[[END]]
// CHECK:     scf.for
// CHECK:       memref.store
// CHECK: func.func private @scale.parallel.0.run(memref<512x768xf32>) attributes {pi.iterations = 512 : i64, pi.parallel_body = @scale.parallel.0}
// CHECK: func.func @scale(
// CHECK: call @scale.parallel.0.run(
// CHECK-NOT: scf.parallel
func.func @scale(%x: memref<512x768xf32>, %y: memref<4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %rows = arith.constant 512 : index
  %columns = arith.constant 768 : index
  scf.parallel (%i, %j) = (%c0, %c0) to (%rows, %columns) step (%c1, %c1) {
    %0 = memref.load %x[%i, %j] : memref<512x768xf32>
    %1 = arith.addf %0, %0 : f32
    memref.store %1, %x[%i, %j] : memref<512x768xf32>
  }
  // Too little work for threads.
  // CHECK: scf.for
  scf.parallel (%i) = (%c0) to (%c4) step (%c1) {
    %0 = memref.load %y[%i] : memref<4xf32>
    %1 = arith.addf %0, %0 : f32
    memref.store %1, %y[%i] : memref<4xf32>
  }
  return
}
