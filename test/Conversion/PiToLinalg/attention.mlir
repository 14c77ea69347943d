// Heads are slices of the packed projection and of the result.
// RUN: pi-opt %s --convert-pi-to-linalg --split-input-file | FileCheck %s

// CHECK-LABEL: func.func @attention
// CHECK-SAME: %[[QKV:.*]]: tensor<2x8x48xf32>, %[[T:.*]]: tensor<4x8xf32>
func.func @attention(%qkv: tensor<2x8x48xf32>, %t: tensor<4x8xf32>) -> (tensor<2x8x16xf32>, tensor<2x4x8xf32>) {
  // CHECK: scf.forall (%[[B:.*]], %[[H:.*]]) in (2, 4) shared_outs
  // CHECK: tensor.extract_slice %[[QKV]][%[[B]], 0, %{{.*}}] [1, 8, 4] [1, 1, 1] : tensor<2x8x48xf32> to tensor<8x4xf32>
  // CHECK: linalg.matmul
  // CHECK-SAME: outs(%{{.*}} : tensor<8x8xf32>)
  // CHECK: scf.for %[[ROW:[^ ]*]] =
  // CHECK: tensor.extract %[[T]][%[[H]], %[[ROW]]]
  // CHECK: math.exp
  // CHECK: linalg.matmul ins(%{{.*}}, %{{.*}} : tensor<8x8xf32>, tensor<8x4xf32>)
  // CHECK: math.log
  // CHECK: tensor.parallel_insert_slice %{{.*}} into %{{.*}}[%[[B]], 0, %{{.*}}] [1, 8, 4]
  // CHECK: tensor.parallel_insert_slice %{{.*}} into %{{.*}}[%[[B]], %[[H]], 0] [1, 1, 8]
  %y, %e = pi.attention %qkv temperature %t heads 4 scale 0.5 causal
      : (tensor<2x8x48xf32>, tensor<4x8xf32>) -> (tensor<2x8x16xf32>, tensor<2x4x8xf32>)
  return %y, %e : tensor<2x8x16xf32>, tensor<2x4x8xf32>
}

// -----

// CHECK-LABEL: func.func @cached
// CHECK-SAME: %[[QKV:.*]]: tensor<1x1x48xf32>, %[[CACHE:.*]]: tensor<2x1x8x16xf32>
func.func @cached(%qkv: tensor<1x1x48xf32>, %cache: tensor<2x1x8x16xf32>, %i: tensor<i32>) -> tensor<1x1x16xf32> {
  // The new rows go into the cache at their position.
  // CHECK: tensor.insert_slice %{{.*}} into %[[CACHE]][0, 0, %[[AT:.*]], 0] [1, 1, 1, 16]
  // CHECK: tensor.insert_slice %{{.*}} into %{{.*}}[1, 0, %[[AT]], 0] [1, 1, 1, 16]
  %c = pi.update_cache %cache, %qkv at %i : (tensor<2x1x8x16xf32>, tensor<1x1x48xf32>, tensor<i32>) -> tensor<2x1x8x16xf32>
  // Only cache rows up to the position are read.
  // CHECK: scf.forall
  // CHECK: tensor.extract_slice %{{.*}}[0, %{{.*}}, 0, %{{.*}}] [1, 1, %[[SEEN:.*]], 4] [1, 1, 1, 1] : tensor<2x1x8x16xf32> to tensor<?x4xf32>
  // CHECK: linalg.matmul
  // CHECK-SAME: outs(%{{.*}} : tensor<1x?xf32>)
  %y = pi.cached_attention %qkv, %c at %i heads 4 scale 0.5
      : (tensor<1x1x48xf32>, tensor<2x1x8x16xf32>, tensor<i32>) -> tensor<1x1x16xf32>
  return %y : tensor<1x1x16xf32>
}
