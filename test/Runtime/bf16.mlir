// A model in bf16 on the CPU: sums are in f32 (one of 512 ones would stop at
// 256), outputs are, and code for an older processor needs no library that
// rounds.
// DEFINE: %{cpu} = native
// DEFINE: %{run} = pi-compile %s --cpu=%{cpu} -o %t/model.pi && pi-run %t/model.pi --weights %t --tokens 0,1 --logits %t/logits && %python %S/Inputs/tensors.py show %t/logits | FileCheck %s
// RUN: rm -rf %t && mkdir %t && %python %pi_source_dir/test/Inputs/write_weights.py %s %t wte.weight=1 h.0.mlp.c_fc.weight=0.001953125 h.0.mlp.c_proj.weight=0.5
// RUN: %{run}
// REDEFINE: %{cpu} = x86-64-v3
// RUN: %{run}

// CHECK: logits F32 [2, 4] 1024.0
pi.parameter @wte.weight : tensor<4x512xbf16>
pi.parameter @h.0.mlp.c_fc.weight : tensor<512x2xbf16>
pi.parameter @h.0.mlp.c_proj.weight : tensor<2x512xbf16>
func.func @forward(%ids: tensor<1x2xi32> {pi.name = "input_ids"}) -> (tensor<1x2x4xbf16> {pi.name = "logits"}) {
  %table = pi.load @wte.weight : tensor<4x512xbf16>
  %x = pi.embedding %ids, %table : (tensor<1x2xi32>, tensor<4x512xbf16>) -> tensor<1x2x512xbf16>
  %fc = pi.load @h.0.mlp.c_fc.weight : tensor<512x2xbf16>
  %h = pi.linear %x, %fc : (tensor<1x2x512xbf16>, tensor<512x2xbf16>) -> tensor<1x2x2xbf16>
  %proj = pi.load @h.0.mlp.c_proj.weight : tensor<2x512xbf16>
  %u = pi.linear %h, %proj : (tensor<1x2x2xbf16>, tensor<2x512xbf16>) -> tensor<1x2x512xbf16>
  %y = pi.add %x, %u : (tensor<1x2x512xbf16>, tensor<1x2x512xbf16>) -> tensor<1x2x512xbf16>
  %logits = pi.linear %y, %table transposed : (tensor<1x2x512xbf16>, tensor<4x512xbf16>) -> tensor<1x2x4xbf16>
  return %logits : tensor<1x2x4xbf16>
}
