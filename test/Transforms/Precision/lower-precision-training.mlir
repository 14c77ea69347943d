// RUN: pi-opt %s --pi-lower-precision=compute=bf16 | FileCheck %s

// Parameters stay f32 and are rounded once, at the start. What is summed over
// positions, statistics of rows, and what scales a row are f32.
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[TABLE:[^:]*]]: tensor<192x64xf32> {pi.parameter = @wte.weight}
// CHECK-SAME: %[[ALPHA:[^:]*]]: tensor<f32> {pi.parameter = @alpha}
// CHECK-SAME: %[[T:[^:]*]]: tensor<4x16xf32> {pi.parameter = @t}
// CHECK-SAME: -> (tensor<f32> {pi.name = "loss"}, tensor<192x64xf32> {pi.gradient = @wte.weight}, tensor<f32> {pi.gradient = @alpha}, tensor<4x16xf32> {pi.gradient = @t})
func.func @gradients(%ids: tensor<2x16xi32> {pi.name = "input_ids"}, %targets: tensor<2x16xi32> {pi.name = "targets"},
                     %dy: tensor<2x16x64xf32> {pi.name = "dy"},
                     %wte: tensor<192x64xf32> {pi.parameter = @wte.weight}, %alpha: tensor<f32> {pi.parameter = @alpha},
                     %t: tensor<4x16xf32> {pi.parameter = @t})
    -> (tensor<f32> {pi.name = "loss"}, tensor<192x64xf32> {pi.gradient = @wte.weight},
        tensor<f32> {pi.gradient = @alpha}, tensor<4x16xf32> {pi.gradient = @t}) attributes {pi.training} {
  // CHECK-NEXT: %[[ROUNDED:.*]] = arith.truncf %[[TABLE]] : tensor<192x64xf32> to tensor<192x64xbf16>
  // CHECK-NOT: arith.truncf %[[TABLE]]
  // CHECK: pi.embedding %{{.*}}, %[[ROUNDED]] : {{.*}} -> tensor<2x16x64xbf16>
  %x = pi.embedding %ids, %wte : (tensor<2x16xi32>, tensor<192x64xf32>) -> tensor<2x16x64xf32>
  // CHECK: pi.linear %{{.*}}, %[[ROUNDED]] transposed : {{.*}} -> tensor<2x16x192xbf16>
  %qkv = pi.linear %x, %wte transposed : (tensor<2x16x64xf32>, tensor<192x64xf32>) -> tensor<2x16x192xf32>
  // CHECK: pi.attention %{{.*}} temperature %[[T]] {{.*}} -> (tensor<2x16x64xbf16>, tensor<2x4x16xf32>, log_sum_exp tensor<2x4x16xf32>)
  %y, %e, %lse = pi.attention %qkv temperature %t heads 4 scale 0.25 causal
      : (tensor<2x16x192xf32>, tensor<4x16xf32>) -> (tensor<2x16x64xf32>, tensor<2x4x16xf32>, log_sum_exp tensor<2x4x16xf32>)
  // CHECK: %[[LOSS:.*]] = pi.cross_entropy %{{.*}} : (tensor<2x16x192xbf16>, tensor<2x16xi32>) -> tensor<f32>
  %loss = pi.cross_entropy %qkv, %targets ignore_index -100 : (tensor<2x16x192xf32>, tensor<2x16xi32>) -> tensor<f32>
  // CHECK: %[[ONE:.*]] = arith.constant dense<1.000000e+00> : tensor<f32>
  %one = arith.constant dense<1.0> : tensor<f32>
  // CHECK: pi.cross_entropy_grad %[[ONE]], {{.*}} -> tensor<2x16x192xbf16>
  %dlogits = pi.cross_entropy_grad %one, %qkv, %targets ignore_index -100
      : (tensor<f32>, tensor<2x16x192xf32>, tensor<2x16xi32>) -> tensor<2x16x192xf32>
  // CHECK: pi.attention_grad {{.*}} -> (tensor<2x16x192xbf16>, tensor<4x16xf32>)
  %dqkv, %dt = pi.attention_grad %dy, %qkv, %y, %lse temperature %t entropy %e gradient %e heads 4 scale 0.25 causal
      : (tensor<2x16x64xf32>, tensor<2x16x192xf32>, tensor<2x16x64xf32>, tensor<2x4x16xf32>, tensor<4x16xf32>, tensor<2x4x16xf32>, tensor<2x4x16xf32>)
        -> (tensor<2x16x192xf32>, tensor<4x16xf32>)
  // CHECK: %[[SCALED:.*]] = pi.div %{{.*}}, %[[ALPHA]] : (tensor<2x16x192xbf16>, tensor<f32>) -> tensor<2x16x192xbf16>
  %scaled = pi.div %dqkv, %alpha : (tensor<2x16x192xf32>, tensor<f32>) -> tensor<2x16x192xf32>
  // CHECK: pi.reduce_leading %[[SCALED]] : (tensor<2x16x192xbf16>) -> tensor<f32>
  %dalpha = pi.reduce_leading %scaled : (tensor<2x16x192xf32>) -> tensor<f32>
  %flat = tensor.collapse_shape %dlogits [[0, 1], [2]] : tensor<2x16x192xf32> into tensor<32x192xf32>
  %flat_x = tensor.collapse_shape %x [[0, 1], [2]] : tensor<2x16x64xf32> into tensor<32x64xf32>
  // CHECK: %[[HEAD:.*]] = pi.matmul %{{.*}} transposed, %{{.*}} : (tensor<32x192xbf16>, tensor<32x64xbf16>) -> tensor<192x64xf32>
  %dhead = pi.matmul %flat transposed, %flat_x : (tensor<32x192xf32>, tensor<32x64xf32>) -> tensor<192x64xf32>
  // CHECK: %[[ROWS:.*]] = pi.embedding_grad {{.*}} : (tensor<2x16xi32>, tensor<2x16x64xbf16>) -> tensor<192x64xf32>
  %drows = pi.embedding_grad %ids, %dy : (tensor<2x16xi32>, tensor<2x16x64xf32>) -> tensor<192x64xf32>
  // CHECK: pi.add %[[ROWS]], %[[HEAD]] : (tensor<192x64xf32>, tensor<192x64xf32>) -> tensor<192x64xf32>
  %dwte = pi.add %drows, %dhead : (tensor<192x64xf32>, tensor<192x64xf32>) -> tensor<192x64xf32>
  return %loss, %dwte, %dalpha, %dt : tensor<f32>, tensor<192x64xf32>, tensor<f32>, tensor<4x16xf32>
}

// The loss and the gradient of the weight are sums over positions.
// CHECK-LABEL: func.func @head(
// CHECK: pi.linear_cross_entropy {{.*}} : (tensor<2x16x64xbf16>, tensor<192x64xbf16>, tensor<2x16xi32>) -> (tensor<f32>, tensor<2x16x64xbf16>, tensor<192x64xf32>)
func.func @head(%x: tensor<2x16x64xf32> {pi.name = "x"}, %targets: tensor<2x16xi32> {pi.name = "targets"},
                %wte: tensor<192x64xf32> {pi.parameter = @wte.weight})
    -> (tensor<f32> {pi.name = "loss"}, tensor<2x16x64xf32> {pi.name = "dx"}, tensor<192x64xf32> {pi.gradient = @wte.weight}) attributes {pi.training} {
  %loss, %dx, %dw = pi.linear_cross_entropy %x, %wte transposed, %targets ignore_index -100
      : (tensor<2x16x64xf32>, tensor<192x64xf32>, tensor<2x16xi32>) -> (tensor<f32>, tensor<2x16x64xf32>, tensor<192x64xf32>)
  return %loss, %dx, %dw : tensor<f32>, tensor<2x16x64xf32>, tensor<192x64xf32>
}
