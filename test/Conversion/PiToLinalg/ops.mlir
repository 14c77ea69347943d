// RUN: pi-opt %s --convert-pi-to-linalg | FileCheck %s --implicit-check-not='= pi.'

// Bias and residual are what the product accumulates onto.
// CHECK-LABEL: func.func @residual
// CHECK-SAME: %[[X:[^:]*]]: tensor<1x4x8xf32>, %[[Y:[^:]*]]: tensor<1x4x16xf32>, %[[W:[^:]*]]: tensor<16x8xf32>, %[[B:[^:]*]]: tensor<8xf32>
func.func @residual(%x: tensor<1x4x8xf32>, %y: tensor<1x4x16xf32>, %w: tensor<16x8xf32>, %b: tensor<8xf32>) -> tensor<1x4x8xf32> {
  // CHECK: %[[ROWS:.*]] = tensor.collapse_shape %[[X]]
  // CHECK: %[[START:.*]] = linalg.generic {{.*}} ins(%[[ROWS]], %[[B]] : tensor<4x8xf32>, tensor<8xf32>)
  // CHECK: linalg.matmul ins(%{{.*}}, %[[W]] : tensor<4x16xf32>, tensor<16x8xf32>) outs(%[[START]] : tensor<4x8xf32>)
  %0 = pi.linear %y, %w bias %b : (tensor<1x4x16xf32>, tensor<16x8xf32>, tensor<8xf32>) -> tensor<1x4x8xf32>
  %1 = pi.add %x, %0 : (tensor<1x4x8xf32>, tensor<1x4x8xf32>) -> tensor<1x4x8xf32>
  return %1 : tensor<1x4x8xf32>
}

// CHECK-LABEL: func.func @vector
func.func @vector(%x: tensor<16xf32>, %w: tensor<8x16xf32>) -> tensor<8xf32> {
  // CHECK: tensor.expand_shape
  // CHECK: linalg.matmul {{.*}} ins(%{{.*}}, %{{.*}} : tensor<1x16xf32>, tensor<8x16xf32>)
  %0 = pi.linear %x, %w transposed : (tensor<16xf32>, tensor<8x16xf32>) -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

// A scalar has no dimension to loop over.
// CHECK-LABEL: func.func @scalar
func.func @scalar(%x: tensor<f32>) -> tensor<f32> {
  // CHECK: linalg.generic {{.*}} iterator_types = []
  %0 = pi.add %x, %x : (tensor<f32>, tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// The first of equal elements: only a larger one replaces it.
// CHECK-LABEL: func.func @argmax
func.func @argmax(%x: tensor<2x8xf32>) -> tensor<2xi32> {
  // CHECK: arith.cmpf ogt
  %0 = pi.argmax %x : (tensor<2x8xf32>) -> tensor<2xi32>
  return %0 : tensor<2xi32>
}

// CHECK-LABEL: func.func @weights
func.func @weights(%w: tensor<8x12xf32>, %g: tensor<4xf32>) -> (tensor<8x12xf32>, tensor<8x12xf32>, tensor<4xf32>) {
  // CHECK: tensor.insert_slice %{{.*}} into %{{.*}}[0, 4] [8, 4]
  %0 = pi.weight_norm %w gain %g columns [4, 8] : (tensor<8x12xf32>, tensor<4xf32>) -> tensor<8x12xf32>
  // CHECK: scf.for
  // CHECK: math.sqrt
  %1 = pi.spectral_norm %w iterations 3 : (tensor<8x12xf32>) -> tensor<8x12xf32>
  // CHECK: linalg.generic {{.*}} iterator_types = ["reduction", "parallel"]
  %2 = pi.column_norm %w columns [0, 4] : (tensor<8x12xf32>) -> tensor<4xf32>
  return %0, %1, %2 : tensor<8x12xf32>, tensor<8x12xf32>, tensor<4xf32>
}

// CHECK-LABEL: func.func @embeddings
func.func @embeddings(%ids: tensor<1x4xi32>, %table: tensor<32x8xf32>, %i: tensor<i32>) -> tensor<1x1x8xf32> {
  // CHECK: scf.forall (%[[B:.*]], %[[T:.*]]) in (1, 4)
  // CHECK: %[[TOKEN:.*]] = tensor.extract %{{.*}}[%[[B]], %[[T]]]
  // CHECK: %[[ROW:.*]] = arith.index_cast %[[TOKEN]]
  // CHECK: tensor.extract_slice %{{.*}}[%[[ROW]], 0] [1, 8]
  %0 = pi.embedding %ids, %table : (tensor<1x4xi32>, tensor<32x8xf32>) -> tensor<1x4x8xf32>
  // CHECK: tensor.extract_slice %{{.*}}[%{{.*}}, 0] [4, 8] [1, 1]
  %1 = pi.position_embedding %table at %i : (tensor<32x8xf32>, tensor<i32>) -> tensor<4x8xf32>
  %2 = pi.add %0, %1 : (tensor<1x4x8xf32>, tensor<4x8xf32>) -> tensor<1x4x8xf32>
  // CHECK: tensor.extract_slice %{{.*}}[0, %{{.*}}, 0] [1, 1, 8]
  %3 = pi.select_position %2 at %i : (tensor<1x4x8xf32>, tensor<i32>) -> tensor<1x1x8xf32>
  return %3 : tensor<1x1x8xf32>
}

// A sum over no feature is 0.
// CHECK-LABEL: func.func @no_features
func.func @no_features(%x: tensor<1x4x0xf32>, %w: tensor<0x8xf32>) -> tensor<1x4x8xf32> {
  // CHECK: %[[ZEROS:.*]] = linalg.fill {{.*}} -> tensor<4x8xf32>
  // CHECK: linalg.matmul {{.*}} outs(%[[ZEROS]] : tensor<4x8xf32>)
  %0 = pi.linear %x, %w : (tensor<1x4x0xf32>, tensor<0x8xf32>) -> tensor<1x4x8xf32>
  return %0 : tensor<1x4x8xf32>
}
