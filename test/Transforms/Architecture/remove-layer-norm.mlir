// RUN: pi-translate --import-gpt2 %S/Inputs/config.json --seq-len 16 --batch 2 -o %t.mlir
// RUN: pi-opt %t.mlir --pi-remove-layer-norm | FileCheck %s --check-prefixes=CHECK,KEEP --implicit-check-not=@h.0.ln --implicit-check-not=@h.1.ln
// RUN: pi-opt %t.mlir --pi-remove-layer-norm=final=remove | FileCheck %s --check-prefixes=CHECK,REMOVE --implicit-check-not=ln_
// RUN: pi-opt %t.mlir --pi-remove-layer-norm='final=remove in-layers=false' | FileCheck %s --check-prefix=FINAL --implicit-check-not=@ln_f
// RUN: pi-opt %s --pi-remove-layer-norm=final=remove | FileCheck %s --check-prefix=HEADLESS

// CHECK: pi.parameter @h.1.mlp.c_proj.bias
// KEEP-NEXT: pi.parameter @ln_f.weight
// KEEP-NEXT: pi.parameter @ln_f.bias
// CHECK-NEXT: func.func @forward
// The projection reads the stream.
// CHECK: %[[X:.*]] = pi.add %{{.*}} : (tensor<2x16x64xf32>, tensor<16x64xf32>)
// CHECK: pi.linear %[[X]], %{{.*}} -> tensor<2x16x192xf32>
// CHECK: %[[X1:.*]] = pi.add %[[X]], %{{.*}}
// CHECK: pi.linear %[[X1]], %{{.*}} -> tensor<2x16x256xf32>
// CHECK: %[[X2:.*]] = pi.add %[[X1]], %{{.*}}
// CHECK: pi.linear %[[X2]], %{{.*}} -> tensor<2x16x192xf32>
// CHECK: %[[X3:.*]] = pi.add %[[X2]], %{{.*}}
// CHECK: %[[X4:.*]] = pi.add %[[X3]], %{{.*}}
// KEEP: %[[N:.*]] = pi.layer_norm %[[X4]]
// KEEP: pi.linear %[[N]], %{{.*}} transposed
// REMOVE: pi.linear %[[X4]], %{{.*}} transposed

// FINAL-COUNT-4: pi.layer_norm
// FINAL-NOT: pi.layer_norm

// Without a head, the final LayerNorm is the one that is returned.
// HEADLESS-LABEL: func.func @headless
// HEADLESS-NEXT: return %{{.*}} : tensor<2x16x64xf32>
func.func @headless(%x: tensor<2x16x64xf32>, %w: tensor<64xf32>) -> tensor<2x16x64xf32> {
  %0 = pi.layer_norm %x, %w, %w epsilon 1.0e-5 : (tensor<2x16x64xf32>, tensor<64xf32>, tensor<64xf32>) -> tensor<2x16x64xf32>
  return %0 : tensor<2x16x64xf32>
}

// A linear with an activation behind it, or with a linear further behind, is
// not the head though it is returned; the LayerNorm before it stays.
// RUN: pi-opt %s --pi-remove-layer-norm='final=remove in-layers=false' | FileCheck %s --check-prefix=HIDDEN
// HIDDEN-LABEL: func.func @hidden(
// HIDDEN: %[[N:.*]] = pi.layer_norm
// HIDDEN-NEXT: %[[H:.*]] = pi.linear %[[N]]
// HIDDEN: %[[Y:.*]] = pi.add
// HIDDEN-NEXT: %[[L:.*]] = pi.linear %[[Y]]
// HIDDEN-NEXT: return %[[H]], %[[L]]
func.func @hidden(%x: tensor<1x4x8xf32>, %g: tensor<8xf32>, %fc: tensor<8x32xf32>, %proj: tensor<32x8xf32>, %w: tensor<8x16xf32>) -> (tensor<1x4x32xf32>, tensor<1x4x16xf32>) {
  %n = pi.layer_norm %x, %g, %g epsilon 1.0e-5 : (tensor<1x4x8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<1x4x8xf32>
  %h = pi.linear %n, %fc : (tensor<1x4x8xf32>, tensor<8x32xf32>) -> tensor<1x4x32xf32>
  %a = pi.gelu %h approximate none : tensor<1x4x32xf32>
  %p = pi.linear %a, %proj : (tensor<1x4x32xf32>, tensor<32x8xf32>) -> tensor<1x4x8xf32>
  %y = pi.add %x, %p : (tensor<1x4x8xf32>, tensor<1x4x8xf32>) -> tensor<1x4x8xf32>
  %f = pi.layer_norm %y, %g, %g epsilon 1.0e-5 : (tensor<1x4x8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<1x4x8xf32>
  %l = pi.linear %f, %w : (tensor<1x4x8xf32>, tensor<8x16xf32>) -> tensor<1x4x16xf32>
  return %h, %l : tensor<1x4x32xf32>, tensor<1x4x16xf32>
}

// HIDDEN-LABEL: func.func @further(
// HIDDEN: %[[N:.*]] = pi.layer_norm
// HIDDEN-NEXT: %[[H:.*]] = pi.linear %[[N]]
// HIDDEN-NOT: pi.layer_norm
func.func @further(%x: tensor<1x4x8xf32>, %g: tensor<8xf32>, %u: tensor<8x8xf32>, %w: tensor<8x16xf32>) -> (tensor<1x4x8xf32>, tensor<1x4x16xf32>) {
  %n = pi.layer_norm %x, %g, %g epsilon 1.0e-5 : (tensor<1x4x8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<1x4x8xf32>
  %h = pi.linear %n, %u : (tensor<1x4x8xf32>, tensor<8x8xf32>) -> tensor<1x4x8xf32>
  %a = math.tanh %h : tensor<1x4x8xf32>
  %f = pi.layer_norm %a, %g, %g epsilon 1.0e-5 : (tensor<1x4x8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<1x4x8xf32>
  %l = pi.linear %f, %w : (tensor<1x4x8xf32>, tensor<8x16xf32>) -> tensor<1x4x16xf32>
  return %h, %l : tensor<1x4x8xf32>, tensor<1x4x16xf32>
}

// Code that is never reached may read its own result.
// HIDDEN-LABEL: func.func @unreachable(
func.func @unreachable(%x: tensor<1x4x8xf32>) -> tensor<1x4x8xf32> {
  return %x : tensor<1x4x8xf32>
^bb1:
  %a = tensor.cast %b : tensor<1x4x8xf32> to tensor<1x4x8xf32>
  %b = tensor.cast %a : tensor<1x4x8xf32> to tensor<1x4x8xf32>
  return %b : tensor<1x4x8xf32>
}
