// RUN: pi-opt %s --pi-lower-precision=compute=bf16 | FileCheck %s
// RUN: not pi-opt %s --pi-lower-precision=compute=fp4 2>&1 | FileCheck %s --check-prefix=ERROR

// ERROR: pi-lower-precision: no compute format 'fp4'; there is bf16

// Derivations of parameters stay f32.
// CHECK: func.func private @initialize.alpha() -> (tensor<f32>
// CHECK: arith.constant dense<1.000000e+00> : tensor<f32>
func.func private @initialize.alpha() -> (tensor<f32> {pi.parameter = @alpha}) {
  %0 = arith.constant dense<1.0> : tensor<f32>
  return %0 : tensor<f32>
}

// A function with states gives f32 logits, of which the argmax is taken; the
// temperature stays f32.
// CHECK-LABEL: func.func @decode(
// CHECK-SAME: tensor<1x1xi32>
// CHECK-SAME: tensor<2x1x16x64xbf16> {pi.state = "h.0.attn.cache"}
// CHECK-SAME: tensor<192x64xbf16> {pi.parameter = @wte.weight}
// CHECK-SAME: tensor<4x16xf32> {pi.parameter = @h.0.attn.temperature}
// CHECK-SAME: -> (tensor<1x192xf32> {pi.name = "logits"}, tensor<1xi32> {pi.name = "next_token"}, tensor<2x1x16x64xbf16> {pi.state = "h.0.attn.cache"})
func.func @decode(%ids: tensor<1x1xi32> {pi.name = "input_ids"}, %position: tensor<i32> {pi.name = "position"},
                  %cache: tensor<2x1x16x64xf32> {pi.state = "h.0.attn.cache"},
                  %wte: tensor<192x64xf32> {pi.parameter = @wte.weight},
                  %t: tensor<4x16xf32> {pi.parameter = @h.0.attn.temperature})
    -> (tensor<1x192xf32> {pi.name = "logits"}, tensor<1xi32> {pi.name = "next_token"},
        tensor<2x1x16x64xf32> {pi.state = "h.0.attn.cache"}) {
  %x = pi.embedding %ids, %wte : (tensor<1x1xi32>, tensor<192x64xf32>) -> tensor<1x1x64xf32>
  %qkv = pi.linear %x, %wte transposed : (tensor<1x1x64xf32>, tensor<192x64xf32>) -> tensor<1x1x192xf32>
  %c = pi.update_cache %cache, %qkv at %position
      : (tensor<2x1x16x64xf32>, tensor<1x1x192xf32>, tensor<i32>) -> tensor<2x1x16x64xf32>
  %y = pi.cached_attention %qkv, %c at %position temperature %t heads 4 scale 0.25
      : (tensor<1x1x192xf32>, tensor<2x1x16x64xf32>, tensor<i32>, tensor<4x16xf32>) -> tensor<1x1x64xf32>
  // CHECK: %[[HEAD:.*]] = pi.linear {{.*}} -> tensor<1x1x192xbf16>
  // CHECK: %[[HEAD:.*]] = pi.linear {{.*}} -> tensor<1x1x192xbf16>
  // CHECK: %[[WIDE:.*]] = arith.extf %[[HEAD]] : tensor<1x1x192xbf16> to tensor<1x1x192xf32>
  // CHECK: %[[LOGITS:.*]] = tensor.collapse_shape %[[WIDE]] {{.*}} : tensor<1x1x192xf32> into tensor<1x192xf32>
  // CHECK: pi.argmax %[[LOGITS]]
  %h = pi.linear %y, %wte transposed : (tensor<1x1x64xf32>, tensor<192x64xf32>) -> tensor<1x1x192xf32>
  %l = tensor.collapse_shape %h [[0, 1], [2]] : tensor<1x1x192xf32> into tensor<1x192xf32>
  %n = pi.argmax %l : (tensor<1x192xf32>) -> tensor<1xi32>
  return %l, %n, %c : tensor<1x192xf32>, tensor<1xi32>, tensor<2x1x16x64xf32>
}
