// RUN: pi-translate --import-gpt2 %S/Inputs/config.json --seq-len 16 -o %t.mlir
// RUN: pi-opt %t.mlir --pi-normalize-weights=placement=QK | FileCheck %s --check-prefix=QK
// RUN: pi-opt %t.mlir --pi-normalize-weights='kind=spectral placement=QKVO+FFN iterations=5' | FileCheck %s --check-prefix=SPECTRAL --implicit-check-not=weight_g
// RUN: pi-opt %s --split-input-file --verify-diagnostics --pi-normalize-weights=placement=QKV+FFN | FileCheck %s --check-prefix=OTHER
// A placement that contains another one completes it where columns agree.
// RUN: pi-opt %t.mlir --pi-normalize-weights=placement=QK --pi-normalize-weights=placement=FFN | pi-opt --pi-normalize-weights=placement=QK+FFN -o %t.steps.mlir
// RUN: pi-opt %t.mlir --pi-normalize-weights=placement=QK+FFN | pi-opt -o %t.once.mlir
// RUN: diff %t.steps.mlir %t.once.mlir

// The gain is what makes the function stay, one element for each of q's and
// k's columns.
// QK: pi.parameter @h.0.attn.c_attn.weight
// QK-NEXT: pi.parameter @h.0.attn.c_attn.weight_g : tensor<128xf32> derived {
// QK-NEXT: %[[W:.*]] = pi.load @h.0.attn.c_attn.weight : tensor<64x192xf32>
// QK-NEXT: %[[G:.*]] = pi.column_norm %[[W]] columns [0, 64, 64, 128] : (tensor<64x192xf32>) -> tensor<128xf32>
// QK-NEXT: pi.yield %[[G]]
// QK: func.func @forward
// QK: %[[W:.*]] = pi.load @h.0.attn.c_attn.weight :
// QK: %[[G:.*]] = pi.load @h.0.attn.c_attn.weight_g :
// QK-NEXT: %[[N:.*]] = pi.weight_norm %[[W]] gain %[[G]] columns [0, 64, 64, 128]
// QK-NEXT: pi.linear %{{.*}}, %[[N]] bias
// QK: pi.weight_norm
// QK-NOT: pi.weight_norm

// SPECTRAL: func.func @forward
// SPECTRAL: pi.spectral_norm %{{.*}} columns [0, 64, 64, 128, 128, 192] iterations 5 : (tensor<64x192xf32>)
// SPECTRAL: pi.spectral_norm %{{.*}} iterations 5 : (tensor<64x64xf32>)
// SPECTRAL: pi.spectral_norm %{{.*}} iterations 5 : (tensor<64x256xf32>)
// SPECTRAL: pi.spectral_norm %{{.*}} iterations 5 : (tensor<256x64xf32>)

pi.parameter @h.0.mlp.c_fc.weight : tensor<256x64xf32>
pi.parameter @h.0.mlp.c_proj.weight : tensor<256x64xf32>

// OTHER-LABEL: func.func @transposed
func.func @transposed(%x: tensor<1x16x64xf32>) -> tensor<1x16x64xf32> {
  %fc = pi.load @h.0.mlp.c_fc.weight : tensor<256x64xf32>
  // expected-remark @+1 {{weight is left alone: it is transposed, so its columns are not output features}}
  %0 = pi.linear %x, %fc transposed : (tensor<1x16x64xf32>, tensor<256x64xf32>) -> tensor<1x16x256xf32>
  %proj = pi.load @h.0.mlp.c_proj.weight : tensor<256x64xf32>
  // OTHER: pi.spectral_norm
  // OTHER-NOT: pi.weight_norm
  %norm = pi.spectral_norm %proj iterations 4 : (tensor<256x64xf32>) -> tensor<256x64xf32>
  // expected-remark @+1 {{weight is left alone: it is normalised in another way already}}
  %1 = pi.linear %0, %norm : (tensor<1x16x256xf32>, tensor<256x64xf32>) -> tensor<1x16x64xf32>
  %2 = pi.add %x, %1 : (tensor<1x16x64xf32>, tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
  return %2 : tensor<1x16x64xf32>
}

// -----

// A parameter that has the new name with another meaning is not reused.
pi.parameter @h.0.mlp.c_fc.weight : tensor<64x64xf32>
// expected-note @+1 {{here}}
pi.parameter @h.0.mlp.c_fc.weight_g : tensor<64xf32> derived {
  %0 = arith.constant dense<1.0> : tensor<64xf32>
  pi.yield %0 : tensor<64xf32>
}
func.func @taken(%x: tensor<1x16x64xf32>) -> tensor<1x16x64xf32> {
  %w = pi.load @h.0.mlp.c_fc.weight : tensor<64x64xf32>
  // expected-error @+1 {{needs a new parameter '@h.0.mlp.c_fc.weight_g' of type 'tensor<64xf32>', but that name has another meaning}}
  %0 = pi.linear %x, %w : (tensor<1x16x64xf32>, tensor<64x64xf32>) -> tensor<1x16x64xf32>
  %1 = pi.add %x, %0 : (tensor<1x16x64xf32>, tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
  return %1 : tensor<1x16x64xf32>
}

// -----

// A state changes between runs, so nothing can be derived from it.
pi.state @w : tensor<64x64xf32>
func.func @state(%x: tensor<1x16x64xf32>) -> tensor<1x16x64xf32> {
  %w = pi.load @w : tensor<64x64xf32>
  // expected-remark @+1 {{weight is left alone: it is no parameter}}
  %0 = pi.linear %x, %w : (tensor<1x16x64xf32>, tensor<64x64xf32>) -> tensor<1x16x64xf32>
  %1 = pi.add %x, %0 : (tensor<1x16x64xf32>, tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
  return %1 : tensor<1x16x64xf32>
}
