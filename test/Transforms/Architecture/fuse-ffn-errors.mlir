// RUN: not pi-opt %s --pi-fuse-ffn 2>&1 | FileCheck %s

// A parameter that no derivation explains is not known to be the product.
// CHECK: error: loc("h.0.mlp.fused"): needs a new parameter '@h.0.mlp.fused.weight' of type 'tensor<64x64xf32>', but that name has another meaning
pi.parameter @h.0.mlp.c_fc.weight : tensor<64x256xf32>
pi.parameter @h.0.mlp.c_proj.weight : tensor<256x64xf32>
// CHECK: [[@LINE+1]]:1: note: here
pi.parameter @h.0.mlp.fused.weight : tensor<64x64xf32>
func.func @taken(%x: tensor<1x16x64xf32>) -> tensor<1x16x64xf32> {
  %w1 = pi.load @h.0.mlp.c_fc.weight : tensor<64x256xf32>
  %0 = pi.linear %x, %w1 : (tensor<1x16x64xf32>, tensor<64x256xf32>) -> tensor<1x16x256xf32>
  %w2 = pi.load @h.0.mlp.c_proj.weight : tensor<256x64xf32>
  %1 = pi.linear %0, %w2 : (tensor<1x16x256xf32>, tensor<256x64xf32>) -> tensor<1x16x64xf32>
  %2 = pi.add %x, %1 : (tensor<1x16x64xf32>, tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
  return %2 : tensor<1x16x64xf32>
}
