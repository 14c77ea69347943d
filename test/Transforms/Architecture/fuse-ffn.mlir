// RUN: pi-opt %s --split-input-file --verify-diagnostics --pi-fuse-ffn --mlir-print-debuginfo | FileCheck %s

pi.parameter @h.0.mlp.c_fc.weight : tensor<64x256xf32> decay
pi.parameter @h.0.mlp.c_fc.bias : tensor<256xf32>
pi.parameter @h.0.mlp.c_proj.weight : tensor<256x64xf32> init(#pi.normal<0.01>) decay
pi.parameter @h.0.mlp.c_proj.bias : tensor<64xf32>

// With both biases: b1 W2 + b2.
// CHECK: pi.parameter @h.0.mlp.fused.weight : tensor<64x64xf32> init(#pi.normal<1.000000e-02>) decay derived {
// CHECK: pi.parameter @h.0.mlp.fused.bias : tensor<64xf32> init(#pi.fill<0.000000e+00>) derived {
// CHECK: %[[B1:.*]] = pi.load @h.0.mlp.c_fc.bias
// CHECK: %[[W2:.*]] = pi.load @h.0.mlp.c_proj.weight
// CHECK: %[[B2:.*]] = pi.load @h.0.mlp.c_proj.bias
// CHECK: pi.linear %[[B1]], %[[W2]] bias %[[B2]] : (tensor<256xf32>, tensor<256x64xf32>, tensor<64xf32>) -> tensor<64xf32>
// CHECK: func.func @biases(%[[X:.*]]: tensor<2x16x64xf32>
func.func @biases(%x: tensor<2x16x64xf32>) -> tensor<2x16x64xf32> {
  %w1 = pi.load @h.0.mlp.c_fc.weight : tensor<64x256xf32>
  %b1 = pi.load @h.0.mlp.c_fc.bias : tensor<256xf32>
  %0 = pi.linear %x, %w1 bias %b1 : (tensor<2x16x64xf32>, tensor<64x256xf32>, tensor<256xf32>) -> tensor<2x16x256xf32>
  %w2 = pi.load @h.0.mlp.c_proj.weight : tensor<256x64xf32>
  %b2 = pi.load @h.0.mlp.c_proj.bias : tensor<64xf32>
  // CHECK-NEXT: %[[W:.*]] = pi.load @h.0.mlp.fused.weight
  // CHECK-NEXT: %[[B:.*]] = pi.load @h.0.mlp.fused.bias
  // CHECK-NEXT: %[[Y:.*]] = pi.linear %[[X]], %[[W]] bias %[[B]] : (tensor<2x16x64xf32>, tensor<64x64xf32>, tensor<64xf32>) -> tensor<2x16x64xf32> loc([[LOC:#.*]])
  // CHECK-NEXT: pi.add %[[X]], %[[Y]]
  %1 = pi.linear %0, %w2 bias %b2 : (tensor<2x16x256xf32>, tensor<256x64xf32>, tensor<64xf32>) -> tensor<2x16x64xf32>
  %2 = pi.add %x, %1 : (tensor<2x16x64xf32>, tensor<2x16x64xf32>) -> tensor<2x16x64xf32>
  return %2 : tensor<2x16x64xf32>
}
// CHECK: [[LOC]] = loc("h.0.mlp.fused")

// -----

pi.parameter @h.0.mlp.c_fc.weight : tensor<64x256xf32>
pi.parameter @h.0.mlp.c_proj.weight : tensor<256x64xf32>
pi.parameter @h.0.mlp.c_proj.bias : tensor<64xf32>

// The bias of the second linear alone stays itself. A LayerNorm before stays.
// CHECK: func.func @last_bias
func.func @last_bias(%x: tensor<1x16x64xf32>, %n: tensor<64xf32>) -> tensor<1x16x64xf32> {
  // CHECK: %[[N:.*]] = pi.layer_norm
  %norm = pi.layer_norm %x, %n, %n epsilon 1.0e-5 : (tensor<1x16x64xf32>, tensor<64xf32>, tensor<64xf32>) -> tensor<1x16x64xf32>
  %w1 = pi.load @h.0.mlp.c_fc.weight : tensor<64x256xf32>
  %0 = pi.linear %norm, %w1 : (tensor<1x16x64xf32>, tensor<64x256xf32>) -> tensor<1x16x256xf32>
  %w2 = pi.load @h.0.mlp.c_proj.weight : tensor<256x64xf32>
  // CHECK: %[[B:.*]] = pi.load @h.0.mlp.c_proj.bias
  %b2 = pi.load @h.0.mlp.c_proj.bias : tensor<64xf32>
  // CHECK: pi.linear %[[N]], %{{.*}} bias %[[B]]
  %1 = pi.linear %0, %w2 bias %b2 : (tensor<1x16x256xf32>, tensor<256x64xf32>, tensor<64xf32>) -> tensor<1x16x64xf32>
  %2 = pi.add %x, %1 : (tensor<1x16x64xf32>, tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
  return %2 : tensor<1x16x64xf32>
}

// -----

pi.parameter @h.0.mlp.c_fc.weight : tensor<256x64xf32>
pi.parameter @h.0.mlp.c_fc.bias : tensor<256xf32>
pi.parameter @h.0.mlp.c_proj.weight : tensor<64x256xf32>

// Both weights n x m: the fused one is, too.
// CHECK: pi.parameter @h.0.mlp.fused.weight
// CHECK: %[[W1:.*]] = pi.load @h.0.mlp.c_fc.weight
// CHECK: %[[W2:.*]] = pi.load @h.0.mlp.c_proj.weight
// CHECK: pi.matmul %[[W2]], %[[W1]] : (tensor<64x256xf32>, tensor<256x64xf32>) -> tensor<64x64xf32>
// CHECK: pi.parameter @h.0.mlp.fused.bias
// CHECK: pi.linear %{{.*}}, %{{.*}} transposed : (tensor<256xf32>, tensor<64x256xf32>) -> tensor<64xf32>
// CHECK: func.func @transposed
func.func @transposed(%x: tensor<1x16x64xf32>) -> tensor<1x16x64xf32> {
  %w1 = pi.load @h.0.mlp.c_fc.weight : tensor<256x64xf32>
  %b1 = pi.load @h.0.mlp.c_fc.bias : tensor<256xf32>
  %0 = pi.linear %x, %w1 bias %b1 transposed : (tensor<1x16x64xf32>, tensor<256x64xf32>, tensor<256xf32>) -> tensor<1x16x256xf32>
  %w2 = pi.load @h.0.mlp.c_proj.weight : tensor<64x256xf32>
  // CHECK: pi.linear %{{.*}}, %{{.*}} bias %{{.*}} transposed
  %1 = pi.linear %0, %w2 transposed : (tensor<1x16x256xf32>, tensor<64x256xf32>) -> tensor<1x16x64xf32>
  %2 = pi.add %x, %1 : (tensor<1x16x64xf32>, tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
  return %2 : tensor<1x16x64xf32>
}

// -----

pi.parameter @h.0.mlp.c_fc.weight : tensor<64x256xf32>
pi.parameter @h.0.mlp.c_proj.weight : tensor<64x256xf32>

// Only the second n x m: W1 times W2 transposed.
// CHECK: pi.parameter @h.0.mlp.fused.weight
// CHECK: pi.linear %{{.*}}, %{{.*}} transposed : (tensor<64x256xf32>, tensor<64x256xf32>) -> tensor<64x64xf32>
// CHECK: func.func @second_transposed
func.func @second_transposed(%x: tensor<1x16x64xf32>) -> tensor<1x16x64xf32> {
  %w1 = pi.load @h.0.mlp.c_fc.weight : tensor<64x256xf32>
  %0 = pi.linear %x, %w1 : (tensor<1x16x64xf32>, tensor<64x256xf32>) -> tensor<1x16x256xf32>
  %w2 = pi.load @h.0.mlp.c_proj.weight : tensor<64x256xf32>
  %1 = pi.linear %0, %w2 transposed : (tensor<1x16x256xf32>, tensor<64x256xf32>) -> tensor<1x16x64xf32>
  %2 = pi.add %x, %1 : (tensor<1x16x64xf32>, tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
  return %2 : tensor<1x16x64xf32>
}

// -----

pi.parameter @h.0.mlp.c_fc.weight : tensor<256x64xf32>
pi.parameter @h.0.mlp.c_proj.weight : tensor<256x64xf32>

func.func @first_transposed(%x: tensor<1x16x64xf32>) -> tensor<1x16x64xf32> {
  %w1 = pi.load @h.0.mlp.c_fc.weight : tensor<256x64xf32>
  %0 = pi.linear %x, %w1 transposed : (tensor<1x16x64xf32>, tensor<256x64xf32>) -> tensor<1x16x256xf32>
  %w2 = pi.load @h.0.mlp.c_proj.weight : tensor<256x64xf32>
  // expected-remark @+1 {{feed-forward block is left alone: its first weight is transposed and its second is not}}
  %1 = pi.linear %0, %w2 : (tensor<1x16x256xf32>, tensor<256x64xf32>) -> tensor<1x16x64xf32>
  %2 = pi.add %x, %1 : (tensor<1x16x64xf32>, tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
  return %2 : tensor<1x16x64xf32>
}

// -----

pi.parameter @h.0.mlp.c_fc.weight : tensor<64x256xf32>
pi.parameter @h.0.mlp.c_proj.weight : tensor<256x64xf32>

func.func @activation(%x: tensor<1x16x64xf32>) -> tensor<1x16x64xf32> {
  %w1 = pi.load @h.0.mlp.c_fc.weight : tensor<64x256xf32>
  %0 = pi.linear %x, %w1 : (tensor<1x16x64xf32>, tensor<64x256xf32>) -> tensor<1x16x256xf32>
  %1 = pi.relu %0 : tensor<1x16x256xf32>
  %w2 = pi.load @h.0.mlp.c_proj.weight : tensor<256x64xf32>
  // expected-remark @+1 {{feed-forward block is left alone: 'pi.relu' stands between its linears}}
  %2 = pi.linear %1, %w2 : (tensor<1x16x256xf32>, tensor<256x64xf32>) -> tensor<1x16x64xf32>
  %3 = pi.add %x, %2 : (tensor<1x16x64xf32>, tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
  return %3 : tensor<1x16x64xf32>
}

// -----

pi.parameter @h.0.mlp.c_fc.weight : tensor<64x256xf32>
pi.parameter @h.0.mlp.c_proj.weight : tensor<256x64xf32>

// What computes a weight moves into the derivation.
// CHECK: pi.parameter @h.0.mlp.fused.weight
// CHECK: %[[W1:.*]] = pi.load @h.0.mlp.c_fc.weight
// CHECK: %[[N1:.*]] = pi.spectral_norm %[[W1]]
// CHECK: %[[W2:.*]] = pi.load @h.0.mlp.c_proj.weight
// CHECK: pi.matmul %[[N1]], %[[W2]]
// CHECK: func.func @normalized
// CHECK-NOT: pi.spectral_norm
func.func @normalized(%x: tensor<1x16x64xf32>) -> tensor<1x16x64xf32> {
  %w1 = pi.load @h.0.mlp.c_fc.weight : tensor<64x256xf32>
  %n1 = pi.spectral_norm %w1 iterations 4 : (tensor<64x256xf32>) -> tensor<64x256xf32>
  %0 = pi.linear %x, %n1 : (tensor<1x16x64xf32>, tensor<64x256xf32>) -> tensor<1x16x256xf32>
  %w2 = pi.load @h.0.mlp.c_proj.weight : tensor<256x64xf32>
  %1 = pi.linear %0, %w2 : (tensor<1x16x256xf32>, tensor<256x64xf32>) -> tensor<1x16x64xf32>
  %2 = pi.add %x, %1 : (tensor<1x16x64xf32>, tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
  return %2 : tensor<1x16x64xf32>
}
