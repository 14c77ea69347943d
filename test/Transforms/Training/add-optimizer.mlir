// RUN: pi-opt %s --pi-add-optimizer='beta1=0.8 beta2=0.9 epsilon=1e-6' | FileCheck %s
// RUN: pi-opt %s --pi-add-optimizer=accumulate=true | FileCheck %s --check-prefix=SUM

// CHECK: pi.parameter @w : {{.*}} decay
// CHECK-NEXT: pi.state @w.exp_avg : tensor<2x3xf32>
// CHECK-NEXT: pi.state @w.exp_avg_sq : tensor<2x3xf32>
// SUM: pi.state @w.exp_avg : tensor<2x3xf32>
// SUM-NEXT: pi.state @w.exp_avg_sq : tensor<2x3xf32>
// SUM-NEXT: pi.state @w.gradient : tensor<2x3xf32>
pi.parameter @w : tensor<2x3xf32> decay
// CHECK: pi.parameter @b
// CHECK-NEXT: pi.state @b.exp_avg : tensor<3xf32>
pi.parameter @b : tensor<3xf32>
// What no function reads is not trained.
// CHECK: pi.parameter @other
// CHECK-NOT: pi.state
pi.parameter @other : tensor<3xf32>

// CHECK-NOT: @loss
func.func @loss() {
  return
}

// CHECK-LABEL: func.func @train_step
// CHECK-SAME: %[[X:[^:]*]]: tensor<2x3xf32>,
// CHECK-SAME: %[[LR:[^:]*]]: tensor<f32> {pi.name = "learning_rate"}, %[[WD:[^:]*]]: tensor<f32> {pi.name = "weight_decay"}, %[[MAX:[^:]*]]: tensor<f32> {pi.name = "max_grad_norm"}, %[[STEP:[^:]*]]: tensor<i32> {pi.name = "step"})
// CHECK-SAME: -> (tensor<f32> {pi.name = "loss"}, tensor<f32> {pi.name = "grad_norm"}) attributes {pi.training}
// CHECK-DAG: %[[W:.*]] = pi.load @w :
// CHECK-DAG: %[[B:.*]] = pi.load @b :
// CHECK: %[[L:.*]] = pi.reduce_leading
// CHECK: %[[N:.*]] = pi.global_norm %[[B]], %[[X]] : tensor<3xf32>, tensor<2x3xf32>
// CHECK: %[[C:.*]] = pi.clip_coefficient %[[N]], %[[MAX]]
// CHECK: pi.adamw %[[B]] gradient %[[B]] {{.*}} beta1 8.000000e-01 beta2 9.000000e-01 epsilon 9.9999999999999995E-7 : tensor<3xf32>
// CHECK: pi.store {{.*}}, @b :
// CHECK: pi.store {{.*}}, @b.exp_avg :
// CHECK: pi.store {{.*}}, @b.exp_avg_sq :
// CHECK: pi.adamw %[[W]] gradient %[[X]] {{.*}} learning_rate %[[LR]] weight_decay %[[WD]] step %[[STEP]] coefficient %[[C]] {{.*}} decay : tensor<2x3xf32>
// CHECK: return %[[L]], %[[N]]

// SUM-LABEL: func.func @accumulate_gradients
// SUM-SAME: (%[[X:[^:]*]]: tensor<2x3xf32>) -> (tensor<f32> {pi.name = "loss"}) attributes {pi.training}
// SUM: %[[S:.*]] = pi.load @w.gradient
// SUM: %[[A:.*]] = pi.add %[[S]], %[[X]]
// SUM: pi.store %[[A]], @w.gradient
// SUM-NOT: pi.adamw
// SUM-LABEL: func.func @apply_gradients
// SUM-SAME: {pi.name = "learning_rate"}, {{.*}} {pi.name = "weight_decay"}, %[[MAX:[^:]*]]: tensor<f32> {pi.name = "max_grad_norm"}, {{.*}} {pi.name = "step"}, %[[COUNT:[^:]*]]: tensor<i32> {pi.name = "micro_batches"}) -> (tensor<f32> {pi.name = "grad_norm"}) attributes {pi.training}
// SUM: %[[SUMS:.*]] = pi.global_norm %{{.*}}, %{{.*}} : tensor<3xf32>, tensor<2x3xf32>
// SUM: %[[COUNTF:.*]] = arith.sitofp %[[COUNT]]
// SUM: %[[N:.*]] = pi.div %[[SUMS]], %[[COUNTF]]
// SUM: %[[CLIP:.*]] = pi.clip_coefficient %[[N]], %[[MAX]]
// SUM: %[[C:.*]] = pi.div %[[CLIP]], %[[COUNTF]]
// SUM: pi.adamw {{.*}} coefficient %[[C]]
// SUM: %[[ZERO:.*]] = arith.constant dense<0.0{{.*}}> : tensor<2x3xf32>
// SUM: pi.store %[[ZERO]], @w.gradient
// SUM: return %[[N]]
func.func @gradients(%x: tensor<2x3xf32>) -> (tensor<f32> {pi.name = "loss"}, tensor<3xf32> {pi.gradient = @b}, tensor<2x3xf32> {pi.gradient = @w}) attributes {pi.training} {
  %w = pi.load @w : tensor<2x3xf32>
  %b = pi.load @b : tensor<3xf32>
  %l = pi.reduce_leading %w : (tensor<2x3xf32>) -> tensor<f32>
  return %l, %b, %x : tensor<f32>, tensor<3xf32>, tensor<2x3xf32>
}
