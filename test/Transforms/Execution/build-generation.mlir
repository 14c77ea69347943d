// Prefill and decode of a model with a batch of two.
// RUN: pi-opt %s --pi-build-generation | FileCheck %s

pi.parameter @wte : tensor<384x64xf32>
pi.parameter @wpe : tensor<32x64xf32>
pi.parameter @qkv : tensor<64x192xf32>
pi.parameter @t : tensor<4x16xf32>

func.func @forward(%ids: tensor<2x16xi32> {pi.name = "input_ids"}) -> (tensor<2x16x384xf32> {pi.name = "logits"}) {
  %wte = pi.load @wte : tensor<384x64xf32>
  %e = pi.embedding %ids, %wte : (tensor<2x16xi32>, tensor<384x64xf32>) -> tensor<2x16x64xf32>
  %wpe = pi.load @wpe : tensor<32x64xf32>
  %p = pi.position_embedding %wpe : (tensor<32x64xf32>) -> tensor<16x64xf32>
  %x = pi.add %e, %p : (tensor<2x16x64xf32>, tensor<16x64xf32>) -> tensor<2x16x64xf32>
  %w = pi.load @qkv : tensor<64x192xf32>
  %q = pi.linear %x, %w : (tensor<2x16x64xf32>, tensor<64x192xf32>) -> tensor<2x16x192xf32>
  %t = pi.load @t : tensor<4x16xf32>
  %a = pi.attention %q temperature %t heads 4 scale 0.25 causal
      : (tensor<2x16x192xf32>, tensor<4x16xf32>) -> tensor<2x16x64xf32> loc("h.0.attn")
  %g = pi.gelu %a approximate tanh : tensor<2x16x64xf32>
  %y = pi.add %x, %g : (tensor<2x16x64xf32>, tensor<2x16x64xf32>) -> tensor<2x16x64xf32>
  %logits = pi.linear %y, %wte transposed : (tensor<2x16x64xf32>, tensor<384x64xf32>) -> tensor<2x16x384xf32>
  return %logits : tensor<2x16x384xf32>
}

// After the attention, only the last position is computed.
// CHECK-LABEL: func.func @prefill(
// CHECK-SAME: %[[IDS:[^:]*]]: tensor<2x16xi32> {pi.name = "input_ids"}, %[[LAST:[^:]*]]: tensor<i32> {pi.name = "last_position"}, %[[C0:[^:]*]]: tensor<2x2x16x64xf32> {pi.state = "h.0.attn.cache"})
// CHECK-SAME: -> (tensor<2x384xf32> {pi.name = "logits"}, tensor<2xi32> {pi.name = "next_token"}, tensor<2x2x16x64xf32> {pi.state = "h.0.attn.cache"})
// CHECK: %[[X:.*]] = pi.add %{{.*}}, %{{.*}} : (tensor<2x16x64xf32>, tensor<16x64xf32>)
// CHECK: %[[Q:.*]] = pi.linear %[[X]]
// CHECK: %[[C1:.*]] = pi.update_cache %[[C0]], %[[Q]] : (
// CHECK: %[[A:.*]] = pi.attention %[[Q]] temperature %{{.*}} heads 4 scale 2.500000e-01 causal : (tensor<2x16x192xf32>, tensor<4x16xf32>) -> tensor<2x16x64xf32>
// CHECK-DAG: %[[X1:.*]] = pi.select_position %[[X]] at %[[LAST]]
// CHECK-DAG: %[[A1:.*]] = pi.select_position %[[A]] at %[[LAST]]
// CHECK: %[[G1:.*]] = pi.gelu %[[A1]] approximate tanh : tensor<2x1x64xf32>
// CHECK: %[[Y1:.*]] = pi.add %[[X1]], %[[G1]]
// CHECK: %[[L1:.*]] = pi.linear %[[Y1]]
// CHECK: %[[L:.*]] = tensor.collapse_shape %[[L1]] {{\[\[}}0, 1], [2]]
// CHECK: %[[NEXT:.*]] = pi.argmax %[[L]]
// CHECK: return %[[L]], %[[NEXT]], %[[C1]]

// CHECK-LABEL: func.func @decode(
// CHECK-SAME: %[[IDS:[^:]*]]: tensor<2x1xi32> {pi.name = "input_ids"}, %[[AT:[^:]*]]: tensor<i32> {pi.name = "position"}, %[[C0:[^:]*]]: tensor<2x2x16x64xf32> {pi.state = "h.0.attn.cache"})
// CHECK: pi.embedding %[[IDS]], %{{.*}} -> tensor<2x1x64xf32>
// CHECK: pi.position_embedding %{{.*}} at %[[AT]] : (tensor<32x64xf32>, tensor<i32>) -> tensor<1x64xf32>
// CHECK: %[[Q:.*]] = pi.linear %{{.*}} -> tensor<2x1x192xf32>
// CHECK: %[[C1:.*]] = pi.update_cache %[[C0]], %[[Q]] at %[[AT]]
// CHECK: pi.cached_attention %[[Q]], %[[C1]] at %[[AT]] temperature %{{.*}} heads 4 scale 2.500000e-01
// CHECK: %[[L:.*]] = tensor.collapse_shape
// CHECK: return %[[L]], %{{.*}}, %[[C1]]
