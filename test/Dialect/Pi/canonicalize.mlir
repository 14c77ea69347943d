// RUN: pi-opt %s --canonicalize --split-input-file | FileCheck %s

// x + 0 is x, in either width of 0; 0 + x is not touched (a constant is only
// ever the broadcast side).
// CHECK-LABEL: func.func @add_zero
func.func @add_zero(%x: tensor<1x16x64xf32>) -> (tensor<1x16x64xf32>, tensor<1x16x64xf32>, tensor<1x16x64xf32>) {
  %zero = arith.constant dense<0.0> : tensor<64xf32>
  %full = arith.constant dense<0.0> : tensor<1x16x64xf32>
  %one = arith.constant dense<1.0> : tensor<64xf32>
  // CHECK: %[[Y:.*]] = pi.add %[[X:.*]], %{{.*}}
  %0 = pi.add %x, %zero : (tensor<1x16x64xf32>, tensor<64xf32>) -> tensor<1x16x64xf32>
  %1 = pi.add %x, %full : (tensor<1x16x64xf32>, tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
  %2 = pi.add %x, %one : (tensor<1x16x64xf32>, tensor<64xf32>) -> tensor<1x16x64xf32>
  // CHECK: return %[[X]], %[[X]], %[[Y]]
  return %0, %1, %2 : tensor<1x16x64xf32>, tensor<1x16x64xf32>, tensor<1x16x64xf32>
}

// -----

// CHECK-LABEL: func.func @linear_zero_bias
func.func @linear_zero_bias(%x: tensor<1x16x64xf32>, %w: tensor<64x64xf32>) -> (tensor<1x16x64xf32>, tensor<1x16x64xf32>) {
  %zero = arith.constant dense<0.0> : tensor<64xf32>
  %one = arith.constant dense<1.0> : tensor<64xf32>
  // CHECK: pi.linear %{{.*}}, %{{.*}} transposed :
  %0 = pi.linear %x, %w bias %zero transposed : (tensor<1x16x64xf32>, tensor<64x64xf32>, tensor<64xf32>) -> tensor<1x16x64xf32>
  // CHECK: pi.linear %{{.*}}, %{{.*}} bias
  %1 = pi.linear %x, %w bias %one : (tensor<1x16x64xf32>, tensor<64x64xf32>, tensor<64xf32>) -> tensor<1x16x64xf32>
  return %0, %1 : tensor<1x16x64xf32>, tensor<1x16x64xf32>
}

// -----

// CHECK-LABEL: func.func @relu_twice
func.func @relu_twice(%x: tensor<4xf32>) -> tensor<4xf32> {
  // CHECK: %[[Y:.*]] = pi.relu
  // CHECK-NEXT: return %[[Y]]
  %0 = pi.relu %x : tensor<4xf32>
  %1 = pi.relu %0 : tensor<4xf32>
  return %1 : tensor<4xf32>
}

// -----

// 0 + 1 x is x, also with zeros of higher degrees; 0 + 2 x is not, nor is 1.
// CHECK-LABEL: func.func @polynomial
func.func @polynomial(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %0 = pi.polynomial %x coefficients [0.0, 1.0] : tensor<4xf32>
  %1 = pi.polynomial %x coefficients [0.0, 1.0, 0.0] : tensor<4xf32>
  // CHECK: %[[Y:.*]] = pi.polynomial %[[X:.*]] coefficients [0.000000e+00, 2.000000e+00]
  %2 = pi.polynomial %x coefficients [0.0, 2.0] : tensor<4xf32>
  // CHECK: %[[Z:.*]] = pi.polynomial %[[X]] coefficients [1.000000e+00]
  %3 = pi.polynomial %x coefficients [1.0] : tensor<4xf32>
  // CHECK: return %[[X]], %[[X]], %[[Y]], %[[Z]]
  return %0, %1, %2, %3 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// -----

// An entropy that nobody reads is not computed; other attributes of the
// attention stay.
// CHECK-LABEL: func.func @unused_entropy
func.func @unused_entropy(%qkv: tensor<1x16x192xf32>, %t: tensor<4x16xf32>) -> (tensor<1x16x64xf32>, tensor<1x16x64xf32>, tensor<1x4x16xf32>) {
  // CHECK: pi.attention %{{.*}} temperature %{{.*}} heads 4 scale 2.500000e-01 causal evaluation <pack_rows = 4> {test.note = "kept"} : (tensor<1x16x192xf32>, tensor<4x16xf32>) -> tensor<1x16x64xf32>
  %0, %e0 = pi.attention %qkv temperature %t heads 4 scale 0.25 causal evaluation <pack_rows = 4> {test.note = "kept"} : (tensor<1x16x192xf32>, tensor<4x16xf32>) -> (tensor<1x16x64xf32>, tensor<1x4x16xf32>)
  // CHECK: pi.attention %{{.*}} heads 2 scale 5.000000e-01 evaluation <defer_normalization = true> : (tensor<1x16x192xf32>) -> (tensor<1x16x64xf32>, tensor<1x2x16xf32>)
  %1, %e1 = pi.attention %qkv heads 2 scale 0.5 evaluation <defer_normalization = true> : (tensor<1x16x192xf32>) -> (tensor<1x16x64xf32>, tensor<1x2x16xf32>)
  %2 = builtin.unrealized_conversion_cast %e1 : tensor<1x2x16xf32> to tensor<1x4x16xf32>
  return %0, %1, %2 : tensor<1x16x64xf32>, tensor<1x16x64xf32>, tensor<1x4x16xf32>
}

// -----

// A load that nobody reads goes, and so does a penalty; what joins the loss
// stays.
pi.parameter @w : tensor<4xf32>
// CHECK-LABEL: func.func @effects
func.func @effects(%e: tensor<1x4x16xf32>, %theta: tensor<4xf32>) {
  // CHECK-NOT: pi.load
  %0 = pi.load @w : tensor<4xf32>
  // CHECK: %[[P:.*]] = pi.entropy_penalty {{.*}} reading per_head
  // CHECK-NEXT: pi.add_loss %[[P]]
  %p = pi.entropy_penalty %e, %theta reading per_head gamma 0.2 lambda 1.0e-5 : (tensor<1x4x16xf32>, tensor<4xf32>) -> tensor<f32>
  pi.add_loss %p : tensor<f32>
  // CHECK-NOT: pi.entropy_penalty
  %q = pi.entropy_penalty %e, %theta reading per_row gamma 0.2 lambda 1.0e-5 : (tensor<1x4x16xf32>, tensor<4xf32>) -> tensor<f32>
  return
}

// -----

// A sum over no dimension.
// CHECK-LABEL: func.func @reduce_nothing
func.func @reduce_nothing(%x: tensor<3x4xf32>) -> tensor<3x4xf32> {
  // CHECK: return %arg0
  %0 = pi.reduce_leading %x : (tensor<3x4xf32>) -> tensor<3x4xf32>
  return %0 : tensor<3x4xf32>
}

// -----

// Of what attention gives for each row, what is read stays.
// CHECK-LABEL: func.func @unused_log_sum_exp
func.func @unused_log_sum_exp(%qkv: tensor<1x16x192xf32>) -> (tensor<1x16x64xf32>, tensor<1x4x16xf32>, tensor<1x4x16xf32>) {
  // CHECK: pi.attention {{.*}} -> (tensor<1x16x64xf32>, tensor<1x4x16xf32>)
  %0, %e0, %l0 = pi.attention %qkv heads 4 scale 0.25 causal : (tensor<1x16x192xf32>) -> (tensor<1x16x64xf32>, tensor<1x4x16xf32>, log_sum_exp tensor<1x4x16xf32>)
  // CHECK: pi.attention {{.*}} -> (tensor<1x16x64xf32>, log_sum_exp tensor<1x4x16xf32>)
  %1, %e1, %l1 = pi.attention %qkv heads 4 scale 0.5 causal : (tensor<1x16x192xf32>) -> (tensor<1x16x64xf32>, tensor<1x4x16xf32>, log_sum_exp tensor<1x4x16xf32>)
  return %0, %e0, %l1 : tensor<1x16x64xf32>, tensor<1x4x16xf32>, tensor<1x4x16xf32>
}

// -----

// A product with 1 is its factor, and with another number it is not.
// CHECK-LABEL: func.func @times_one
func.func @times_one(%x: tensor<3x4xf32>) -> (tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>) {
  %one = arith.constant dense<1.0> : tensor<f32>
  %ones = arith.constant dense<1.0> : tensor<4xf32>
  %two = arith.constant dense<2.0> : tensor<f32>
  %0 = pi.mul %x, %one : (tensor<3x4xf32>, tensor<f32>) -> tensor<3x4xf32>
  %1 = pi.mul %x, %ones : (tensor<3x4xf32>, tensor<4xf32>) -> tensor<3x4xf32>
  // CHECK: %[[DOUBLE:.*]] = pi.mul
  %2 = pi.mul %x, %two : (tensor<3x4xf32>, tensor<f32>) -> tensor<3x4xf32>
  // CHECK: return %arg0, %arg0, %[[DOUBLE]]
  return %0, %1, %2 : tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>
}

// -----

// Gradients are computed if one is read.
// CHECK-LABEL: func.func @unused_gradients
func.func @unused_gradients(%x: tensor<3x8xf32>, %w: tensor<8x9xf32>, %t: tensor<3xi32>) -> (tensor<f32>, tensor<f32>, tensor<8x9xf32>) {
  // CHECK: pi.linear_cross_entropy {{.*}} ignore_index -1 chunk 2 : {{.*}} -> tensor<f32>
  %0:3 = pi.linear_cross_entropy %x, %w, %t ignore_index -1 chunk 2 : (tensor<3x8xf32>, tensor<8x9xf32>, tensor<3xi32>) -> (tensor<f32>, tensor<3x8xf32>, tensor<8x9xf32>)
  // CHECK: pi.linear_cross_entropy {{.*}} -> (tensor<f32>, tensor<3x8xf32>, tensor<8x9xf32>)
  %1:3 = pi.linear_cross_entropy %x, %w, %t ignore_index -100 : (tensor<3x8xf32>, tensor<8x9xf32>, tensor<3xi32>) -> (tensor<f32>, tensor<3x8xf32>, tensor<8x9xf32>)
  return %0#0, %1#0, %1#2 : tensor<f32>, tensor<f32>, tensor<8x9xf32>
}

// Rows that are all of the result are the result.

// CHECK-LABEL: func.func @place_rows(
// CHECK-SAME: %[[X:[^:]+]]: tensor<2x4x8xf32>
func.func @place_rows(%x: tensor<2x4x8xf32>) -> (tensor<2x4x8xf32>, tensor<2x5x8xf32>) {
  %0 = pi.place_rows %x : (tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // CHECK-NEXT: %[[PLACED:.+]] = pi.place_rows
  %1 = pi.place_rows %x : (tensor<2x4x8xf32>) -> tensor<2x5x8xf32>
  // CHECK-NEXT: return %[[X]], %[[PLACED]]
  return %0, %1 : tensor<2x4x8xf32>, tensor<2x5x8xf32>
}
