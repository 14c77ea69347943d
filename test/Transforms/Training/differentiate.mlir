// RUN: pi-opt %s -split-input-file --pi-differentiate | FileCheck %s

// A table that is read twice: what flows into it is summed, last user first.
pi.parameter @wte : tensor<9x4xf32>
// CHECK-LABEL: func.func @gradients
// CHECK-SAME: (%[[I:.*]]: tensor<2x3xi32> {pi.name = "input_ids"}, %[[T:.*]]: tensor<2x3xi32>)
// CHECK-SAME: -> (tensor<f32> {pi.name = "loss"}, tensor<9x4xf32> {pi.gradient = @wte}) attributes {pi.training}
func.func @loss(%ids: tensor<2x3xi32> {pi.name = "input_ids"}, %t: tensor<2x3xi32>) -> (tensor<f32> {pi.name = "loss"}) {
  // CHECK-DAG: %[[W:.*]] = pi.load @wte
  // CHECK-DAG: %[[V:.*]] = pi.load @wte
  %w = pi.load @wte : tensor<9x4xf32>
  %v = pi.load @wte : tensor<9x4xf32>
  %x = pi.embedding %ids, %w : (tensor<2x3xi32>, tensor<9x4xf32>) -> tensor<2x3x4xf32>
  %y = pi.linear %x, %v transposed : (tensor<2x3x4xf32>, tensor<9x4xf32>) -> tensor<2x3x9xf32>
  // CHECK: %[[LOSS:.*]] = pi.cross_entropy
  // CHECK: %[[DY:.*]] = pi.cross_entropy_grad
  // CHECK: %[[DX:.*]] = pi.linear %[[DY]], %[[V]]
  // CHECK: %[[HEAD:.*]] = pi.matmul %{{.*}} transposed, %{{.*}} : (tensor<6x9xf32>, tensor<6x4xf32>) -> tensor<9x4xf32>
  // CHECK: %[[ROWS:.*]] = pi.embedding_grad %[[I]], %[[DX]]
  // CHECK: %[[SUM:.*]] = pi.add %[[ROWS]], %[[HEAD]]
  // CHECK: return %[[LOSS]], %[[SUM]]
  %loss = pi.cross_entropy %y, %t ignore_index -100 : (tensor<2x3x9xf32>, tensor<2x3xi32>) -> tensor<f32>
  return %loss : tensor<f32>
}

// -----

// What no parameter needs is not computed: here the gradient of the input.
pi.parameter @w : tensor<4x9xf32>
// CHECK-LABEL: func.func @gradients
func.func @loss(%x: tensor<3x4xf32>, %t: tensor<3xi32>) -> tensor<f32> {
  // CHECK-COUNT-1: pi.linear
  // CHECK-NOT: pi.linear
  // CHECK: return
  %w = pi.load @w : tensor<4x9xf32>
  %y = pi.linear %x, %w : (tensor<3x4xf32>, tensor<4x9xf32>) -> tensor<3x9xf32>
  %loss = pi.cross_entropy %y, %t ignore_index -100 : (tensor<3x9xf32>, tensor<3xi32>) -> tensor<f32>
  return %loss : tensor<f32>
}

// -----

// Nothing flows through an integer, and nothing into the source of a derived
// parameter, which is trained in its own right. What does not reach the loss
// has gradient 0.
pi.parameter @a : tensor<2x9xf32>
pi.parameter @b : tensor<9x4xf32> derived {
  %0 = pi.load @c : tensor<9x4xf32>
  pi.yield %0 : tensor<9x4xf32>
}
pi.parameter @c : tensor<9x4xf32>
// CHECK-LABEL: func.func @gradients
// CHECK-SAME: tensor<2x9xf32> {pi.gradient = @a}, tensor<9x4xf32> {pi.gradient = @b})
func.func @loss(%t: tensor<2xi32>) -> tensor<f32> {
  %a = pi.load @a : tensor<2x9xf32>
  %b = pi.load @b : tensor<9x4xf32>
  %i = pi.argmax %a : (tensor<2x9xf32>) -> tensor<2xi32>
  %y = pi.embedding %i, %b : (tensor<2xi32>, tensor<9x4xf32>) -> tensor<2x4xf32>
  // CHECK: %[[DB:.*]] = pi.embedding_grad
  // CHECK: %[[DA:.*]] = arith.constant dense<0.000000e+00> : tensor<2x9xf32>
  // CHECK: return %{{.*}}, %[[DA]], %[[DB]]
  %loss = pi.cross_entropy %y, %t ignore_index -100 : (tensor<2x4xf32>, tensor<2xi32>) -> tensor<f32>
  return %loss : tensor<f32>
}

// -----

// A scalar that depends on no parameter.
// CHECK-LABEL: func.func @gradients
// CHECK: return %arg0 : tensor<f32>
func.func @loss(%x: tensor<f32>) -> tensor<f32> {
  return %x : tensor<f32>
}

// -----

// Attention gives what its gradient reads, and its entropy where it is read.
pi.parameter @qkv : tensor<2x3x12xf32>
pi.parameter @theta : tensor<2xf32>
// CHECK-LABEL: func.func @loss
// CHECK-NOT: log_sum_exp
// CHECK-LABEL: func.func @gradients
func.func @loss(%t: tensor<2x3xi32>) -> tensor<f32> {
  // CHECK: %[[QKV:.*]] = pi.load @qkv
  %qkv = pi.load @qkv : tensor<2x3x12xf32>
  %theta = pi.load @theta : tensor<2xf32>
  // CHECK: %[[Y:.*]], %[[E:.*]], %[[L:.*]] = pi.attention {{.*}}, log_sum_exp tensor<2x2x3xf32>)
  %y, %e = pi.attention %qkv heads 2 scale 0.5 causal : (tensor<2x3x12xf32>) -> (tensor<2x3x4xf32>, tensor<2x2x3xf32>)
  %p = pi.entropy_penalty %e, %theta reading per_row gamma 0.2 lambda 1.0e-5 : (tensor<2x2x3xf32>, tensor<2xf32>) -> tensor<f32>
  %ce = pi.cross_entropy %y, %t ignore_index -100 : (tensor<2x3x4xf32>, tensor<2x3xi32>) -> tensor<f32>
  %loss = pi.add %ce, %p : (tensor<f32>, tensor<f32>) -> tensor<f32>
  // CHECK: %[[DY:.*]] = pi.cross_entropy_grad
  // CHECK: %[[DE:.*]], %[[DTHETA:.*]] = pi.entropy_penalty_grad
  // CHECK: %[[DQKV:.*]] = pi.attention_grad %[[DY]], %[[QKV]], %[[Y]], %[[L]] entropy %[[E]] gradient %[[DE]] heads 2
  // CHECK: return %{{.*}}, %[[DQKV]], %[[DTHETA]]
  return %loss : tensor<f32>
}

// -----

// Upstream operations have rules, too; those of conversions are one another.
pi.parameter @x : tensor<2x3x8xf32>
// CHECK-LABEL: func.func @gradients
func.func @loss(%t: tensor<2x2x2xi32>) -> tensor<f32> {
  %x = pi.load @x : tensor<2x3x8xf32>
  %y = arith.truncf %x : tensor<2x3x8xf32> to tensor<2x3x8xbf16>
  %z = arith.extf %y : tensor<2x3x8xbf16> to tensor<2x3x8xf32>
  %r = tensor.collapse_shape %z [[0], [1, 2]] : tensor<2x3x8xf32> into tensor<2x24xf32>
  %s = tensor.expand_shape %r [[0], [1, 2, 3]] output_shape [2, 2, 2, 6] : tensor<2x24xf32> into tensor<2x2x2x6xf32>
  // CHECK: %[[G:.*]] = pi.cross_entropy_grad
  // CHECK: %[[A:.*]] = tensor.collapse_shape %[[G]] {{\[\[}}0], [1, 2, 3]] : tensor<2x2x2x6xf32> into tensor<2x24xf32>
  // CHECK: %[[B:.*]] = tensor.expand_shape %[[A]] {{\[\[}}0], [1, 2]] output_shape [2, 3, 8]
  // CHECK: %[[C:.*]] = arith.truncf %[[B]]
  // CHECK: %[[D:.*]] = arith.extf %[[C]]
  // CHECK: return %{{.*}}, %[[D]]
  %loss = pi.cross_entropy %s, %t ignore_index -100 : (tensor<2x2x2x6xf32>, tensor<2x2x2xi32>) -> tensor<f32>
  return %loss : tensor<f32>
}

// -----

// The forward part gives the gradients; times 1 they are what they are, and
// times another number they are products.
pi.parameter @w : tensor<8x4xf32>
// CHECK-LABEL: func.func @gradients
// CHECK: %[[LOSS:.*]], %[[DX:.*]], %[[DW:.*]] = pi.linear_cross_entropy {{.*}} chunk 2 : {{.*}} -> (tensor<f32>, tensor<3x8xf32>, tensor<8x4xf32>)
// CHECK-NOT: pi.mul
// CHECK: return %[[LOSS]], %[[DW]]
func.func @loss(%x: tensor<3x8xf32>, %t: tensor<3xi32>) -> tensor<f32> {
  %w = pi.load @w : tensor<8x4xf32>
  %loss = pi.linear_cross_entropy %x, %w, %t ignore_index -100 chunk 2 : (tensor<3x8xf32>, tensor<8x4xf32>, tensor<3xi32>) -> tensor<f32>
  return %loss : tensor<f32>
}

// -----

pi.parameter @w : tensor<8x4xbf16>
// CHECK-LABEL: func.func @gradients
// CHECK: %[[LOSS:.*]], %[[DX:.*]], %[[DW:.*]] = pi.linear_cross_entropy {{.*}} -> (tensor<f32>, tensor<3x8xbf16>, tensor<8x4xbf16>)
// CHECK: pi.mul %[[LOSS]], %[[THREE:.*]] :
// CHECK: %[[DLOSS:.*]] = pi.mul %{{.*}}, %[[THREE]] :
// CHECK: pi.mul %[[DW]], %[[DLOSS]] : (tensor<8x4xbf16>, tensor<f32>) -> tensor<8x4xbf16>
func.func @loss(%x: tensor<3x8xbf16>, %t: tensor<3xi32>) -> tensor<f32> {
  %w = pi.load @w : tensor<8x4xbf16>
  %ce = pi.linear_cross_entropy %x, %w, %t ignore_index -100 : (tensor<3x8xbf16>, tensor<8x4xbf16>, tensor<3xi32>) -> tensor<f32>
  %three = arith.constant dense<3.0> : tensor<f32>
  %loss = pi.mul %ce, %three : (tensor<f32>, tensor<f32>) -> tensor<f32>
  return %loss : tensor<f32>
}
