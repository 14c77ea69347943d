// RUN: pi-translate --import-gpt2 %S/Inputs/config.json --seq-len 16 --batch 2 -o %t.mlir
// RUN: pi-opt %t.mlir --pi-add-entropy-regularizer='reading=per-head gamma=0.1 lambda=5e-5 threshold=0.3' | FileCheck %s
// Asked again, the attributes change and nothing else does.
// RUN: pi-opt %t.mlir --pi-add-entropy-regularizer=threshold=0.3 --pi-add-entropy-regularizer='reading=per-head gamma=0.1 lambda=5e-5' | FileCheck %s
// Inference drops all of it again.
// RUN: pi-opt %t.mlir --pi-add-entropy-regularizer --pi-strip-training -o %t.stripped.mlir
// RUN: pi-opt %t.mlir -o %t.plain.mlir
// RUN: diff %t.stripped.mlir %t.plain.mlir
// RUN: not pi-opt %t.mlir --pi-add-entropy-regularizer=lambda=nan 2>&1 | FileCheck %s --check-prefix=ERROR

// CHECK: pi.parameter @h.0.attn.reg_threshold_weights : tensor<4xf32> init(#pi.fill<3.000000e-01>) derived {
// CHECK-NEXT: arith.constant dense<3.000000e-01> : tensor<4xf32>
// CHECK: func.func @forward
// CHECK: %[[R:.*]], %[[E:.*]] = pi.attention %{{.*}} heads 4 scale 2.500000e-01 causal : (tensor<2x16x192xf32>) -> (tensor<2x16x64xf32>, tensor<2x4x16xf32>)
// CHECK-NEXT: %[[THETA:.*]] = pi.load @h.0.attn.reg_threshold_weights
// CHECK-NEXT: %[[P:.*]] = pi.entropy_penalty %[[E]], %[[THETA]] reading per_head gamma 1.000000e-01 lambda 5.000000e-05
// CHECK-NEXT: pi.add_loss %[[P]] : tensor<f32>
// CHECK-NOT: pi.entropy_penalty
// CHECK: pi.load @h.1.attn.reg_threshold_weights
// CHECK-NEXT: pi.entropy_penalty
// CHECK-NEXT: pi.add_loss
// CHECK-NOT: pi.entropy_penalty

// ERROR: error: pi-add-entropy-regularizer: lambda has to be finite and not negative, but is nan
