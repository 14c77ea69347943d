// Attention as `#pi.evaluation` says. Bytes an element under `cheetah`: CMP + SEL
// 102.9375, TR 3.125, TR? 90.475, SQ 143.325, MUL 283.525, and 17.2 an element of
// softmax that were fitted; a reciprocal 2960.4125, an inverse square root 2588.4.

// RUN: pi-opt %s --split-input-file --pi-estimate-cost="network=lan format=json" -o /dev/null | FileCheck %s

// All 2 x 4 x 4 scores: 24 maxima, 32 exponentials, 8 reciprocals, 32 products:
//   24 (CMP + SEL) + 32 (TR? + 8 SQ + 17.2) + 8 * 2960.4125 + 32 MUL
// CHECK:      "location": "stock.softmax",
// CHECK-NEXT: "op": "pi.attention",
// CHECK-NEXT: "bytes": 75363,
func.func @forward(%x: tensor<1x4x24xf32>) -> tensor<1x4x8xf32> {
  %0 = pi.attention %x heads 2 scale 0.5 causal : (tensor<1x4x24xf32>) -> tensor<1x4x8xf32> loc("stock")
  return %0 : tensor<1x4x8xf32>
}

// -----

// Blocks of 2 rows with 2 and 4 columns: 24 of 32 elements, 16 maxima.
//   16 (CMP + SEL) + 24 (TR? + 8 SQ + 17.2) + 8 * 2960.4125 + 24 MUL
// CHECK:      "location": "packed.softmax",
// CHECK-NEXT: "op": "pi.attention",
// CHECK-NEXT: "bytes": {{62237|62238}},
func.func @forward(%x: tensor<1x4x24xf32>) -> tensor<1x4x8xf32> {
  %0 = pi.attention %x heads 2 scale 0.5 causal evaluation <pack_rows = 2> : (tensor<1x4x24xf32>) -> tensor<1x4x8xf32> loc("packed")
  return %0 : tensor<1x4x8xf32>
}

// -----

// Blocks of 3 rows and of 1: 3 * 3 + 4 = 13 elements a head.
//   18 (CMP + SEL) + 26 (TR? + 8 SQ + 17.2) + 8 * 2960.4125 + 26 MUL
// CHECK:      "location": "uneven.softmax",
// CHECK-NEXT: "op": "pi.attention",
// CHECK-NEXT: "bytes": 65519,
func.func @forward(%x: tensor<1x4x24xf32>) -> tensor<1x4x8xf32> {
  %0 = pi.attention %x heads 2 scale 0.5 causal evaluation <pack_rows = 3> : (tensor<1x4x24xf32>) -> tensor<1x4x8xf32> loc("uneven")
  return %0 : tensor<1x4x8xf32>
}

// -----

// The products are 4 x 8 elements of the result, in the context's item.
//   16 (CMP + SEL) + 24 (TR? + 8 SQ + 17.2), and 8 reciprocals
// CHECK:      "location": "deferred.softmax",
// CHECK-NEXT: "op": "pi.attention",
// CHECK-NEXT: "bytes": {{31749|31750}},
// CHECK:      "location": "deferred.reciprocal",
// CHECK-NEXT: "op": "pi.attention",
// CHECK-NEXT: "bytes": 23683,
func.func @forward(%x: tensor<1x4x24xf32>) -> tensor<1x4x8xf32> {
  %0 = pi.attention %x heads 2 scale 0.5 causal evaluation <pack_rows = 2, defer_normalization = true> : (tensor<1x4x24xf32>) -> tensor<1x4x8xf32> loc("deferred")
  return %0 : tensor<1x4x8xf32>
}

// -----

// A chain of 4 squares with a bound, and r (2 - s r) with r = rsqrt(s)^2:
//   16 (CMP + SEL) + 24 (CMP + SEL + 4 SQ + 17.2), 8 (2588.4 + SQ + 2 MUL)
// CHECK:      "location": "chain.softmax",
// CHECK-NEXT: "op": "pi.attention",
// CHECK-NEXT: "bytes": {{18289|18290}},
// CHECK:      "location": "chain.reciprocal",
// CHECK-NEXT: "op": "pi.attention",
// CHECK-NEXT: "bytes": 26390,
func.func @forward(%x: tensor<1x4x24xf32>) -> tensor<1x4x8xf32> {
  %0 = pi.attention %x heads 2 scale 0.5 causal evaluation <pack_rows = 2, defer_normalization = true, reciprocal_by_rsqrt = true, exponential = <scale = 0.0625, offsets = [1.0, 0.0, 0.0, 0.0, 0.0], lowest = -16.0>> : (tensor<1x4x24xf32>) -> tensor<1x4x8xf32> loc("chain")
  return %0 : tensor<1x4x8xf32>
}

// -----

// Two heads in one product: (4 x 8) (8 x 8), two passes of 184769 + 127540 + 16.5 *
// 32 B and 32 TR each, for scores, for the temperature, for the context and for
// the reciprocals of its rows.
// CHECK:      "location": "merged.scores",
// CHECK-NEXT: "op": "pi.attention",
// CHECK-NEXT: "bytes": 1251548,
// CHECK:      "location": "merged.reciprocal",
// CHECK-NEXT: "op": "pi.attention",
// CHECK-NEXT: "bytes": 23683,
// CHECK:      "location": "merged.context",
// CHECK-NEXT: "op": "pi.attention",
// CHECK-NEXT: "bytes": 1251548,
func.func @forward(%x: tensor<1x4x24xf32>, %t: tensor<2x4xf32>) -> tensor<1x4x8xf32> {
  %0 = pi.attention %x temperature %t heads 2 scale 0.5 causal evaluation <defer_normalization = true, normalize_by_product = true, heads_per_product = 2, temperature_by_product = true> : (tensor<1x4x24xf32>, tensor<2x4xf32>) -> tensor<1x4x8xf32> loc("merged")
  return %0 : tensor<1x4x8xf32>
}

// -----

// The reciprocal of a temperature holds the scale: 32 elements of queries are
// truncated once, with it or without (a learnable scale is a TR here).
// CHECK:      "location": "plain.scores",
// CHECK-NEXT: "op": "pi.attention",
// CHECK-NEXT: "bytes": [[SCORES:[0-9]+]],
// CHECK:      "location": "tempered.scores",
// CHECK-NEXT: "op": "pi.attention",
// CHECK-NEXT: "bytes": [[SCORES]],
pi.parameter @temperature : tensor<2x4xf32>
func.func @forward(%x: tensor<1x4x24xf32>) -> (tensor<1x4x8xf32>, tensor<1x4x8xf32>) {
  %t = pi.load @temperature : tensor<2x4xf32>
  %0 = pi.attention %x heads 2 scale 0.5 causal : (tensor<1x4x24xf32>) -> tensor<1x4x8xf32> loc("plain")
  %1 = pi.attention %x temperature %t heads 2 scale 0.5 causal : (tensor<1x4x24xf32>, tensor<2x4xf32>) -> tensor<1x4x8xf32> loc("tempered")
  return %0, %1 : tensor<1x4x8xf32>, tensor<1x4x8xf32>
}

// -----

// More blocks of rows than memory could hold are counted, not listed.
// CHECK: "location": "long.softmax",
func.func @forward(%x: tensor<1x2305843009213693952x24xbf16>) -> tensor<1x2305843009213693952x8xbf16> {
  %0 = pi.attention %x heads 2 scale 0.5 causal evaluation <pack_rows = 1> : (tensor<1x2305843009213693952x24xbf16>) -> tensor<1x2305843009213693952x8xbf16> loc("long")
  return %0 : tensor<1x2305843009213693952x8xbf16>
}

// -----

// The same chain for one row over 4 cached columns of two heads, a sum each:
//   6 (CMP + SEL) + 8 (CMP + SEL + 4 SQ + 17.2), 2 (2588.4 + SQ + 2 MUL)
// CHECK:      "location": "cached.softmax",
// CHECK-NEXT: "op": "pi.cached_attention",
// CHECK-NEXT: "bytes": 6165,
// CHECK:      "location": "cached.reciprocal",
// CHECK-NEXT: "op": "pi.cached_attention",
// CHECK-NEXT: "bytes": {{6597|6598}},
func.func @forward(%x: tensor<1x1x24xf32>, %cache: tensor<2x1x4x8xf32>, %i: tensor<i32>) -> tensor<1x1x8xf32> {
  %0 = pi.cached_attention %x, %cache at %i heads 2 scale 0.5 evaluation <defer_normalization = true, reciprocal_by_rsqrt = true, exponential = <scale = 0.0625, offsets = [1.0, 0.0, 0.0, 0.0, 0.0], lowest = -16.0>> : (tensor<1x1x24xf32>, tensor<2x1x4x8xf32>, tensor<i32>) -> tensor<1x1x8xf32> loc("cached")
  return %0 : tensor<1x1x8xf32>
}
