// What a train step updates is written where it is: nothing of the size of a
// weight is allocated or copied for it.
// RUN: pi-opt %s --pi-outline-operations | FileCheck %s
// RUN: pi-opt %s --pi-cpu-pipeline | FileCheck %s --check-prefix=CODE

// CHECK-LABEL: func.func @step
// CHECK-SAME: %[[G:[^:]*]]: memref<64x32xf32>, %[[LR:[^:]*]]: memref<f32>, %[[T:[^:]*]]: memref<i32>, %[[W:[^:]*]]: memref<64x32xf32>, %[[M:[^:]*]]: memref<64x32xf32>, %[[V:[^:]*]]: memref<64x32xf32>, %[[S:[^:]*]]: memref<64x32xf32>, %[[Y:[^:]*]]: memref<64x32xf32>)
// The old weight is read before it goes.
// CHECK-NEXT: call @kernel.relu(%[[W]], %[[Y]])
// CHECK-NEXT: call @kernel.adamw(%[[G]], %[[LR]], %[[T]], %[[W]], %[[M]], %[[V]])
// CHECK-NEXT: call @kernel.constant(%[[S]])
// CHECK-NEXT: return
// CODE-NOT: pi_rt_alloc
// CODE-NOT: memcpy
// CODE-NOT: llvm.mlir.global
func.func @step(%g: tensor<64x32xf32> {pi.name = "g"}, %lr: tensor<f32> {pi.name = "lr"}, %t: tensor<i32> {pi.name = "t"},
                %w: tensor<64x32xf32> {pi.parameter = @w}, %m: tensor<64x32xf32> {pi.state = "m"},
                %v: tensor<64x32xf32> {pi.state = "v"}, %s: tensor<64x32xf32> {pi.state = "s"})
    -> (tensor<64x32xf32> {pi.name = "y"}, tensor<64x32xf32> {pi.parameter = @w}, tensor<64x32xf32> {pi.state = "m"},
        tensor<64x32xf32> {pi.state = "v"}, tensor<64x32xf32> {pi.state = "s"}) {
  %zero = arith.constant dense<0.0> : tensor<64x32xf32>
  %y = pi.relu %w : tensor<64x32xf32>
  %w1, %m1, %v1 = pi.adamw %w gradient %g moments %m, %v learning_rate %lr weight_decay %lr step %t coefficient %lr
      beta1 0.9 beta2 0.95 epsilon 1.0e-8 decay : tensor<64x32xf32>
  return %y, %w1, %m1, %v1, %zero : tensor<64x32xf32>, tensor<64x32xf32>, tensor<64x32xf32>, tensor<64x32xf32>, tensor<64x32xf32>
}

// What is read later, or not element by element, is overwritten at the end.
// CHECK-LABEL: func.func @later
// CHECK-SAME: %[[X:[^:]*]]: memref<4xf32>, %[[W:[^:]*]]: memref<1x4xf32>, %[[Y:[^:]*]]: memref<4xf32>)
// CHECK: %[[NEW:.*]] = memref.alloc() : memref<1x4xf32>
// CHECK: call @kernel.relu.1(%[[W]], %[[NEW]])
// CHECK: call @kernel.mul
// CHECK: memref.copy %[[NEW]], %[[W]]
func.func @later(%x: tensor<4xf32> {pi.name = "x"}, %w: tensor<1x4xf32> {pi.parameter = @w})
    -> (tensor<4xf32> {pi.name = "y"}, tensor<1x4xf32> {pi.parameter = @w}) {
  %v = tensor.collapse_shape %w [[0, 1]] : tensor<1x4xf32> into tensor<4xf32>
  %0 = pi.relu %w : tensor<1x4xf32>
  %1 = pi.mul %x, %v : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %1, %0 : tensor<4xf32>, tensor<1x4xf32>
}

// A product that joins an addition reads the weight only there.
// CHECK-LABEL: func.func @joined
// CHECK: %[[NEW:.*]] = memref.alloc() : memref<4x4xf32>
// CHECK: call @kernel.add({{.*}}, %[[NEW]])
// CHECK: call @kernel.linear.add
// CHECK: memref.copy %[[NEW]]
func.func @joined(%x: tensor<2x4xf32> {pi.name = "x"}, %g: tensor<4x4xf32> {pi.name = "g"}, %w: tensor<4x4xf32> {pi.parameter = @w})
    -> (tensor<2x4xf32> {pi.name = "y"}, tensor<4x4xf32> {pi.parameter = @w}) {
  %0 = pi.linear %x, %w : (tensor<2x4xf32>, tensor<4x4xf32>) -> tensor<2x4xf32>
  %1 = pi.add %w, %g : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %2 = pi.add %x, %0 : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  return %2, %1 : tensor<2x4xf32>, tensor<4x4xf32>
}

// One value has one place; the other gets a copy, and so does an argument.
// CHECK-LABEL: func.func @two_places
// CHECK-SAME: %[[X:[^:]*]]: memref<4xf32>, %[[A:[^:]*]]: memref<4xf32>, %[[B:[^:]*]]: memref<4xf32>, %[[C:[^:]*]]: memref<4xf32>)
// CHECK: call @kernel.relu{{.*}}(%[[X]], %[[A]])
// CHECK: memref.copy %[[A]], %[[B]]
// CHECK: memref.copy %[[X]], %[[C]]
func.func @two_places(%x: tensor<4xf32> {pi.name = "x"}, %a: tensor<4xf32> {pi.state = "a"}, %b: tensor<4xf32> {pi.state = "b"}, %c: tensor<4xf32> {pi.state = "c"})
    -> (tensor<4xf32> {pi.state = "a"}, tensor<4xf32> {pi.state = "b"}, tensor<4xf32> {pi.state = "c"}) {
  %0 = pi.relu %x : tensor<4xf32>
  return %0, %0, %x : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}
