// RUN: pi-translate --import-gpt2 %S/Inputs/config.json --seq-len 16 -o %t.mlir
// RUN: pi-opt %t.mlir --pi-replace-gelu=with=relu --mlir-print-debuginfo | FileCheck %s --check-prefix=RELU
// RUN: pi-opt %t.mlir --pi-replace-gelu=with=identity | FileCheck %s --check-prefix=IDENTITY
// RUN: pi-opt %t.mlir --pi-replace-gelu='with=polynomial coefficients=0.0,0.5,0.3 layers=1' | FileCheck %s --check-prefix=POLYNOMIAL
// RUN: pi-opt %t.mlir --pi-replace-gelu='with=poly coefficients=0.0,0.5,0.3 layers=1' | FileCheck %s --check-prefix=POLYNOMIAL
// RUN: pi-opt %t.mlir --pi-replace-gelu='with=identity layers=0,1' | FileCheck %s --check-prefix=IDENTITY
// RUN: pi-opt %S/Inputs/decoder.mlir --pi-replace-gelu=with=identity | FileCheck %s --check-prefix=FROM-GELU
// RUN: pi-opt %S/Inputs/decoder.mlir --pi-replace-gelu='with=identity from=any' | FileCheck %s --check-prefix=FROM-ANY
// RUN: not pi-opt %t.mlir --pi-replace-gelu=layers=2 2>&1 | FileCheck %s --check-prefix=LAYER
// RUN: not pi-opt %t.mlir --pi-replace-gelu='with=relu coefficients=1.0' 2>&1 | FileCheck %s --check-prefix=COEFFICIENTS
// RUN: not pi-opt %t.mlir --pi-replace-gelu='with=polynomial coefficients=nan' 2>&1 | FileCheck %s --check-prefix=FINITE
// RUN: not pi-opt %t.mlir --pi-replace-gelu=with=tanh 2>&1 | FileCheck %s --check-prefix=KIND

// RELU-NOT: pi.gelu
// RELU: pi.relu %{{.*}} : tensor<1x16x256xf32> loc([[ACT0:#.*]])
// RELU: pi.relu
// RELU-NOT: pi.gelu
// RELU: [[ACT0]] = loc("h.0.mlp.act")

// IDENTITY: func.func @forward
// IDENTITY-NOT: pi.gelu
// IDENTITY: %[[H:.*]] = pi.linear %{{.*}} -> tensor<1x16x256xf32>
// IDENTITY-NEXT: pi.load @h.0.mlp.c_proj.weight
// IDENTITY-NEXT: pi.load @h.0.mlp.c_proj.bias
// IDENTITY-NEXT: pi.linear %[[H]],
// IDENTITY-NOT: pi.gelu

// POLYNOMIAL: pi.gelu %{{.*}} approximate tanh
// POLYNOMIAL-NOT: pi.gelu
// POLYNOMIAL: pi.polynomial %{{.*}} coefficients [0.000000e+00, 5.000000e-01, 3.000000e-01] : tensor<1x16x256xf32>

// FROM-GELU: pi.relu
// FROM-ANY: func.func @layer
// FROM-ANY-NOT: pi.relu

// LAYER: error: {{.*}} there is no layer 2: the layers are 0 to 1
// COEFFICIENTS: error: pi-replace-gelu: coefficients are given, but the replacement is no polynomial: add 'with=polynomial'
// FINITE: error: pi-replace-gelu: coefficients have to be finite
// KIND: Cannot find option named 'tanh'
