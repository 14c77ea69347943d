// Operations of training and of gradients survive printing and parsing, in
// their own form and in the generic one.
// RUN: pi-opt %s | pi-opt | FileCheck %s
// RUN: pi-opt %s --mlir-print-op-generic | pi-opt | FileCheck %s

// CHECK-LABEL: func.func @arithmetic
func.func @arithmetic(%x: tensor<2x3x4xf32>, %y: tensor<4xf32>, %s: tensor<f32>) -> tensor<4xf32> {
  // CHECK: pi.mul %{{.*}}, %{{.*}} : (tensor<2x3x4xf32>, tensor<4xf32>) -> tensor<2x3x4xf32>
  %0 = pi.mul %x, %y : (tensor<2x3x4xf32>, tensor<4xf32>) -> tensor<2x3x4xf32>
  // CHECK: pi.div %{{.*}}, %{{.*}} : (tensor<2x3x4xf32>, tensor<f32>) -> tensor<2x3x4xf32>
  %1 = pi.div %0, %s : (tensor<2x3x4xf32>, tensor<f32>) -> tensor<2x3x4xf32>
  // CHECK: pi.reduce_leading %{{.*}} : (tensor<2x3x4xf32>) -> tensor<4xf32>
  %2 = pi.reduce_leading %1 : (tensor<2x3x4xf32>) -> tensor<4xf32>
  return %2 : tensor<4xf32>
}

// CHECK-LABEL: func.func @products
func.func @products(%a: tensor<4x3xf32>, %b: tensor<5x4xf32>) -> tensor<3x5xf32> {
  // CHECK: pi.matmul %{{.*}} transposed, %{{.*}} transposed : (tensor<4x3xf32>, tensor<5x4xf32>) -> tensor<3x5xf32>
  %0 = pi.matmul %a transposed, %b transposed : (tensor<4x3xf32>, tensor<5x4xf32>) -> tensor<3x5xf32>
  return %0 : tensor<3x5xf32>
}

// CHECK-LABEL: func.func @lookups
func.func @lookups(%ids: tensor<2x3xi32>, %g: tensor<2x3x8xf32>) -> tensor<9x8xf32> {
  // CHECK: pi.embedding_grad %{{.*}}, %{{.*}} : (tensor<2x3xi32>, tensor<2x3x8xf32>) -> tensor<9x8xf32>
  %0 = pi.embedding_grad %ids, %g : (tensor<2x3xi32>, tensor<2x3x8xf32>) -> tensor<9x8xf32>
  return %0 : tensor<9x8xf32>
}

// CHECK-LABEL: func.func @nonlinear
func.func @nonlinear(%g: tensor<3x8xf32>, %x: tensor<3x8xf32>) -> tensor<3x8xf32> {
  // CHECK: pi.gelu_grad %{{.*}}, %{{.*}} approximate tanh : tensor<3x8xf32>
  %0 = pi.gelu_grad %g, %x approximate tanh : tensor<3x8xf32>
  // CHECK: pi.relu_grad %{{.*}}, %{{.*}} : tensor<3x8xf32>
  %1 = pi.relu_grad %0, %x : tensor<3x8xf32>
  return %1 : tensor<3x8xf32>
}

// CHECK-LABEL: func.func @rows
func.func @rows(%p: tensor<2x8xf32>, %q: tensor<3x1x8xf32>, %i: tensor<i32>, %w: tensor<8xf32>) -> tensor<3x4x8xf32> {
  // CHECK: pi.place_rows %{{.*}} : (tensor<2x8xf32>) -> tensor<4x8xf32>
  %0 = pi.place_rows %p : (tensor<2x8xf32>) -> tensor<4x8xf32>
  // CHECK: pi.place_rows %{{.*}} at %{{.*}} : (tensor<3x1x8xf32>, tensor<i32>) -> tensor<3x4x8xf32>
  %1 = pi.place_rows %q at %i : (tensor<3x1x8xf32>, tensor<i32>) -> tensor<3x4x8xf32>
  // CHECK: %{{.*}}, %{{.*}}, %{{.*}} = pi.layer_norm_grad %{{.*}}, %{{.*}}, %{{.*}} epsilon 1.000000e-05 : (tensor<3x4x8xf32>, tensor<3x4x8xf32>, tensor<8xf32>) -> (tensor<3x4x8xf32>, tensor<8xf32>, tensor<8xf32>)
  %2:3 = pi.layer_norm_grad %1, %1, %w epsilon 1.0e-5 : (tensor<3x4x8xf32>, tensor<3x4x8xf32>, tensor<8xf32>) -> (tensor<3x4x8xf32>, tensor<8xf32>, tensor<8xf32>)
  return %2#0 : tensor<3x4x8xf32>
}

// CHECK-LABEL: func.func @softmax
func.func @softmax(%g: tensor<1x4x16x16xf32>, %x: tensor<1x4x16x16xf32>, %p: tensor<1x4x16x16xf32>, %t: tensor<4x16xf32>) -> tensor<4x16xf32> {
  // CHECK: pi.softmax_grad %{{.*}}, %{{.*}}, %{{.*}} : (tensor<1x4x16x16xf32>, tensor<1x4x16x16xf32>, tensor<1x4x16x16xf32>) -> tensor<1x4x16x16xf32>
  %0 = pi.softmax_grad %g, %x, %p : (tensor<1x4x16x16xf32>, tensor<1x4x16x16xf32>, tensor<1x4x16x16xf32>) -> tensor<1x4x16x16xf32>
  // CHECK: pi.softmax_grad %{{.*}}, %{{.*}}, %{{.*}} temperature %{{.*}} : ({{.*}}, tensor<4x16xf32>) -> (tensor<1x4x16x16xf32>, tensor<4x16xf32>)
  %1, %dt = pi.softmax_grad %0, %x, %p temperature %t : (tensor<1x4x16x16xf32>, tensor<1x4x16x16xf32>, tensor<1x4x16x16xf32>, tensor<4x16xf32>) -> (tensor<1x4x16x16xf32>, tensor<4x16xf32>)
  return %dt : tensor<4x16xf32>
}

// Either optional result of attention may stand without the other.
// CHECK-LABEL: func.func @attention
func.func @attention(%qkv: tensor<1x16x192xf32>, %t: tensor<4x16xf32>) -> (tensor<1x16x192xf32>, tensor<4x16xf32>) {
  // CHECK: %[[Y:.*]], %[[L:.*]] = pi.attention %{{.*}} heads 4 scale 2.500000e-01 causal : (tensor<1x16x192xf32>) -> (tensor<1x16x64xf32>, log_sum_exp tensor<1x4x16xf32>)
  %y, %l = pi.attention %qkv heads 4 scale 0.25 causal : (tensor<1x16x192xf32>) -> (tensor<1x16x64xf32>, log_sum_exp tensor<1x4x16xf32>)
  // CHECK: %[[Z:.*]], %[[E:.*]], %[[M:.*]] = pi.attention %{{.*}} temperature %{{.*}} heads 4 scale 2.500000e-01 causal : (tensor<1x16x192xf32>, tensor<4x16xf32>) -> (tensor<1x16x64xf32>, tensor<1x4x16xf32>, log_sum_exp tensor<1x4x16xf32>)
  %z, %e, %m = pi.attention %qkv temperature %t heads 4 scale 0.25 causal : (tensor<1x16x192xf32>, tensor<4x16xf32>) -> (tensor<1x16x64xf32>, tensor<1x4x16xf32>, log_sum_exp tensor<1x4x16xf32>)
  // CHECK: pi.attention_grad %{{.*}}, %{{.*}}, %[[Y]], %[[L]] heads 4 scale 2.500000e-01 : (tensor<1x16x64xf32>, tensor<1x16x192xf32>, tensor<1x16x64xf32>, tensor<1x4x16xf32>) -> tensor<1x16x192xf32>
  %0 = pi.attention_grad %z, %qkv, %y, %l heads 4 scale 0.25 : (tensor<1x16x64xf32>, tensor<1x16x192xf32>, tensor<1x16x64xf32>, tensor<1x4x16xf32>) -> tensor<1x16x192xf32>
  // CHECK: pi.attention_grad %{{.*}}, %{{.*}}, %[[Z]], %[[M]] temperature %{{.*}} entropy %[[E]] gradient %{{.*}} heads 4 scale 2.500000e-01 causal : ({{.*}}) -> (tensor<1x16x192xf32>, tensor<4x16xf32>)
  %1, %dt = pi.attention_grad %y, %0, %z, %m temperature %t entropy %e gradient %e heads 4 scale 0.25 causal : (tensor<1x16x64xf32>, tensor<1x16x192xf32>, tensor<1x16x64xf32>, tensor<1x4x16xf32>, tensor<4x16xf32>, tensor<1x4x16xf32>, tensor<1x4x16xf32>) -> (tensor<1x16x192xf32>, tensor<4x16xf32>)
  return %1, %dt : tensor<1x16x192xf32>, tensor<4x16xf32>
}

// CHECK-LABEL: func.func @weights
func.func @weights(%g: tensor<64x192xf32>, %w: tensor<64x192xf32>, %gain: tensor<128xf32>) -> tensor<64x192xf32> {
  // CHECK: pi.weight_norm_grad %{{.*}}, %{{.*}} gain %{{.*}} columns [0, 128] : (tensor<64x192xf32>, tensor<64x192xf32>, tensor<128xf32>) -> (tensor<64x192xf32>, tensor<128xf32>)
  %0, %dg = pi.weight_norm_grad %g, %w gain %gain columns [0, 128] : (tensor<64x192xf32>, tensor<64x192xf32>, tensor<128xf32>) -> (tensor<64x192xf32>, tensor<128xf32>)
  // CHECK: pi.column_norm_grad %{{.*}}, %{{.*}} columns [0, 128] : (tensor<128xf32>, tensor<64x192xf32>) -> tensor<64x192xf32>
  %1 = pi.column_norm_grad %dg, %0 columns [0, 128] : (tensor<128xf32>, tensor<64x192xf32>) -> tensor<64x192xf32>
  // CHECK: pi.spectral_norm_grad %{{.*}}, %{{.*}} columns [0, 64, 64, 128] iterations 16 : (tensor<64x192xf32>, tensor<64x192xf32>) -> tensor<64x192xf32>
  %2 = pi.spectral_norm_grad %g, %1 columns [0, 64, 64, 128] iterations 16 : (tensor<64x192xf32>, tensor<64x192xf32>) -> tensor<64x192xf32>
  return %2 : tensor<64x192xf32>
}

// CHECK-LABEL: func.func @penalty
func.func @penalty(%g: tensor<f32>, %e: tensor<1x4x16xf32>, %theta: tensor<4xf32>) -> tensor<4xf32> {
  // CHECK: pi.entropy_penalty_grad %{{.*}}, %{{.*}}, %{{.*}} reading per_head gamma 2.000000e-01 lambda 1.000000e-05 : (tensor<f32>, tensor<1x4x16xf32>, tensor<4xf32>) -> (tensor<1x4x16xf32>, tensor<4xf32>)
  %de, %dt = pi.entropy_penalty_grad %g, %e, %theta reading per_head gamma 0.2 lambda 1.0e-5 : (tensor<f32>, tensor<1x4x16xf32>, tensor<4xf32>) -> (tensor<1x4x16xf32>, tensor<4xf32>)
  return %dt : tensor<4xf32>
}

// CHECK-LABEL: func.func @losses
func.func @losses(%x: tensor<2x3x9xbf16>, %t: tensor<2x3xi32>) -> tensor<2x3x9xbf16> {
  // CHECK: %[[L:.*]] = pi.cross_entropy %{{.*}}, %{{.*}} ignore_index -100 : (tensor<2x3x9xbf16>, tensor<2x3xi32>) -> tensor<f32>
  %0 = pi.cross_entropy %x, %t ignore_index -100 : (tensor<2x3x9xbf16>, tensor<2x3xi32>) -> tensor<f32>
  // CHECK: pi.add_loss %[[L]] : tensor<f32>
  pi.add_loss %0 : tensor<f32>
  // CHECK: pi.cross_entropy_grad %[[L]], %{{.*}}, %{{.*}} ignore_index -1 : (tensor<f32>, tensor<2x3x9xbf16>, tensor<2x3xi32>) -> tensor<2x3x9xbf16>
  %1 = pi.cross_entropy_grad %0, %x, %t ignore_index -1 : (tensor<f32>, tensor<2x3x9xbf16>, tensor<2x3xi32>) -> tensor<2x3x9xbf16>
  return %1 : tensor<2x3x9xbf16>
}

// CHECK-LABEL: func.func @linear_cross_entropy
func.func @linear_cross_entropy(%x: tensor<2x3x8xf32>, %table: tensor<9x8xf32>, %w: tensor<8x9xf32>, %t: tensor<2x3xi32>) -> (tensor<f32>, tensor<2x3x8xf32>, tensor<8x9xf32>) {
  // CHECK: pi.linear_cross_entropy %{{.*}}, %{{.*}} transposed, %{{.*}} ignore_index -100 : (tensor<2x3x8xf32>, tensor<9x8xf32>, tensor<2x3xi32>) -> tensor<f32>
  %0 = pi.linear_cross_entropy %x, %table transposed, %t ignore_index -100 : (tensor<2x3x8xf32>, tensor<9x8xf32>, tensor<2x3xi32>) -> tensor<f32>
  // CHECK: %{{.*}}, %{{.*}}, %{{.*}} = pi.linear_cross_entropy %{{.*}}, %{{.*}}, %{{.*}} ignore_index -1 chunk 4 : (tensor<2x3x8xf32>, tensor<8x9xf32>, tensor<2x3xi32>) -> (tensor<f32>, tensor<2x3x8xf32>, tensor<8x9xf32>)
  %1, %dx, %dw = pi.linear_cross_entropy %x, %w, %t ignore_index -1 chunk 4 : (tensor<2x3x8xf32>, tensor<8x9xf32>, tensor<2x3xi32>) -> (tensor<f32>, tensor<2x3x8xf32>, tensor<8x9xf32>)
  return %0, %dx, %dw : tensor<f32>, tensor<2x3x8xf32>, tensor<8x9xf32>
}

// The gradient of the weight is f32 where the rest is bf16; one row has no
// leading dimensions.
// CHECK-LABEL: func.func @linear_cross_entropy_mixed
func.func @linear_cross_entropy_mixed(%x: tensor<8xbf16>, %table: tensor<9x8xbf16>, %t: tensor<i32>) -> tensor<9x8xf32> {
  // CHECK: pi.linear_cross_entropy {{.*}} : (tensor<8xbf16>, tensor<9x8xbf16>, tensor<i32>) -> (tensor<f32>, tensor<8xbf16>, tensor<9x8xf32>)
  %0, %dx, %dw = pi.linear_cross_entropy %x, %table transposed, %t ignore_index -100 : (tensor<8xbf16>, tensor<9x8xbf16>, tensor<i32>) -> (tensor<f32>, tensor<8xbf16>, tensor<9x8xf32>)
  return %dw : tensor<9x8xf32>
}
