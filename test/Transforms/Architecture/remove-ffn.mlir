// RUN: pi-translate --import-gpt2 %S/Inputs/config.json --seq-len 16 -o %t.mlir
// RUN: pi-opt %t.mlir --pi-remove-ffn=layers=1 | FileCheck %s --check-prefix=ONE --implicit-check-not=@h.1.mlp --implicit-check-not=@h.1.ln_2
// RUN: pi-opt %t.mlir --pi-remove-ffn | FileCheck %s --check-prefix=ALL --implicit-check-not=mlp --implicit-check-not=ln_2
// RUN: pi-opt %t.mlir --pi-architecture=name=SM+ScFFN --pi-remove-ffn=layers=0 | FileCheck %s --check-prefix=SCALED --implicit-check-not=@h.0.mlp
// RUN: not pi-opt %t.mlir --pi-remove-ffn=layers=0,-1 2>&1 | FileCheck %s --check-prefix=ERROR
// Removing layer by layer is removing them all.
// RUN: pi-opt %t.mlir --pi-remove-ffn=layers=0 --pi-remove-ffn=layers=1 -o %t.twice.mlir
// RUN: pi-opt %t.mlir --pi-remove-ffn -o %t.all.mlir
// RUN: diff %t.twice.mlir %t.all.mlir

// ONE: pi.parameter @h.0.mlp.c_fc.weight
// ONE: pi.gelu
// ONE: pi.attention
// ONE: %[[X:.*]] = pi.add
// ONE-NEXT: pi.load @ln_f.weight
// ONE-NEXT: pi.load @ln_f.bias
// ONE-NEXT: pi.layer_norm %[[X]]

// ALL: pi.attention
// ALL: %[[X:.*]] = pi.add
// ALL-NEXT: pi.load @h.1.ln_1.weight
// ALL-NEXT: pi.load @h.1.ln_1.bias
// ALL-NEXT: pi.layer_norm %[[X]]
// ALL: pi.attention

// The scales go with the block.
// SCALED: pi.parameter @h.1.mlp.alpha
// SCALED: pi.attention
// SCALED-NOT: pi.scaled_residual
// SCALED: pi.attention
// SCALED: pi.scaled_residual

// ERROR: error: {{.*}} there is no layer -1: the layers are 0 to 1
