// A model is one function for each step and @main, which calls them. Arguments
// are the inputs, then the parameters in the order of their first use. What
// depends on parameters alone is computed by their owner: the factor of the
// scores, 1 / alpha, the fused weight, the rows of the table of positions.
// RUN: pi-translate --pi-to-stablehlo %s -o %t.mlir --interface=%t.json
// RUN: FileCheck %s --input-file=%t.mlir
// RUN: FileCheck %s --input-file=%t.json --check-prefix=JSON

// An input that is in the execution form gives the same.
// RUN: pi-opt %s --pi-execution-pipeline=generation=false -o %t.execution.mlir
// RUN: pi-translate --pi-to-stablehlo %t.execution.mlir -o - | diff - %t.mlir

module @model {
  pi.parameter @wte.weight : tensor<32x8xf32>
  pi.parameter @wpe.weight : tensor<16x8xf32>
  pi.parameter @temperature : tensor<2x4xf32> derived {
    %0 = arith.constant dense<1.0> : tensor<2x4xf32>
    pi.yield %0 : tensor<2x4xf32>
  }
  pi.parameter @alpha : tensor<f32>
  pi.parameter @beta : tensor<f32>
  pi.parameter @c_fc : tensor<8x32xf32>
  pi.parameter @c_proj : tensor<32x24xf32>
  pi.parameter @fused : tensor<8x24xf32> derived {
    %0 = pi.load @c_fc : tensor<8x32xf32> loc("fused")
    %1 = pi.load @c_proj : tensor<32x24xf32> loc("fused")
    %2 = pi.matmul %0, %1 : (tensor<8x32xf32>, tensor<32x24xf32>) -> tensor<8x24xf32> loc("fused")
    pi.yield %2 : tensor<8x24xf32>
  }
  func.func @forward(%ids: tensor<1x4xi32> {pi.name = "input_ids"}) -> (tensor<1x4x32xf32> {pi.name = "logits"})
      attributes {pi.known_tokens} {
    %table = pi.load @wte.weight : tensor<32x8xf32>
    %x = pi.embedding %ids, %table : (tensor<1x4xi32>, tensor<32x8xf32>) -> tensor<1x4x8xf32> loc("wte")
    %all = pi.load @wpe.weight : tensor<16x8xf32>
    %p = pi.position_embedding %all : (tensor<16x8xf32>) -> tensor<4x8xf32> loc("wpe")
    %x0 = pi.add %x, %p : (tensor<1x4x8xf32>, tensor<4x8xf32>) -> tensor<1x4x8xf32> loc("wpe")
    %w = pi.load @fused : tensor<8x24xf32>
    %qkv = pi.linear %x0, %w : (tensor<1x4x8xf32>, tensor<8x24xf32>) -> tensor<1x4x24xf32> loc("h.0.attn.c attn")
    %t = pi.load @temperature : tensor<2x4xf32>
    %y = pi.attention %qkv temperature %t heads 2 scale 0.5 causal
        : (tensor<1x4x24xf32>, tensor<2x4xf32>) -> tensor<1x4x8xf32> loc("h.0.attn")
    %alpha = pi.load @alpha : tensor<f32>
    %beta = pi.load @beta : tensor<f32>
    %z = pi.scaled_residual %x0, %y alpha %alpha beta %beta
        : (tensor<1x4x8xf32>, tensor<1x4x8xf32>, tensor<f32>, tensor<f32>) -> tensor<1x4x8xf32> loc("h.0.residual")
    %logits = pi.linear %z, %table transposed : (tensor<1x4x8xf32>, tensor<32x8xf32>) -> tensor<1x4x32xf32> loc("lm_head")
    return %logits : tensor<1x4x32xf32>
  }
  // No initialiser but for its name.
  func.func @initialize.all(%x: tensor<8xf32>) -> tensor<8xf32> {
    return %x : tensor<8xf32>
  }
}

// CHECK:      module @model {
// CHECK-NEXT:   func.func @main(%input_ids: tensor<1x4xi32> {pi.name = "input_ids"},
// CHECK-NEXT:       %wte.weight: tensor<32x8xf32> {pi.parameter = "wte.weight"},
// CHECK-NEXT:       %wpe: tensor<4x8xf32> {pi.parameter = "wpe"},
// CHECK-NEXT:       %fused: tensor<8x24xf32> {pi.parameter = "fused"},
// CHECK-NEXT:       %h.0.attn.factor: tensor<2x4xf32> {pi.parameter = "h.0.attn.factor"},
// CHECK-NEXT:       %beta: tensor<f32> {pi.parameter = "beta"},
// CHECK-NEXT:       %h.0.residual.inverse_alpha: tensor<f32> {pi.parameter = "h.0.residual.inverse_alpha"}) -> (tensor<1x4x32xf32> {pi.name = "logits"}) {
// CHECK-NEXT:     %wte = call @wte(%input_ids, %wte.weight) : (tensor<1x4xi32>, tensor<32x8xf32>) -> tensor<1x4x8xf32>
// Two operations have the location "wpe": the rows of the table, and the sum.
// CHECK-NEXT:     %wpe_1 = call @wpe(%wte, %wpe)
// What an identifier cannot hold is replaced.
// CHECK-NEXT:     %h.0.attn.c_attn = call @h.0.attn.c_attn(%wpe_1, %fused)
// CHECK-NEXT:     %h.0.attn.scores = call @h.0.attn.scores(%h.0.attn.c_attn, %h.0.attn.factor)
// CHECK-NEXT:     %h.0.attn.softmax = call @h.0.attn.softmax(%h.0.attn.scores)
// CHECK-NEXT:     %h.0.attn.context = call @h.0.attn.context(%h.0.attn.softmax, %h.0.attn.c_attn)
// CHECK-NEXT:     %h.0.residual = call @h.0.residual(%wpe_1, %h.0.attn.context, %beta, %h.0.residual.inverse_alpha)
// CHECK-NEXT:     %lm_head = call @lm_head(%h.0.residual, %wte.weight)
// CHECK-NEXT:     return %lm_head : tensor<1x4x32xf32>

// CHECK:      func.func private @initialize.fused(%arg0: tensor<8x32xf32>, %arg1: tensor<32x24xf32>) -> tensor<8x24xf32>
// CHECK:      func.func private @initialize.wpe(%arg0: tensor<16x8xf32>) -> tensor<4x8xf32>
// CHECK:      func.func private @initialize.h.0.attn.factor(%arg0: tensor<2x4xf32>) -> tensor<2x4xf32>
// CHECK-NEXT:   %0 = stablehlo.constant dense<5.000000e-01> : tensor<2x4xf32>
// CHECK-NEXT:   %1 = stablehlo.divide %0, %arg0 : tensor<2x4xf32>
// CHECK:      func.func private @initialize.h.0.residual.inverse_alpha(%arg0: tensor<f32>) -> tensor<f32>

// JSON:      "arguments": [
// JSON:        "kind": "input",
// JSON-NEXT:   "known": true,
// JSON-NEXT:   "name": "input_ids",
// JSON:        "kind": "parameter",
// JSON-NEXT:   "known": false,
// JSON-NEXT:   "name": "wte.weight",
// JSON:      "derivations": [
// JSON:        "function": "initialize.fused",
// JSON:        "operands": [
// JSON-NEXT:     "c_fc",
// JSON-NEXT:     "c_proj"
// JSON:      "parameters": [
// JSON:        "name": "alpha",
// JSON-NEXT:   "shape": [],
// JSON-NEXT:   "type": "f32",
// JSON-NEXT:   "value": "alpha"
// JSON:        "derived": "fused_1",
// JSON-NEXT:   "name": "fused",
// JSON:      "steps": [
// JSON:        "function": "h.0.attn.scores",
// JSON-NEXT:   "location": "h.0.attn.scores",
// JSON-NEXT:   "op": "pi.attention",
// JSON-NEXT:   "operands": [
// JSON-NEXT:     "h.0.attn.c_attn",
// JSON-NEXT:     "h.0.attn.factor"
// JSON-NEXT:   ],
// JSON-NEXT:   "shape": [
