// What pi-private-optimize does with pi-fold-linear. The layer is in a function
// whose cost is not asked for, so folding it saves nothing, and the checkpoint is
// that of the module that comes out.

// RUN: rm -rf %t && mkdir %t && %python %pi_source_dir/test/Inputs/write_weights.py %s %t/weights
// RUN: pi-opt %s '--pi-private-optimize=weights=%t/weights output=%t/out' -o %t/out.mlir 2>&1 | FileCheck %s --check-prefix=SKIPPED
// RUN: FileCheck %s < %t/out.mlir
// RUN: %python %pi_source_dir/test/Runtime/Inputs/tensors.py show %t/weights/model.safetensors | sort > %t/expected
// RUN: %python %pi_source_dir/test/Runtime/Inputs/tensors.py show %t/out/model.safetensors | sort | diff %t/expected -

// SKIPPED-NOT: folded feed-forward blocks
// SKIPPED: skipped pi-fold-linear: it would save nothing
// CHECK: pi.parameter @mlp.fused.weight

// Where it is refused, nothing is written.
// RUN: %python %pi_source_dir/test/Inputs/write_weights.py %s %t/refused mlp.fused.weight=nan
// RUN: pi-opt %s '--pi-private-optimize=weights=%t/refused output=%t/none' -o %t/none.mlir 2>&1 | FileCheck %s --check-prefix=REFUSED
// RUN: not ls %t/none
// REFUSED: skipped pi-fold-linear: feed-forward blocks are not folded: the condition number

// Where it pays, its remarks stand before what it saves.
// RUN: sed 's/@forward/@small/; s/@other/@forward/' %s > %t/layer.mlir
// RUN: pi-opt %t/layer.mlir '--pi-private-optimize=weights=%t/weights output=%t/folded' -o %t/folded.mlir 2>&1 | FileCheck %s --check-prefix=APPLIED
// APPLIED: remark: loc("lm_head"): layers with folded feed-forward blocks: 1; condition number of the stream: {{.*}}; changes of its coordinates: 0
// APPLIED: pi-fold-linear{{.*}}: from {{.*}} to
// RUN: %python %pi_source_dir/test/Runtime/Inputs/tensors.py show %t/folded/model.safetensors | FileCheck %s --check-prefix=FOLDED
// FOLDED-NOT: mlp

pi.parameter @wte.weight : tensor<3x2xf32>
pi.parameter @attn.c_attn.weight : tensor<2x6xf32>
pi.parameter @attn.c_proj.weight : tensor<2x2xf32>
pi.parameter @mlp.fused.weight : tensor<2x2xf32>
func.func @forward(%ids: tensor<1x4xi32>) -> tensor<1x4x2xf32> {
  %table = pi.load @wte.weight : tensor<3x2xf32>
  %x = pi.embedding %ids, %table : (tensor<1x4xi32>, tensor<3x2xf32>) -> tensor<1x4x2xf32>
  return %x : tensor<1x4x2xf32>
}
func.func @other(%ids: tensor<1x4xi32>) -> tensor<1x4x3xf32> {
  %table = pi.load @wte.weight : tensor<3x2xf32>
  %x = pi.embedding %ids, %table : (tensor<1x4xi32>, tensor<3x2xf32>) -> tensor<1x4x2xf32>
  %w = pi.load @attn.c_attn.weight : tensor<2x6xf32>
  %qkv = pi.linear %x, %w : (tensor<1x4x2xf32>, tensor<2x6xf32>) -> tensor<1x4x6xf32>
  %a = pi.attention %qkv heads 1 scale 0.5 causal : (tensor<1x4x6xf32>) -> tensor<1x4x2xf32>
  %o = pi.load @attn.c_proj.weight : tensor<2x2xf32>
  %update = pi.linear %a, %o : (tensor<1x4x2xf32>, tensor<2x2xf32>) -> tensor<1x4x2xf32>
  %y = pi.add %x, %update : (tensor<1x4x2xf32>, tensor<1x4x2xf32>) -> tensor<1x4x2xf32>
  %m = pi.load @mlp.fused.weight : tensor<2x2xf32>
  %f = pi.linear %y, %m : (tensor<1x4x2xf32>, tensor<2x2xf32>) -> tensor<1x4x2xf32>
  %z = pi.add %y, %f : (tensor<1x4x2xf32>, tensor<1x4x2xf32>) -> tensor<1x4x2xf32>
  %head = pi.load @wte.weight : tensor<3x2xf32>
  %logits = pi.linear %z, %head transposed : (tensor<1x4x2xf32>, tensor<3x2xf32>) -> tensor<1x4x3xf32> loc("lm_head")
  return %logits : tensor<1x4x3xf32>
}
