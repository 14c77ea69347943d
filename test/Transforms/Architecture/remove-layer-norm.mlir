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
