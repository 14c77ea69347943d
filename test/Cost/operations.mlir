// Every operation that costs something, with the profile `cheetah`, whose
// primitives send, in bytes an element: CMP 86.3125, SEL 16.625, EQ 59, B2A
// 8.125, TR 3.125, TR? 90.475, SQ 140.2 + TR, MUL 280.4 + TR, NORM 1279.9.
// Each result below is worked out from these by the table of functions in
// docs/cost-model.md.

// RUN: pi-opt %s --split-input-file --pi-estimate-cost="network=lan format=json" -o /dev/null | FileCheck %s

// 16 * (CMP + SEL) = 1647
// CHECK:      "op": "pi.relu",
// CHECK-NEXT: "bytes": 1647,
// CHECK-NEXT: "rounds": 6,
func.func @forward(%x: tensor<1x2x8xf32>) -> tensor<1x2x8xf32> {
  %0 = pi.relu %x : tensor<1x2x8xf32>
  return %0 : tensor<1x2x8xf32>
}

// -----

// 16 * (11 MUL + SQ + 5 TR + 2 (CMP + SEL)) = 16 * 3483.6
// CHECK:      "op": "pi.gelu",
// CHECK-NEXT: "bytes": 55738,
// CHECK-NEXT: "rounds": 33,
func.func @forward(%x: tensor<1x2x8xf32>) -> tensor<1x2x8xf32> {
  %0 = pi.gelu %x approximate tanh : tensor<1x2x8xf32>
  return %0 : tensor<1x2x8xf32>
}

// -----

// 16 * (CMP + 2 SEL + 4 MUL + 2 SQ + 4 TR + NORM + 5 MUL + SQ)
//   = 16 * (119.5625 + 9 * 283.525 + 3 * 143.325 + 12.5 + 1279.9)
// CHECK:      "op": "pi.gelu",
// CHECK-NEXT: "bytes": 70299,
func.func @forward(%x: tensor<1x2x8xf32>) -> tensor<1x2x8xf32> {
  %0 = pi.gelu %x approximate none : tensor<1x2x8xf32>
  return %0 : tensor<1x2x8xf32>
}

// -----

// Degree 3, since the last coefficient is zero: 16 * (TR? + SQ + MUL) = 8277.2
// CHECK:      "op": "pi.polynomial",
// CHECK-NEXT: "bytes": 8277,
func.func @forward(%x: tensor<1x2x8xf32>) -> tensor<1x2x8xf32> {
  %0 = pi.polynomial %x coefficients [0.0, 0.5, 0.25, 0.125, 0.0] : tensor<1x2x8xf32>
  return %0 : tensor<1x2x8xf32>
}

// -----

// 16 * 3 MUL + 2 * (2 TR + NORM + 174.4 + 4 MUL) = 13609.2 + 5189.3
// CHECK:      "op": "pi.layer_norm",
// CHECK-NEXT: "bytes": {{18798|18799}},
func.func @forward(%x: tensor<1x2x8xf32>, %w: tensor<8xf32>, %b: tensor<8xf32>) -> tensor<1x2x8xf32> {
  %0 = pi.layer_norm %x, %w, %b epsilon 1.0e-5
      : (tensor<1x2x8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<1x2x8xf32>
  return %0 : tensor<1x2x8xf32>
}

// -----

// 4 rows of 2 with 4 maxima, 8 exps, 4 reciprocals, and the fitted 17.2 B:
//   4 (CMP + SEL) + 8 (TR? + 8 SQ) + 4 (CMP + 2 SEL + NORM + 5 MUL + SQ)
//   + 8 MUL + 8 * 17.2 = 411.75 + 9896.6 + 11841.65 + 2268.2 + 137.6
// With a temperature 8 TR more.
// CHECK:      "op": "pi.softmax",
// CHECK-NEXT: "bytes": 24556,
// CHECK:      "op": "pi.softmax",
// CHECK-NEXT: "bytes": 24581,
func.func @forward(%x: tensor<1x2x2x2xf32>, %t: tensor<2x2xf32>) -> (tensor<1x2x2x2xf32>, tensor<1x2x2x2xf32>) {
  %0 = pi.softmax %x causal : (tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
  %1 = pi.softmax %x temperature %t causal
      : (tensor<1x2x2x2xf32>, tensor<2x2xf32>) -> tensor<1x2x2x2xf32>
  return %0, %1 : tensor<1x2x2x2xf32>, tensor<1x2x2x2xf32>
}

// -----

// 7 of 8 elements: CMP + 2 SEL each; 3 levels of a comparison and a choice.
// CHECK:      "op": "pi.argmax",
// CHECK-NEXT: "bytes": 837,
// CHECK-NEXT: "rounds": 18,
func.func @forward(%x: tensor<1x8xf32>) -> tensor<1xi32> {
  %0 = pi.argmax %x : (tensor<1x8xf32>) -> tensor<1xi32>
  return %0 : tensor<1xi32>
}

// -----

// Two passes of one ciphertext each way, the second not packed, and 2 * 8 TR:
// 2 * (184769 + 127540 + 16 * 16.5) + 50.
// CHECK:      "op": "pi.linear",
// CHECK-NEXT: "bytes": 625196,
// CHECK:      "op": "pi.matmul",
// CHECK-NEXT: "bytes": 625196,
func.func @forward(%x: tensor<2x8xf32>, %w: tensor<8x8xf32>) -> tensor<2x8xf32> {
  %0 = pi.linear %x, %w : (tensor<2x8xf32>, tensor<8x8xf32>) -> tensor<2x8xf32>
  %1 = pi.matmul %0, %w : (tensor<2x8xf32>, tensor<8x8xf32>) -> tensor<2x8xf32>
  return %1 : tensor<2x8xf32>
}

// -----

// 2 * 32 (EQ + B2A), the same two passes, and the fitted 40.4 B for each of 64.
// CHECK:      "op": "pi.embedding",
// CHECK-NEXT: "bytes": 632028,
func.func @forward(%ids: tensor<1x2xi32>, %table: tensor<32x8xf32>) -> tensor<1x2x8xf32> {
  %0 = pi.embedding %ids, %table : (tensor<1x2xi32>, tensor<32x8xf32>) -> tensor<1x2x8xf32>
  return %0 : tensor<1x2x8xf32>
}

// -----

// Two products with learnable scalars, applied in the clear: 2 * 16 TR.
// CHECK:      "op": "pi.scaled_residual",
// CHECK-NEXT: "bytes": 100,
func.func @forward(%x: tensor<1x2x8xf32>, %a: tensor<f32>, %b: tensor<f32>) -> tensor<1x2x8xf32> {
  %0 = pi.scaled_residual %x, %x alpha %a beta %b
      : (tensor<1x2x8xf32>, tensor<1x2x8xf32>, tensor<f32>, tensor<f32>) -> tensor<1x2x8xf32>
  return %0 : tensor<1x2x8xf32>
}

// -----

// What depends on weights alone is computed in the clear by whoever has them,
// and is neither charged nor counted.
// CHECK:      "nonlinear": []
// CHECK-NOT:  "location": "product"
// CHECK-NOT:  "location": "activation"
// CHECK:      "location": "layer"
pi.parameter @a : tensor<8x8xf32>
pi.parameter @b : tensor<8x8xbf16>
func.func @forward(%x: tensor<1x4x8xf32>) -> tensor<1x4x8xf32> {
  %a = pi.load @a : tensor<8x8xf32>
  %b = pi.load @b : tensor<8x8xbf16>
  %c = arith.extf %b : tensor<8x8xbf16> to tensor<8x8xf32>
  %0 = pi.matmul %a, %c : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32> loc("product")
  %1 = pi.gelu %0 approximate none : tensor<8x8xf32> loc("activation")
  %2 = pi.linear %x, %1 : (tensor<1x4x8xf32>, tensor<8x8xf32>) -> tensor<1x4x8xf32> loc("layer")
  return %2 : tensor<1x4x8xf32>
}
