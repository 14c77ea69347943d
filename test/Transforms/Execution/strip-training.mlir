// Operations of training go, and with them the entropy and the parameters that
// only they read.
// RUN: pi-opt %s --pi-strip-training | FileCheck %s

// CHECK-NOT: pi.parameter @threshold
// CHECK-NOT: pi.parameter @{{.*}}source
// CHECK: pi.parameter @kept
pi.parameter @threshold : tensor<4xf32>
pi.parameter @unused.source : tensor<4xf32>
pi.parameter @unused : tensor<4xf32> derived {
  %0 = pi.load @unused.source : tensor<4xf32>
  pi.yield %0 : tensor<4xf32>
}
pi.parameter @kept : tensor<192xf32>

// CHECK-LABEL: func.func @forward
func.func @forward(%x: tensor<1x16x192xf32>) -> tensor<1x16x64xf32> {
  %bias = pi.load @kept : tensor<192xf32>
  %qkv = pi.add %x, %bias : (tensor<1x16x192xf32>, tensor<192xf32>) -> tensor<1x16x192xf32>
  %theta = pi.load @threshold : tensor<4xf32>
  // CHECK: %[[Y:.*]] = pi.attention %{{.*}} heads 4 scale 2.500000e-01 causal : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
  // CHECK-NEXT: return %[[Y]]
  %y, %e = pi.attention %qkv heads 4 scale 0.25 causal
      : (tensor<1x16x192xf32>) -> (tensor<1x16x64xf32>, tensor<1x4x16xf32>)
  %p = pi.entropy_penalty %e, %theta reading per_row gamma 0.2 lambda 1.0e-5
      : (tensor<1x4x16xf32>, tensor<4xf32>) -> tensor<f32>
  pi.add_loss %p : tensor<f32>
  return %y : tensor<1x16x64xf32>
}
