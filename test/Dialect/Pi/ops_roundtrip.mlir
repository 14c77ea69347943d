// Every operation survives printing and parsing, in its own form and in the
// generic one.
// RUN: pi-opt %s | pi-opt | FileCheck %s
// RUN: pi-opt %s --mlir-print-op-generic | pi-opt | FileCheck %s

// CHECK-LABEL: pi.parameter @h.0.mlp.c_fc.weight : tensor<64x256xf32> init(#pi.normal<2.000000e-02>) decay
pi.parameter @h.0.mlp.c_fc.weight : tensor<64x256xf32> init(#pi.normal<0.02>) decay
// CHECK: pi.parameter @h.0.mlp.c_proj.weight : tensor<256x64xf32>
pi.parameter @h.0.mlp.c_proj.weight : tensor<256x64xf32>
// CHECK: pi.parameter @h.0.mlp.alpha : tensor<f32> init(#pi.fill<1.000000e+00>) derived {
// CHECK:   pi.yield %{{.*}} : tensor<f32>
pi.parameter @h.0.mlp.alpha : tensor<f32> init(#pi.fill<1.0>) derived {
  %0 = arith.constant dense<1.0> : tensor<f32>
  pi.yield %0 : tensor<f32>
}
// CHECK: pi.parameter @h.0.mlp.fused.weight : tensor<64x64xf32> derived {
// CHECK:   %[[FC:.*]] = pi.load @h.0.mlp.c_fc.weight : tensor<64x256xf32>
// CHECK:   pi.matmul %[[FC]], %{{.*}} : (tensor<64x256xf32>, tensor<256x64xf32>) -> tensor<64x64xf32>
pi.parameter @h.0.mlp.fused.weight : tensor<64x64xf32> derived {
  %0 = pi.load @h.0.mlp.c_fc.weight : tensor<64x256xf32>
  %1 = pi.load @h.0.mlp.c_proj.weight : tensor<256x64xf32>
  %2 = pi.matmul %0, %1 : (tensor<64x256xf32>, tensor<256x64xf32>) -> tensor<64x64xf32>
  pi.yield %2 : tensor<64x64xf32>
}

// CHECK-LABEL: func.func @embeddings
func.func @embeddings(%ids: tensor<1x16xi32>, %table: tensor<384x64xf32>, %i: tensor<i32>) -> tensor<1x16x64xf32> {
  // CHECK: pi.embedding %{{.*}}, %{{.*}} : (tensor<1x16xi32>, tensor<384x64xf32>) -> tensor<1x16x64xf32>
  %x = pi.embedding %ids, %table : (tensor<1x16xi32>, tensor<384x64xf32>) -> tensor<1x16x64xf32>
  // CHECK: pi.position_embedding %{{.*}} : (tensor<384x64xf32>) -> tensor<16x64xf32>
  %p = pi.position_embedding %table : (tensor<384x64xf32>) -> tensor<16x64xf32>
  // CHECK: pi.position_embedding %{{.*}} at %{{.*}} : (tensor<384x64xf32>, tensor<i32>) -> tensor<16x64xf32>
  %q = pi.position_embedding %table at %i : (tensor<384x64xf32>, tensor<i32>) -> tensor<16x64xf32>
  // CHECK: pi.add %{{.*}}, %{{.*}} : (tensor<1x16x64xf32>, tensor<16x64xf32>) -> tensor<1x16x64xf32>
  %y = pi.add %x, %p : (tensor<1x16x64xf32>, tensor<16x64xf32>) -> tensor<1x16x64xf32>
  %z = pi.add %y, %q : (tensor<1x16x64xf32>, tensor<16x64xf32>) -> tensor<1x16x64xf32>
  // CHECK: pi.select_position %{{.*}} at %{{.*}} : (tensor<1x16x64xf32>, tensor<i32>) -> tensor<1x1x64xf32>
  %last = pi.select_position %z at %i : (tensor<1x16x64xf32>, tensor<i32>) -> tensor<1x1x64xf32>
  return %z : tensor<1x16x64xf32>
}

// CHECK-LABEL: func.func @linear
func.func @linear(%x: tensor<1x16x64xf32>, %w: tensor<64x192xf32>, %b: tensor<192xf32>, %t: tensor<384x64xf32>) -> tensor<1x16x192xf32> {
  // CHECK: pi.linear %{{.*}}, %{{.*}} bias %{{.*}} : (tensor<1x16x64xf32>, tensor<64x192xf32>, tensor<192xf32>) -> tensor<1x16x192xf32>
  %0 = pi.linear %x, %w bias %b : (tensor<1x16x64xf32>, tensor<64x192xf32>, tensor<192xf32>) -> tensor<1x16x192xf32>
  // CHECK: pi.linear %{{.*}}, %{{.*}} transposed : (tensor<1x16x64xf32>, tensor<384x64xf32>) -> tensor<1x16x384xf32>
  %1 = pi.linear %x, %t transposed : (tensor<1x16x64xf32>, tensor<384x64xf32>) -> tensor<1x16x384xf32>
  return %0 : tensor<1x16x192xf32>
}

// CHECK-LABEL: func.func @weights
func.func @weights(%w: tensor<64x192xf32>, %g: tensor<128xf32>) -> tensor<64x192xf32> {
  // CHECK: pi.weight_norm %{{.*}} gain %{{.*}} columns [0, 128] : (tensor<64x192xf32>, tensor<128xf32>) -> tensor<64x192xf32>
  %0 = pi.weight_norm %w gain %g columns [0, 128] : (tensor<64x192xf32>, tensor<128xf32>) -> tensor<64x192xf32>
  // CHECK: pi.column_norm %{{.*}} columns [0, 128] : (tensor<64x192xf32>) -> tensor<128xf32>
  %n = pi.column_norm %w columns [0, 128] : (tensor<64x192xf32>) -> tensor<128xf32>
  // CHECK: pi.spectral_norm %{{.*}} columns [0, 64, 64, 128] iterations 16 : (tensor<64x192xf32>) -> tensor<64x192xf32>
  %1 = pi.spectral_norm %0 columns [0, 64, 64, 128] iterations 16 : (tensor<64x192xf32>) -> tensor<64x192xf32>
  // CHECK: pi.spectral_norm %{{.*}} iterations 1 : (tensor<64x192xf32>) -> tensor<64x192xf32>
  %2 = pi.spectral_norm %1 iterations 1 : (tensor<64x192xf32>) -> tensor<64x192xf32>
  return %2 : tensor<64x192xf32>
}

// CHECK-LABEL: func.func @nonlinear
func.func @nonlinear(%x: tensor<1x16x64xf32>, %w: tensor<64xf32>, %b: tensor<64xf32>, %alpha: tensor<f32>, %beta: tensor<f32>, %s: tensor<1x4x16x16xf32>, %t: tensor<4x16xf32>) -> tensor<1x16x64xf32> {
  // CHECK: pi.layer_norm %{{.*}}, %{{.*}}, %{{.*}} epsilon 1.000000e-05 : (tensor<1x16x64xf32>, tensor<64xf32>, tensor<64xf32>) -> tensor<1x16x64xf32>
  %0 = pi.layer_norm %x, %w, %b epsilon 1.0e-5 : (tensor<1x16x64xf32>, tensor<64xf32>, tensor<64xf32>) -> tensor<1x16x64xf32>
  // CHECK: pi.gelu %{{.*}} approximate tanh : tensor<1x16x64xf32>
  %1 = pi.gelu %0 approximate tanh : tensor<1x16x64xf32>
  // CHECK: pi.gelu %{{.*}} approximate none : tensor<1x16x64xf32>
  %2 = pi.gelu %1 approximate none : tensor<1x16x64xf32>
  // CHECK: pi.relu %{{.*}} : tensor<1x16x64xf32>
  %3 = pi.relu %2 : tensor<1x16x64xf32>
  // CHECK: pi.polynomial %{{.*}} coefficients [1.250000e-01, 5.000000e-01, 2.500000e-01] : tensor<1x16x64xf32>
  %4 = pi.polynomial %3 coefficients [0.125, 0.5, 0.25] : tensor<1x16x64xf32>
  // CHECK: pi.scaled_residual %{{.*}}, %{{.*}} alpha %{{.*}} beta %{{.*}} : (tensor<1x16x64xf32>, tensor<1x16x64xf32>, tensor<f32>, tensor<f32>) -> tensor<1x16x64xf32>
  %5 = pi.scaled_residual %x, %4 alpha %alpha beta %beta : (tensor<1x16x64xf32>, tensor<1x16x64xf32>, tensor<f32>, tensor<f32>) -> tensor<1x16x64xf32>
  // CHECK: pi.softmax %{{.*}} temperature %{{.*}} causal : (tensor<1x4x16x16xf32>, tensor<4x16xf32>) -> tensor<1x4x16x16xf32>
  %6 = pi.softmax %s temperature %t causal : (tensor<1x4x16x16xf32>, tensor<4x16xf32>) -> tensor<1x4x16x16xf32>
  // CHECK: pi.softmax %{{.*}} : (tensor<1x4x16x16xf32>) -> tensor<1x4x16x16xf32>
  %7 = pi.softmax %6 : (tensor<1x4x16x16xf32>) -> tensor<1x4x16x16xf32>
  return %5 : tensor<1x16x64xf32>
}

// CHECK-LABEL: func.func @attention
func.func @attention(%qkv: tensor<1x16x192xf32>, %t: tensor<4x16xf32>, %theta: tensor<4xf32>) -> tensor<1x16x64xf32> {
  // CHECK: pi.attention %{{.*}} heads 4 scale 2.500000e-01 causal : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
  %0 = pi.attention %qkv heads 4 scale 0.25 causal : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
  // CHECK: %{{.*}}, %[[E:.*]] = pi.attention %{{.*}} temperature %{{.*}} heads 4 scale 2.500000e-01 causal : (tensor<1x16x192xf32>, tensor<4x16xf32>) -> (tensor<1x16x64xf32>, tensor<1x4x16xf32>)
  %1, %e = pi.attention %qkv temperature %t heads 4 scale 0.25 causal : (tensor<1x16x192xf32>, tensor<4x16xf32>) -> (tensor<1x16x64xf32>, tensor<1x4x16xf32>)
  // How it is evaluated on shares; what is not said is not printed.
  // CHECK: pi.attention %{{.*}} heads 4 scale 2.500000e-01 causal evaluation <pack_rows = 8, defer_normalization = true, normalize_by_product = true, reciprocal_by_rsqrt = true, heads_per_product = 2> : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
  %2 = pi.attention %qkv heads 4 scale 0.25 causal evaluation <heads_per_product = 2, reciprocal_by_rsqrt = true, normalize_by_product = true, defer_normalization = true, pack_rows = 8> : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
  // Numbers have all their digits.
  // CHECK: pi.attention %{{.*}} temperature %{{.*}} heads 4 scale 2.500000e-01 evaluation <temperature_by_product = true, exponential = <scale = 6.250000e-02, offsets = [0.81673664000000001, 0.000000e+00, -5.000000e-01], lowest = -1.600000e+01>> : (tensor<1x16x192xf32>, tensor<4x16xf32>) -> tensor<1x16x64xf32>
  %3 = pi.attention %qkv temperature %t heads 4 scale 0.25 evaluation <temperature_by_product = true, exponential = <scale = 0.0625, offsets = [0.81673664, 0.0, -0.5], lowest = -16.0>> : (tensor<1x16x192xf32>, tensor<4x16xf32>) -> tensor<1x16x64xf32>
  // CHECK: pi.attention %{{.*}} heads 4 scale 2.500000e-01 evaluation <exponential = <scale = 5.000000e-01, offsets = [1.000000e+00, 0.000000e+00]>> :
  %4 = pi.attention %qkv heads 4 scale 0.25 evaluation <exponential = <scale = 0.5, offsets = [1.0, 0.0]>> : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
  // CHECK: %[[P:.*]] = pi.entropy_penalty %[[E]], %{{.*}} reading per_row gamma 2.000000e-01 lambda 1.000000e-05 : (tensor<1x4x16xf32>, tensor<4xf32>) -> tensor<f32>
  %p = pi.entropy_penalty %e, %theta reading per_row gamma 0.2 lambda 1.0e-5 : (tensor<1x4x16xf32>, tensor<4xf32>) -> tensor<f32>
  // CHECK: pi.add_loss %[[P]] : tensor<f32>
  pi.add_loss %p : tensor<f32>
  return %1 : tensor<1x16x64xf32>
}

// CHECK-LABEL: func.func @cache
func.func @cache(%cache: tensor<2x1x16x64xf32>, %qkv: tensor<1x1x192xf32>, %i: tensor<i32>, %t: tensor<4x16xf32>) -> tensor<1x1x64xf32> {
  // CHECK: pi.update_cache %{{.*}}, %{{.*}} at %{{.*}} : (tensor<2x1x16x64xf32>, tensor<1x1x192xf32>, tensor<i32>) -> tensor<2x1x16x64xf32>
  %0 = pi.update_cache %cache, %qkv at %i : (tensor<2x1x16x64xf32>, tensor<1x1x192xf32>, tensor<i32>) -> tensor<2x1x16x64xf32>
  // CHECK: pi.update_cache %{{.*}}, %{{.*}} : (tensor<2x1x16x64xf32>, tensor<1x1x192xf32>) -> tensor<2x1x16x64xf32>
  %1 = pi.update_cache %0, %qkv : (tensor<2x1x16x64xf32>, tensor<1x1x192xf32>) -> tensor<2x1x16x64xf32>
  // CHECK: pi.cached_attention %{{.*}}, %{{.*}} at %{{.*}} temperature %{{.*}} heads 4 scale 2.500000e-01 : (tensor<1x1x192xf32>, tensor<2x1x16x64xf32>, tensor<i32>, tensor<4x16xf32>) -> tensor<1x1x64xf32>
  %2 = pi.cached_attention %qkv, %1 at %i temperature %t heads 4 scale 0.25 : (tensor<1x1x192xf32>, tensor<2x1x16x64xf32>, tensor<i32>, tensor<4x16xf32>) -> tensor<1x1x64xf32>
  // CHECK: pi.cached_attention %{{.*}}, %{{.*}} at %{{.*}} heads 4 scale 2.500000e-01 evaluation <reciprocal_by_rsqrt = true, heads_per_product = 2> : (
  %3 = pi.cached_attention %qkv, %1 at %i heads 4 scale 0.25 evaluation <heads_per_product = 2, reciprocal_by_rsqrt = true> : (tensor<1x1x192xf32>, tensor<2x1x16x64xf32>, tensor<i32>) -> tensor<1x1x64xf32>
  return %2 : tensor<1x1x64xf32>
}

// CHECK-LABEL: func.func @argmax
func.func @argmax(%x: tensor<1x384xf32>) -> tensor<1xi32> {
  // CHECK: pi.argmax %{{.*}} : (tensor<1x384xf32>) -> tensor<1xi32>
  %0 = pi.argmax %x : (tensor<1x384xf32>) -> tensor<1xi32>
  return %0 : tensor<1xi32>
}
