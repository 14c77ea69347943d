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
