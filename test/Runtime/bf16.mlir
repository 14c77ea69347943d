// A model in bf16 on the CPU: sums are in f32 (one of 512 ones would stop at
// 256), outputs are, and code for an older processor needs no library that
// rounds. So is what is computed when weights load: the shift in f32 always,
// and the fused weight and the scales after rewriting.
// DEFINE: %{cpu} = native
// DEFINE: %{passes} =
// DEFINE: %{run} = pi-opt %s %{passes} -o %t/model.mlir && pi-compile %t/model.mlir --cpu=%{cpu} -o %t/model.pi && pi-run %t/model.pi --weights %t --tokens 0,1 --logits %t/logits && %python %S/Inputs/tensors.py show %t/logits | FileCheck %s
// RUN: rm -rf %t && mkdir %t && %python %pi_source_dir/test/Inputs/write_weights.py %s %t wte.weight=1 h.0.mlp.c_fc.weight=0.001953125 h.0.mlp.c_proj.weight=0.5 shift=2
// RUN: %{run}
// REDEFINE: %{cpu} = x86-64-v3
// RUN: %{run}
// REDEFINE: %{passes} = --pi-fuse-ffn --pi-scale-ffn
// RUN: %{run}

// CHECK: logits F32 [2, 4] 2048.0
pi.parameter @wte.weight : tensor<4x512xbf16>
pi.parameter @h.0.mlp.c_fc.weight : tensor<512x2xbf16>
pi.parameter @h.0.mlp.c_proj.weight : tensor<2x512xbf16>
pi.parameter @shift : tensor<512xbf16>
func.func @forward(%ids: tensor<1x2xi32> {pi.name = "input_ids"}) -> (tensor<1x2x4xbf16> {pi.name = "logits"}) {
  %table = pi.load @wte.weight : tensor<4x512xbf16>
  %x = pi.embedding %ids, %table : (tensor<1x2xi32>, tensor<4x512xbf16>) -> tensor<1x2x512xbf16>
  %fc = pi.load @h.0.mlp.c_fc.weight : tensor<512x2xbf16>
  %h = pi.linear %x, %fc : (tensor<1x2x512xbf16>, tensor<512x2xbf16>) -> tensor<1x2x2xbf16>
  %proj = pi.load @h.0.mlp.c_proj.weight : tensor<2x512xbf16>
  %u = pi.linear %h, %proj : (tensor<1x2x2xbf16>, tensor<2x512xbf16>) -> tensor<1x2x512xbf16>
  %y = pi.add %x, %u : (tensor<1x2x512xbf16>, tensor<1x2x512xbf16>) -> tensor<1x2x512xbf16>
  %shift = pi.load @shift : tensor<512xbf16>
  %wide = arith.extf %shift : tensor<512xbf16> to tensor<512xf32>
  %z = pi.add %y, %wide : (tensor<1x2x512xbf16>, tensor<512xf32>) -> tensor<1x2x512xbf16>
  %logits = pi.linear %z, %table transposed : (tensor<1x2x512xbf16>, tensor<4x512xbf16>) -> tensor<1x2x4xbf16>
  return %logits : tensor<1x2x4xbf16>
}
