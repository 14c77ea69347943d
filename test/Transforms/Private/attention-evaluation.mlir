// Passes that say how attentions are evaluated: each changes its own part.

// RUN: pi-opt %s --pi-pack-causal-softmax=rows=4 --pi-defer-normalization | FileCheck %s --check-prefixes=CHECK,BOTH
// RUN: pi-opt %s --pi-defer-normalization --pi-pack-causal-softmax=rows=4 | FileCheck %s --check-prefixes=CHECK,BOTH
// RUN: pi-opt %s --pi-pack-causal-softmax=rows=4 --pi-pack-causal-softmax=rows=8 | FileCheck %s --check-prefixes=CHECK,LAST
// RUN: pi-opt %s --pi-defer-normalization --pi-defer-normalization=by-product | FileCheck %s --check-prefixes=CHECK,PRODUCT
// RUN: pi-opt %s --pi-pack-causal-softmax=rows=100 | FileCheck %s --check-prefixes=CHECK,LARGE
// RUN: not pi-opt %s --pi-pack-causal-softmax=rows=0 2>&1 | FileCheck %s --check-prefix=ROWS

// RUN: not pi-opt %s --pi-narrow-exponential=range=-1 2>&1 | FileCheck %s --check-prefix=RANGE
// RUN: not pi-opt %s --pi-merge-heads=heads=-1 2>&1 | FileCheck %s --check-prefix=HEADS
// RUN: not pi-opt %s --pi-merge-heads=heads=8000000000000000 2>&1 | FileCheck %s --check-prefix=MANY
// RUN: pi-opt %s --pi-merge-heads --pi-reciprocal-by-rsqrt --pi-temperature-by-product --pi-narrow-exponential=range=5 | FileCheck %s --check-prefixes=CHECK,ALL

// ROWS: error: pi-pack-causal-softmax: rows has to be 1 or more, but is 0

// RANGE: error: pi-narrow-exponential: range has to be above 0, or 0 if no bound is known, but is -1
// HEADS: error: pi-merge-heads: heads has to be 1 to 1048576, or 0 for all, but is -1
// MANY: error: pi-merge-heads: heads has to be 1 to 1048576, or 0 for all, but is 8000000000000000

// CHECK-LABEL: func.func @causal
func.func @causal(%qkv: tensor<1x16x192xf32>) -> tensor<1x16x64xf32> {
  // BOTH: causal evaluation <pack_rows = 4, defer_normalization = true> {test.note = "kept"} :
  // PRODUCT: causal evaluation <defer_normalization = true, normalize_by_product = true> {test.note = "kept"} :
  // LAST: causal evaluation <pack_rows = 8> {test.note = "kept"} :
  // More rows than there are is one block.
  // LARGE: causal evaluation <pack_rows = 16> {test.note = "kept"} :
  // Without a temperature there is nothing to apply.
  // ALL: causal evaluation <reciprocal_by_rsqrt = true, heads_per_product = 4, exponential = <scale = {{.*}}, offsets = [{{.*}}]>> {test.note = "kept"} :
  %0 = pi.attention %qkv heads 4 scale 0.25 causal {test.note = "kept"} : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
  return %0 : tensor<1x16x64xf32>
}

// No score of this one is masked.
// CHECK-LABEL: func.func @not_causal
func.func @not_causal(%qkv: tensor<1x16x192xf32>) -> tensor<1x16x64xf32> {
  // BOTH: scale 2.500000e-01 evaluation <defer_normalization = true> :
  // LAST: scale 2.500000e-01 :
  // LARGE: scale 2.500000e-01 :
  %0 = pi.attention %qkv heads 4 scale 0.25 : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
  return %0 : tensor<1x16x64xf32>
}

// CHECK-LABEL: func.func @temperature
func.func @temperature(%qkv: tensor<1x16x192xf32>, %t: tensor<4x16xf32>) -> tensor<1x16x64xf32> {
  // ALL: temperature {{.*}} evaluation <reciprocal_by_rsqrt = true, heads_per_product = 4, temperature_by_product = true,
  %0 = pi.attention %qkv temperature %t heads 4 scale 0.25 : (tensor<1x16x192xf32>, tensor<4x16xf32>) -> tensor<1x16x64xf32>
  return %0 : tensor<1x16x64xf32>
}
