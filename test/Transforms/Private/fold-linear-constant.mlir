// A weight that is computed from parameters and turns out to need none is a weight
// like others.

// RUN: rm -rf %t && mkdir %t && %python %pi_source_dir/test/Inputs/write_weights.py %s %t/weights
// RUN: pi-opt %s '--pi-fold-linear=weights=%t/weights output=%t/folded' -o %t/folded.mlir 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: pi-opt %s '--pi-fold-linear=weights=%t/weights output=%t/folded' 2> /dev/null | FileCheck %s

// The block multiplies by I + M with all elements of M 0.5: by 2 and 1.
// REMARK: condition number of the stream: 1.41;
// CHECK: pi.parameter @lm_head.folded.weight
// CHECK-NOT: arith.select

pi.parameter @wte.weight : tensor<3x2xf32>
pi.parameter @attn.c_attn.weight : tensor<2x6xf32>
pi.parameter @attn.c_proj.weight : tensor<2x2xf32>
pi.parameter @mlp.fused.weight : tensor<2x2xf32>
func.func @forward(%ids: tensor<1x4xi32>) -> tensor<1x4x3xf32> {
  %table = pi.load @wte.weight : tensor<3x2xf32>
  %x = pi.embedding %ids, %table : (tensor<1x4xi32>, tensor<3x2xf32>) -> tensor<1x4x2xf32>
  %w = pi.load @attn.c_attn.weight : tensor<2x6xf32>
  %qkv = pi.linear %x, %w : (tensor<1x4x2xf32>, tensor<2x6xf32>) -> tensor<1x4x6xf32>
  %a = pi.attention %qkv heads 1 scale 0.5 causal : (tensor<1x4x6xf32>) -> tensor<1x4x2xf32>
  %o = pi.load @attn.c_proj.weight : tensor<2x2xf32>
  %update = pi.linear %a, %o : (tensor<1x4x2xf32>, tensor<2x2xf32>) -> tensor<1x4x2xf32>
  %y = pi.add %x, %update : (tensor<1x4x2xf32>, tensor<1x4x2xf32>) -> tensor<1x4x2xf32>
  %loaded = pi.load @mlp.fused.weight : tensor<2x2xf32>
  %constant = arith.constant dense<0.5> : tensor<2x2xf32>
  %true = arith.constant true
  %m = arith.select %true, %constant, %loaded : tensor<2x2xf32>
  %f = pi.linear %y, %m : (tensor<1x4x2xf32>, tensor<2x2xf32>) -> tensor<1x4x2xf32>
  %z = pi.add %y, %f : (tensor<1x4x2xf32>, tensor<1x4x2xf32>) -> tensor<1x4x2xf32>
  %head = pi.load @wte.weight : tensor<3x2xf32>
  %logits = pi.linear %z, %head transposed : (tensor<1x4x2xf32>, tensor<3x2xf32>) -> tensor<1x4x3xf32> loc("lm_head")
  return %logits : tensor<1x4x3xf32>
}
