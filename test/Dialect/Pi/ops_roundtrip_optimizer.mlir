// Each operation that updates parameters or watches training.
// RUN: pi-opt %s | pi-opt | FileCheck %s
// RUN: pi-opt %s -mlir-print-op-generic | pi-opt | FileCheck %s

// CHECK: pi.parameter @w : tensor<8x4xf32>
pi.parameter @w : tensor<8x4xf32>
// CHECK: pi.state @w.exp_avg : tensor<8x4xf32>
pi.state @w.exp_avg : tensor<8x4xf32>

// CHECK-LABEL: func.func @update
func.func @update(%g: tensor<8x4xf32>, %v: tensor<8x4xf32>, %lr: tensor<f32>, %wd: tensor<f32>, %max: tensor<f32>, %step: tensor<i32>) {
  // CHECK: %[[W:.*]] = pi.load @w : tensor<8x4xf32>
  %w = pi.load @w : tensor<8x4xf32>
  // CHECK: %[[M:.*]] = pi.load @w.exp_avg : tensor<8x4xf32>
  %m = pi.load @w.exp_avg : tensor<8x4xf32>
  // CHECK: %[[N:.*]] = pi.global_norm %{{.*}}, %{{.*}} : tensor<8x4xf32>, tensor<f32>
  %norm = pi.global_norm %g, %lr : tensor<8x4xf32>, tensor<f32>
  // CHECK: %[[C:.*]] = pi.clip_coefficient %[[N]], %{{[a-z0-9]*$}}
  %c = pi.clip_coefficient %norm, %max
  // CHECK: %[[W1:.*]], %[[M1:.*]], %{{.*}} = pi.adamw %[[W]] gradient %{{.*}} moments %[[M]], %{{.*}} learning_rate %{{.*}} weight_decay %{{.*}} step %{{.*}} coefficient %[[C]] beta1 9.000000e-01 beta2 0.94999999999999996 epsilon 1.000000e-08 decay : tensor<8x4xf32>
  %w1, %m1, %v1 = pi.adamw %w gradient %g moments %m, %v learning_rate %lr weight_decay %wd step %step coefficient %c beta1 0.9 beta2 0.95 epsilon 1.0e-8 decay : tensor<8x4xf32>
  // CHECK: pi.adamw %[[W1]] {{.*}} epsilon 0.000000e+00 : tensor<8x4xf32>
  %w2, %m2, %v2 = pi.adamw %w1 gradient %g moments %m1, %v1 learning_rate %lr weight_decay %wd step %step coefficient %c beta1 0.0 beta2 0.0 epsilon 0.0 : tensor<8x4xf32>
  // CHECK: pi.store %{{.*}}, @w : tensor<8x4xf32>
  pi.store %w2, @w : tensor<8x4xf32>
  // CHECK: pi.store %{{.*}}, @w.exp_avg : tensor<8x4xf32>
  pi.store %m2, @w.exp_avg : tensor<8x4xf32>
  return
}

// CHECK-LABEL: func.func @watch
func.func @watch(%x: tensor<2x3xbf16>, %e: tensor<1x4x16xf32>) -> (tensor<i32>, tensor<4xf32>) {
  // CHECK: pi.is_finite %{{.*}}, %{{.*}} : tensor<2x3xbf16>, tensor<1x4x16xf32>
  %ok = pi.is_finite %x, %e : tensor<2x3xbf16>, tensor<1x4x16xf32>
  // CHECK: pi.mean_entropy %{{.*}} : (tensor<1x4x16xf32>) -> tensor<4xf32>
  %m = pi.mean_entropy %e : (tensor<1x4x16xf32>) -> tensor<4xf32>
  return %ok, %m : tensor<i32>, tensor<4xf32>
}
