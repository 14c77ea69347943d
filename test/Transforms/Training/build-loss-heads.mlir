// RUN: pi-opt %s --split-input-file --pi-build-loss=ignore-index=-1 | FileCheck %s
// RUN: pi-opt %s --split-input-file --pi-build-evaluation=ignore-index=-1 | FileCheck %s --check-prefix=EVALUATE

// Logits that are a product are not computed as a whole.
// CHECK-LABEL: func.func @forward
// CHECK: pi.linear
// CHECK-LABEL: func.func @loss
// CHECK-SAME: %[[X:[^:]*]]: tensor<2x3x8xf32>, %[[W:[^:]*]]: tensor<9x8xf32>, %[[T:[^:]*]]: tensor<2x3xi32>
// CHECK-NOT: pi.linear %
// CHECK: %[[LOSS:.*]] = pi.linear_cross_entropy %[[X]], %[[W]] transposed, %[[T]] ignore_index -1 :
// CHECK: return %[[LOSS]]
// EVALUATE-LABEL: func.func @evaluate
// EVALUATE-NOT: pi.linear %
// EVALUATE: pi.linear_cross_entropy {{.*}} transposed, {{.*}} ignore_index -1 :
func.func @forward(%x: tensor<2x3x8xf32>, %w: tensor<9x8xf32>) -> tensor<2x3x9xf32> {
  %0 = pi.linear %x, %w transposed : (tensor<2x3x8xf32>, tensor<9x8xf32>) -> tensor<2x3x9xf32>
  return %0 : tensor<2x3x9xf32>
}

// -----

// A weight that stands the other way round; the logits have another reader.
// CHECK-LABEL: func.func @loss
// CHECK: %[[Y:.*]] = pi.linear
// CHECK: %[[SUM:.*]] = pi.reduce_leading %[[Y]]
// CHECK: %[[CE:.*]] = pi.linear_cross_entropy %{{[^,]*}}, %{{[^,]*}}, %{{.*}} ignore_index -1 :
// CHECK: pi.add %[[CE]], %[[SUM]]
func.func @forward(%x: tensor<2x3x8xf32>, %w: tensor<8x9xf32>) -> tensor<2x3x9xf32> {
  %0 = pi.linear %x, %w : (tensor<2x3x8xf32>, tensor<8x9xf32>) -> tensor<2x3x9xf32>
  %1 = pi.reduce_leading %0 : (tensor<2x3x9xf32>) -> tensor<f32>
  pi.add_loss %1 : tensor<f32>
  return %0 : tensor<2x3x9xf32>
}

// -----

// A bias has a gradient of its own.
// CHECK-LABEL: func.func @loss
// CHECK: %[[Y:.*]] = pi.linear
// CHECK: pi.cross_entropy %[[Y]], %{{.*}} ignore_index -1 :
// EVALUATE: %[[Y:.*]] = pi.linear %
// EVALUATE: pi.cross_entropy %[[Y]], %{{.*}} ignore_index -1 :
func.func @forward(%x: tensor<2x3x8xf32>, %w: tensor<8x9xf32>, %b: tensor<9xf32>) -> tensor<2x3x9xf32> {
  %0 = pi.linear %x, %w bias %b : (tensor<2x3x8xf32>, tensor<8x9xf32>, tensor<9xf32>) -> tensor<2x3x9xf32>
  return %0 : tensor<2x3x9xf32>
}
