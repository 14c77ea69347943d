// RUN: pi-opt %s --pi-build-loss | FileCheck %s
// RUN: pi-opt %s --pi-build-loss=ignore-index=-1 | FileCheck %s --check-prefix=IGNORE
// Inference has no part in it: @forward loses what training adds, @loss keeps it.
// RUN: pi-opt %s --pi-build-loss --pi-strip-training | FileCheck %s --check-prefix=STRIP

pi.parameter @theta : tensor<4xf32>

// CHECK-LABEL: func.func @forward
// CHECK-COUNT-2: pi.add_loss
// STRIP-LABEL: func.func @forward
// STRIP-NOT: pi.entropy_penalty
// STRIP-LABEL: func.func @loss
// STRIP-COUNT-2: pi.entropy_penalty
func.func @forward(%qkv: tensor<2x3x24xf32> {pi.name = "qkv"}) -> (tensor<2x3x8xf32> {pi.name = "logits"}) {
  %theta = pi.load @theta : tensor<4xf32>
  %y, %e = pi.attention %qkv heads 4 scale 0.7 causal : (tensor<2x3x24xf32>) -> (tensor<2x3x8xf32>, tensor<2x4x3xf32>)
  %p = pi.entropy_penalty %e, %theta reading per_row gamma 0.2 lambda 1.0e-5 : (tensor<2x4x3xf32>, tensor<4xf32>) -> tensor<f32>
  pi.add_loss %p : tensor<f32>
  %q = pi.entropy_penalty %e, %theta reading per_head gamma 0.2 lambda 1.0e-5 : (tensor<2x4x3xf32>, tensor<4xf32>) -> tensor<f32>
  pi.add_loss %q : tensor<f32>
  return %y : tensor<2x3x8xf32>
}
// The sum of what is added comes times 1 over its number.
// CHECK-LABEL: func.func @loss
// CHECK-SAME: %[[T:[^:]*]]: tensor<2x3xi32> {pi.name = "targets"}) -> (tensor<f32> {pi.name = "loss"}) attributes {pi.training}
// CHECK: %[[Y:[^,]*]], %{{.*}} = pi.attention
// CHECK: %[[P:.*]] = pi.entropy_penalty {{.*}} per_row
// CHECK: %[[Q:.*]] = pi.entropy_penalty {{.*}} per_head
// CHECK: %[[CE:.*]] = pi.cross_entropy %[[Y]], %[[T]] ignore_index -100
// IGNORE: pi.cross_entropy {{.*}} ignore_index -1 :
// CHECK: %[[SUM:.*]] = pi.add %[[P]], %[[Q]]
// CHECK: %[[HALF:.*]] = arith.constant dense<5.000000e-01> : tensor<f32>
// CHECK: %[[MEAN:.*]] = pi.mul %[[SUM]], %[[HALF]]
// CHECK: %[[LOSS:.*]] = pi.add %[[CE]], %[[MEAN]]
// CHECK: return %[[LOSS]] : tensor<f32>
