// RUN: pi-opt %s --pi-scale-ffn | FileCheck %s
// RUN: pi-opt %s --pi-scale-ffn --pi-scale-ffn | FileCheck %s

// Two functions of one module share the scales; the operands of the sum may
// stand in either order.
// CHECK: pi.parameter @h.3.mlp.fused.weight
// CHECK-NEXT: pi.parameter @h.3.mlp.alpha : tensor<f32> init(#pi.fill<1.000000e+00>) derived
// CHECK: pi.parameter @h.3.mlp.beta : tensor<f32> init(#pi.fill<1.000000e+00>) derived
// CHECK-NOT: pi.parameter
pi.parameter @h.3.mlp.fused.weight : tensor<64x64xf32>

// CHECK: func.func @right(%[[X:.*]]: tensor<1x16x64xf32>)
func.func @right(%x: tensor<1x16x64xf32>) -> tensor<1x16x64xf32> {
  %w = pi.load @h.3.mlp.fused.weight : tensor<64x64xf32>
  // CHECK: %[[U:.*]] = pi.linear
  %0 = pi.linear %x, %w : (tensor<1x16x64xf32>, tensor<64x64xf32>) -> tensor<1x16x64xf32>
  // CHECK: %[[B:.*]] = pi.load @h.3.mlp.beta
  // CHECK: %[[A:.*]] = pi.load @h.3.mlp.alpha
  // CHECK: pi.scaled_residual %[[X]], %[[U]] alpha %[[A]] beta %[[B]]
  %1 = pi.add %x, %0 : (tensor<1x16x64xf32>, tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
  return %1 : tensor<1x16x64xf32>
}

// CHECK: func.func @left(%[[X:.*]]: tensor<1x16x64xf32>)
func.func @left(%x: tensor<1x16x64xf32>) -> tensor<1x16x64xf32> {
  %w = pi.load @h.3.mlp.fused.weight : tensor<64x64xf32>
  // CHECK: %[[U:.*]] = pi.linear
  %0 = pi.linear %x, %w : (tensor<1x16x64xf32>, tensor<64x64xf32>) -> tensor<1x16x64xf32>
  // CHECK: pi.scaled_residual %[[X]], %[[U]] alpha
  %1 = pi.add %0, %x : (tensor<1x16x64xf32>, tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
  return %1 : tensor<1x16x64xf32>
}

// Scales are f32 beside shorter tensors.
// RUN: sed 's/f32/bf16/g' %s | pi-opt --pi-scale-ffn | FileCheck %s --check-prefix=SHORT
// SHORT: pi.parameter @h.3.mlp.alpha : tensor<f32>
// SHORT: pi.scaled_residual {{.*}} : (tensor<1x16x64xbf16>, tensor<1x16x64xbf16>, tensor<f32>, tensor<f32>) -> tensor<1x16x64xbf16>
