// Attention as `#pi.evaluation` says. That all forms compute the same is tested in
// python/tests/test_private.py.

// RUN: pi-translate --pi-to-stablehlo %s -o - | FileCheck %s

func.func @forward(%qkv: tensor<1x3x24xf32>, %t: tensor<2x3xf32>, %row: tensor<1x1x24xf32>,
                   %cache: tensor<2x1x3x8xf32>, %position: tensor<i32> {pi.name = "position"})
    -> (tensor<1x3x8xf32>, tensor<1x3x8xf32>, tensor<1x3x8xf32>, tensor<1x1x8xf32>) {
  %0 = pi.attention %qkv heads 2 scale 0.5 causal evaluation <pack_rows = 2>
      : (tensor<1x3x24xf32>) -> tensor<1x3x8xf32> loc("packed")
  %1 = pi.attention %qkv heads 2 scale 0.5 causal
      evaluation <pack_rows = 1, defer_normalization = true, reciprocal_by_rsqrt = true>
      : (tensor<1x3x24xf32>) -> tensor<1x3x8xf32> loc("deferred")
  %2 = pi.attention %qkv temperature %t heads 2 scale 0.5 causal
      evaluation <heads_per_product = 2, temperature_by_product = true,
                  exponential = <scale = 0.25, offsets = [1.0, 0.0, 0.5], lowest = -4.0>>
      : (tensor<1x3x24xf32>, tensor<2x3xf32>) -> tensor<1x3x8xf32> loc("merged")
  %3 = pi.cached_attention %row, %cache at %position temperature %t heads 2 scale 0.5
      evaluation <defer_normalization = true, heads_per_product = 2, temperature_by_product = true,
                  exponential = <scale = 0.25, offsets = [1.0, 0.0]>>
      : (tensor<1x1x24xf32>, tensor<2x1x3x8xf32>, tensor<i32>, tensor<2x3xf32>) -> tensor<1x1x8xf32> loc("cached")
  return %0, %1, %2, %3 : tensor<1x3x8xf32>, tensor<1x3x8xf32>, tensor<1x3x8xf32>, tensor<1x1x8xf32>
}

// Rows 0 and 1 see two columns, row 2 sees three: 14 elements for two heads.
// CHECK-LABEL: func.func private @packed.softmax(
// CHECK-NEXT:  %0 = stablehlo.slice %arg0 [0:1, 0:2, 0:2, 0:2] :
// CHECK-NEXT:  %1 = stablehlo.slice %arg0 [0:1, 0:2, 2:3, 0:3] :
// Both blocks are one step of the tree of maxima.
// CHECK:       stablehlo.maximum {{.*}} : tensor<6xf32>
// CHECK:       stablehlo.maximum {{.*}} : tensor<1x2x1x1xf32>
// CHECK-NOT:   stablehlo.maximum
// CHECK:       [[MASK:%.*]] = stablehlo.concatenate {{.*}} -> tensor<14xi1>
// CHECK:       [[SHIFTED:%.*]] = stablehlo.select [[MASK]], {{.*}} : tensor<14xi1>, tensor<14xf32>
// CHECK-NEXT:  [[POWERS:%.*]] = stablehlo.exponential [[SHIFTED]] : tensor<14xf32>
// CHECK:       stablehlo.select [[MASK]], [[POWERS]],
// CHECK:       stablehlo.divide {{.*}} : tensor<1x2x3xf32>
// CHECK-NOT:   stablehlo.divide
// CHECK:       stablehlo.multiply {{.*}} : tensor<14xf32>
// CHECK:       stablehlo.pad {{.*}}, high = [0, 0, 0, 1], {{.*}} -> tensor<1x2x2x3xf32>
// CHECK-NEXT:  stablehlo.concatenate {{.*}}, dim = 2 : (tensor<1x2x2x3xf32>, tensor<1x2x1x3xf32>) -> tensor<1x2x3x3xf32>

// Rows by themselves have no masked elements: 2 x (1 + 2 + 3) exponentials.
// CHECK-LABEL: func.func private @deferred.softmax(
// CHECK-NOT:   stablehlo.select
// CHECK:       stablehlo.exponential {{.*}} : tensor<12xf32>
// CHECK-NOT:   stablehlo.multiply
// CHECK-LABEL: func.func private @deferred.reciprocal(%arg0: tensor<1x2x3x3xf32>) -> tensor<1x2x3xf32> {
// CHECK:       [[SUMS:%.*]] = stablehlo.reduce(%arg0
// CHECK-NEXT:  [[ROOT:%.*]] = stablehlo.rsqrt [[SUMS]]
// CHECK-NEXT:  [[GUESS:%.*]] = stablehlo.multiply [[ROOT]], [[ROOT]]
// CHECK-NEXT:  [[PRODUCT:%.*]] = stablehlo.multiply [[SUMS]], [[GUESS]]
// CHECK-NEXT:  [[TWO:%.*]] = stablehlo.constant dense<2.000000e+00>
// CHECK-NEXT:  [[REST:%.*]] = stablehlo.subtract [[TWO]], [[PRODUCT]]
// CHECK-NEXT:  stablehlo.multiply [[GUESS]], [[REST]]
// CHECK-LABEL: func.func private @deferred.context(
// CHECK:       [[CONTEXT:%.*]] = stablehlo.reshape {{.*}} -> tensor<1x3x8xf32>
// CHECK-NEXT:  stablehlo.transpose %arg2, dims = [0, 2, 1] : (tensor<1x2x3xf32>) -> tensor<1x3x2xf32>
// CHECK:       stablehlo.multiply [[CONTEXT]], {{.*}} : tensor<1x3x8xf32>

// CHECK-LABEL: func.func private @merged.factor(%arg0: tensor<2x3xf32>) -> tensor<1x1x3x6xf32> {
// CHECK:       stablehlo.compare EQ, {{.*}} -> tensor<1x1x3x2x3xi1>
// CHECK-LABEL: func.func private @merged.scores(
// CHECK:       stablehlo.pad {{.*}}, low = [0, 0, 0, 0], high = [0, 0, 0, 4],
// CHECK:       stablehlo.pad {{.*}}, low = [0, 0, 0, 4], high = [0, 0, 0, 0],
// CHECK:       stablehlo.dot_general {{.*}} : (tensor<1x3x6xf32>, tensor<1x6x8xf32>) -> tensor<1x3x8xf32>
// The chain's factor is in the keys.
// CHECK:       [[SCALE:%.*]] = stablehlo.constant dense<2.500000e-01>
// CHECK-NEXT:  stablehlo.multiply {{.*}}, [[SCALE]]
// CHECK:       stablehlo.dot_general {{.*}} : (tensor<1x3x8xf32>, tensor<1x6x8xf32>) -> tensor<1x3x6xf32>
// CHECK-LABEL: func.func private @merged.softmax(
// CHECK:       [[LOWEST:%.*]] = stablehlo.constant dense<-1.000000e+00>
// CHECK-NEXT:  stablehlo.maximum {{.*}}, [[LOWEST]]
// CHECK-NEXT:  stablehlo.constant dense<1.000000e+00>
// CHECK-NEXT:  [[Z0:%.*]] = stablehlo.add
// CHECK-NEXT:  [[Z1:%.*]] = stablehlo.multiply [[Z0]], [[Z0]]
// An offset of 0 is not added.
// CHECK-NEXT:  [[Z2:%.*]] = stablehlo.multiply [[Z1]], [[Z1]]
// CHECK-NEXT:  stablehlo.constant dense<5.000000e-01>
// CHECK-NEXT:  stablehlo.add [[Z2]]
// CHECK-NOT:   stablehlo.exponential
// CHECK-LABEL: func.func private @merged.context(
// CHECK:       stablehlo.dot_general {{.*}} : (tensor<1x3x6xf32>, tensor<1x6x8xf32>) -> tensor<1x3x8xf32>

// The factors of a row are found by its position.
// CHECK-LABEL: func.func private @cached.factor(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
// CHECK-LABEL: func.func private @cached.scores(
// CHECK:       stablehlo.dynamic_slice %arg2, {{.*}}, %arg3, sizes = [2, 1]
// CHECK:       stablehlo.dot_general {{.*}} : (tensor<1x1x2xf32>, tensor<1x2x8xf32>) -> tensor<1x1x8xf32>
// CHECK:       [[SCALE:%.*]] = stablehlo.constant dense<2.500000e-01>
// CHECK-NEXT:  stablehlo.multiply {{.*}}, [[SCALE]]
// CHECK:       stablehlo.dot_general {{.*}} : (tensor<1x1x8xf32>, tensor<1x6x8xf32>) -> tensor<1x1x6xf32>
// CHECK-LABEL: func.func private @cached.softmax(
// CHECK-NOT:   stablehlo.exponential
// CHECK-NOT:   stablehlo.divide
// CHECK-LABEL: func.func private @cached.reciprocal(%arg0: tensor<1x2x1x3xf32>) -> tensor<1x2x1xf32> {
// CHECK:       stablehlo.divide
// CHECK-LABEL: func.func private @cached.context(
// CHECK:       stablehlo.dot_general {{.*}} : (tensor<1x1x6xf32>, tensor<1x6x8xf32>) -> tensor<1x1x8xf32>
// CHECK:       stablehlo.multiply {{.*}} : tensor<1x1x8xf32>
