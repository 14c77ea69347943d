// RUN: pi-translate --import-gpt2 %S/Inputs/config.json --seq-len 16 --batch 2 -o %t.mlir
// RUN: pi-opt %t.mlir --pi-add-temperature=init=0.1 --mlir-print-debuginfo | FileCheck %s
// RUN: not pi-opt %t.mlir --pi-add-temperature=init=-1 2>&1 | FileCheck %s --check-prefix=ERROR
// The entropy result stays, and so does a temperature that is there already.
// RUN: pi-opt %t.mlir --pi-add-entropy-regularizer --pi-add-temperature --pi-add-temperature=init=0.5 | FileCheck %s --check-prefix=BOTH

// CHECK: pi.parameter @h.0.attn.temperature : tensor<4x16xf32> init(#pi.fill<1.000000e-01>) derived {
// CHECK-NEXT: %[[ONES:.*]] = arith.constant dense<1.000000e+00> : tensor<4x16xf32>
// CHECK-NEXT: pi.yield %[[ONES]]
// CHECK: pi.parameter @h.1.attn.temperature : tensor<4x16xf32>
// CHECK: func.func @forward
// CHECK: %[[QKV:.*]] = pi.linear %{{.*}} -> tensor<2x16x192xf32>
// CHECK-NEXT: %[[T:.*]] = pi.load @h.0.attn.temperature : tensor<4x16xf32>
// CHECK-NEXT: pi.attention %[[QKV]] temperature %[[T]] heads 4 scale 2.500000e-01 causal : (tensor<2x16x192xf32>, tensor<4x16xf32>) -> tensor<2x16x64xf32> loc([[LOC:#.*]])
// CHECK: pi.load @h.1.attn.temperature
// CHECK: [[LOC]] = loc("h.0.attn")

// ERROR: error: pi-add-temperature: init has to be finite and greater than 0, but is -1

// BOTH: pi.parameter @h.0.attn.temperature : tensor<4x16xf32> init(#pi.fill<1.000000e-02>)
// BOTH: %[[R:.*]], %[[E:.*]] = pi.attention %{{.*}} temperature %{{.*}} -> (tensor<2x16x64xf32>, tensor<2x4x16xf32>)
// BOTH: pi.entropy_penalty %[[E]]
// BOTH: pi.linear %[[R]]

// A temperature is f32 beside shorter tensors.
// RUN: sed 's/f32/bf16/g' %t.mlir | pi-opt --pi-add-temperature | FileCheck %s --check-prefix=SHORT
// SHORT: pi.parameter @h.0.attn.temperature : tensor<4x16xf32>
// SHORT: pi.attention %{{.*}} temperature %{{.*}} : (tensor<2x16x192xbf16>, tensor<4x16xf32>) -> tensor<2x16x64xbf16>
