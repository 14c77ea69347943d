// RUN: rm -rf %t && mkdir %t && %python %pi_source_dir/test/Inputs/write_weights.py %s %t/weights h.1.mlp.alpha=2
// RUN: pi-opt %s '--pi-fold-linear=weights=%t/weights output=%t/folded' --mlir-print-debuginfo 2> %t/remark | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK < %t/remark
// RUN: %python %pi_source_dir/test/Runtime/Inputs/tensors.py show %t/folded/model.safetensors | sort | FileCheck %s --check-prefix=TENSORS
// RUN: ls %t/folded | count 1

// Folding again finds no feed-forward block, and copies the weights.
// RUN: pi-opt %s '--pi-fold-linear=weights=%t/weights output=%t/folded' -o %t/folded.mlir
// RUN: pi-opt %t/folded.mlir '--pi-fold-linear=weights=%t/folded output=%t/again' -o %t/again.mlir 2>&1 | count 0
// RUN: diff %t/folded.mlir %t/again.mlir && diff -r %t/folded %t/again

// With a smaller bound, other coordinates begin behind the first block.
// RUN: pi-opt %s '--pi-fold-linear=weights=%t/weights output=%t/changed max-condition=4' 2>&1 | FileCheck %s --check-prefix=CHANGED
// CHANGED: remark: {{.*}}; changes of its coordinates: 1
// CHANGED: pi.parameter @h.0.mlp.residual.folded.weight : tensor<4x4xf32>
// CHANGED: %[[Y:.*]] = pi.add
// CHANGED: %[[Z:.*]] = pi.add %[[Y]],
// CHANGED-NEXT: %[[W:.*]] = pi.load @h.0.mlp.residual.folded.weight
// CHANGED-NEXT: %[[CHANGE:.*]] = pi.linear %[[Z]], %[[W]] : (
// CHANGED: %[[U:.*]] = pi.linear
// CHANGED: pi.add %[[CHANGE]],

// A checkpoint that is one file; what lies beside it is copied.
// RUN: echo '{}' > %t/weights/config.json && echo '{"a": 1}' > %t/weights/tokenizer.json
// RUN: pi-opt %s '--pi-fold-linear=weights=%t/weights/model.safetensors output=%t/file' -o /dev/null
// RUN: diff %t/folded/model.safetensors %t/file/model.safetensors
// RUN: diff %t/weights/config.json %t/file/config.json && diff %t/weights/tokenizer.json %t/file/tokenizer.json

// REMARK: remark: loc("lm_head"): layers with folded feed-forward blocks: 2; condition number of the stream: {{[0-9.]+}}; changes of its coordinates: 0

// Parameters that nothing reads are gone, those of the head and the embedding
// have parted, and the temperature is still derived.
// CHECK-DAG: pi.parameter @wte.folded.weight : tensor<5x4xf32>
// CHECK-DAG: pi.parameter @wpe.folded.weight : tensor<8x4xf32>
// CHECK-DAG: pi.parameter @lm_head.folded.weight : tensor<5x4xf32>
// CHECK-DAG: pi.parameter @lm_head.folded.bias : tensor<5xf32>
// CHECK-DAG: pi.parameter @h.0.attn.c_attn.folded.weight : tensor<4x12xf32>
// CHECK-DAG: pi.parameter @h.0.attn.c_proj.folded.weight : tensor<4x4xf32>
// CHECK-DAG: pi.parameter @h.0.attn.temperature : tensor<2x8xf32> derived
// CHECK-DAG: pi.parameter @h.1.attn.c_attn.folded.weight : tensor<12x4xf32>
// CHECK-DAG: pi.parameter @h.1.attn.c_attn.folded.bias : tensor<12xf32>
// CHECK-DAG: pi.parameter @h.1.attn.c_proj.folded.weight : tensor<4x4xf32>
// CHECK-NOT: pi.parameter
// TENSORS: h.0.attn.c_attn.folded.weight F32 [4, 12]
// TENSORS-NEXT: h.0.attn.c_proj.folded.weight F32 [4, 4]
// TENSORS-NEXT: h.1.attn.c_attn.folded.bias F32 [12]
// TENSORS-NEXT: h.1.attn.c_attn.folded.weight F32 [12, 4]
// TENSORS-NEXT: h.1.attn.c_proj.folded.weight F32 [4, 4]
// TENSORS-NEXT: lm_head.folded.bias F32 [5]
// TENSORS-NEXT: lm_head.folded.weight F32 [5, 4]
// TENSORS-NEXT: wpe.folded.weight F32 [8, 4]
// TENSORS-NEXT: wte.folded.weight F32 [5, 4]
// TENSORS-NOT: F32
pi.parameter @wte.weight : tensor<5x4xf32>
pi.parameter @wpe.weight : tensor<8x4xf32>
pi.parameter @h.0.attn.c_attn.weight : tensor<4x12xf32>
pi.parameter @h.0.attn.temperature : tensor<2x8xf32> derived {
  %one = arith.constant dense<1.0> : tensor<2x8xf32>
  pi.yield %one : tensor<2x8xf32>
}
pi.parameter @h.0.attn.c_proj.weight : tensor<4x4xf32>
pi.parameter @h.0.mlp.c_fc.weight : tensor<4x16xf32>
pi.parameter @h.0.mlp.c_fc.bias : tensor<16xf32>
pi.parameter @h.0.mlp.c_proj.weight : tensor<16x4xf32>
pi.parameter @h.1.attn.c_attn.weight : tensor<12x4xf32>
pi.parameter @h.1.attn.c_proj.weight : tensor<4x4xf32>
pi.parameter @h.1.attn.c_proj.gain : tensor<4xf32>
pi.parameter @h.1.attn.c_proj.bias : tensor<4xf32>
pi.parameter @h.1.mlp.c_fc.weight : tensor<4x16xf32>
pi.parameter @h.1.mlp.c_proj.weight : tensor<16x4xf32>
pi.parameter @h.1.mlp.fused.weight : tensor<4x4xf32> derived {
  %w1 = pi.load @h.1.mlp.c_fc.weight : tensor<4x16xf32>
  %w2 = pi.load @h.1.mlp.c_proj.weight : tensor<16x4xf32>
  %w = pi.matmul %w1, %w2 : (tensor<4x16xf32>, tensor<16x4xf32>) -> tensor<4x4xf32>
  pi.yield %w : tensor<4x4xf32>
}
pi.parameter @h.1.mlp.alpha : tensor<f32> derived {
  %one = arith.constant dense<1.0> : tensor<f32>
  pi.yield %one : tensor<f32>
}
pi.parameter @h.1.mlp.beta : tensor<f32> derived {
  %one = arith.constant dense<1.0> : tensor<f32>
  pi.yield %one : tensor<f32>
}

// CHECK: func.func @forward(%[[IDS:.*]]: tensor<1x8xi32>
func.func @forward(%ids: tensor<1x8xi32> {pi.name = "input_ids"}) -> (tensor<1x8x5xf32> {pi.name = "logits"}) {
  // CHECK-NEXT: %[[TABLE:.*]] = pi.load @wte.folded.weight
  // CHECK-NEXT: %[[X:.*]] = pi.embedding %[[IDS]], %[[TABLE]]
  // CHECK-NEXT: %[[POSITIONS:.*]] = pi.load @wpe.folded.weight
  // CHECK-NEXT: %[[P:.*]] = pi.position_embedding %[[POSITIONS]]
  // CHECK-NEXT: %[[Z0:.*]] = pi.add %[[X]], %[[P]]
  %table = pi.load @wte.weight : tensor<5x4xf32> loc("wte")
  %x = pi.embedding %ids, %table : (tensor<1x8xi32>, tensor<5x4xf32>) -> tensor<1x8x4xf32> loc("wte")
  %positions = pi.load @wpe.weight : tensor<8x4xf32> loc("wpe")
  %p = pi.position_embedding %positions : (tensor<8x4xf32>) -> tensor<8x4xf32> loc("wpe")
  %x0 = pi.add %x, %p : (tensor<1x8x4xf32>, tensor<8x4xf32>) -> tensor<1x8x4xf32> loc("wpe")

  // A layer without a bias before it stays so. Two linears are one.
  // CHECK-NEXT: %[[QKV_WEIGHT:.*]] = pi.load @h.0.attn.c_attn.folded.weight
  // CHECK-NEXT: %[[QKV:.*]] = pi.linear %[[Z0]], %[[QKV_WEIGHT]] : (
  // CHECK-NEXT: %[[T:.*]] = pi.load @h.0.attn.temperature
  // CHECK-NEXT: %[[A:.*]] = pi.attention %[[QKV]] temperature %[[T]]
  // CHECK-NEXT: %[[O_WEIGHT:.*]] = pi.load @h.0.attn.c_proj.folded.weight
  // CHECK-NEXT: %[[O:.*]] = pi.linear %[[A]], %[[O_WEIGHT]] : (
  // CHECK-NEXT: %[[Z1:.*]] = pi.add %[[Z0]], %[[O]]
  %w0 = pi.load @h.0.attn.c_attn.weight : tensor<4x12xf32>
  %qkv0 = pi.linear %x0, %w0 : (tensor<1x8x4xf32>, tensor<4x12xf32>) -> tensor<1x8x12xf32> loc("h.0.attn.c_attn")
  %t = pi.load @h.0.attn.temperature : tensor<2x8xf32>
  %a0 = pi.attention %qkv0 temperature %t heads 2 scale 0.7 causal : (tensor<1x8x12xf32>, tensor<2x8xf32>) -> (tensor<1x8x4xf32>)
  %o0 = pi.load @h.0.attn.c_proj.weight : tensor<4x4xf32>
  %u0 = pi.linear %a0, %o0 : (tensor<1x8x4xf32>, tensor<4x4xf32>) -> tensor<1x8x4xf32> loc("h.0.attn.c_proj")
  %y0 = pi.add %x0, %u0 : (tensor<1x8x4xf32>, tensor<1x8x4xf32>) -> tensor<1x8x4xf32>
  %fc = pi.load @h.0.mlp.c_fc.weight : tensor<4x16xf32>
  %fc_bias = pi.load @h.0.mlp.c_fc.bias : tensor<16xf32>
  %hidden = pi.linear %y0, %fc bias %fc_bias : (tensor<1x8x4xf32>, tensor<4x16xf32>, tensor<16xf32>) -> tensor<1x8x16xf32>
  %proj = pi.load @h.0.mlp.c_proj.weight : tensor<16x4xf32>
  %f0 = pi.linear %hidden, %proj : (tensor<1x8x16xf32>, tensor<16x4xf32>) -> tensor<1x8x4xf32>
  %x1 = pi.add %y0, %f0 : (tensor<1x8x4xf32>, tensor<1x8x4xf32>) -> tensor<1x8x4xf32> loc("h.0.mlp.residual")

  // The bias of the layer before is in q, k and v. The output projection has
  // none, and its normalised weight is computed before.
  // CHECK-NEXT: %[[QKV_WEIGHT:.*]] = pi.load @h.1.attn.c_attn.folded.weight
  // CHECK-NEXT: %[[QKV_BIAS:.*]] = pi.load @h.1.attn.c_attn.folded.bias
  // CHECK-NEXT: %[[QKV:.*]] = pi.linear %[[Z1]], %[[QKV_WEIGHT]] bias %[[QKV_BIAS]] transposed
  // CHECK-NEXT: %[[A:.*]] = pi.attention %[[QKV]]
  // CHECK-NEXT: %[[O_WEIGHT:.*]] = pi.load @h.1.attn.c_proj.folded.weight
  // CHECK-NEXT: %[[O:.*]] = pi.linear %[[A]], %[[O_WEIGHT]] : (
  // CHECK-NEXT: %[[Z2:.*]] = pi.add %[[Z1]], %[[O]]
  %w1 = pi.load @h.1.attn.c_attn.weight : tensor<12x4xf32>
  %qkv1 = pi.linear %x1, %w1 transposed : (tensor<1x8x4xf32>, tensor<12x4xf32>) -> tensor<1x8x12xf32> loc("h.1.attn.c_attn")
  %a1 = pi.attention %qkv1 heads 2 scale 0.7 causal : (tensor<1x8x12xf32>) -> (tensor<1x8x4xf32>)
  %v = pi.load @h.1.attn.c_proj.weight : tensor<4x4xf32>
  %gain = pi.load @h.1.attn.c_proj.gain : tensor<4xf32>
  %o1 = pi.weight_norm %v gain %gain : (tensor<4x4xf32>, tensor<4xf32>) -> tensor<4x4xf32>
  %o1_bias = pi.load @h.1.attn.c_proj.bias : tensor<4xf32>
  %u1 = pi.linear %a1, %o1 bias %o1_bias : (tensor<1x8x4xf32>, tensor<4x4xf32>, tensor<4xf32>) -> tensor<1x8x4xf32> loc("h.1.attn.c_proj")
  %y1 = pi.add %x1, %u1 : (tensor<1x8x4xf32>, tensor<1x8x4xf32>) -> tensor<1x8x4xf32>
  %fused = pi.load @h.1.mlp.fused.weight : tensor<4x4xf32>
  %f1 = pi.linear %y1, %fused : (tensor<1x8x4xf32>, tensor<4x4xf32>) -> tensor<1x8x4xf32>
  %alpha = pi.load @h.1.mlp.alpha : tensor<f32>
  %beta = pi.load @h.1.mlp.beta : tensor<f32>
  %x2 = pi.scaled_residual %y1, %f1 alpha %alpha beta %beta : (tensor<1x8x4xf32>, tensor<1x8x4xf32>, tensor<f32>, tensor<f32>) -> tensor<1x8x4xf32> loc("h.1.mlp.residual")

  // CHECK-NEXT: %[[HEAD:.*]] = pi.load @lm_head.folded.weight
  // CHECK-NEXT: %[[HEAD_BIAS:.*]] = pi.load @lm_head.folded.bias
  // CHECK-NEXT: %[[LOGITS:.*]] = pi.linear %[[Z2]], %[[HEAD]] bias %[[HEAD_BIAS]] transposed {{.*}} loc([[HEAD_LOC:#.*]])
  // CHECK-NEXT: return %[[LOGITS]]
  %head = pi.load @wte.weight : tensor<5x4xf32>
  %logits = pi.linear %x2, %head transposed : (tensor<1x8x4xf32>, tensor<5x4xf32>) -> tensor<1x8x5xf32> loc("lm_head")
  return %logits : tensor<1x8x5xf32>
}
// CHECK: [[HEAD_LOC]] = loc("lm_head")
