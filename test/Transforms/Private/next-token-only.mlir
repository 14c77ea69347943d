// What one next token needs is evaluated, and everything else as it was. That
// the logits are those of all positions is tested in
// unittests/Torch/ModelsTest.cpp.

// RUN: pi-opt %s --pi-next-token-only -split-input-file | FileCheck %s

pi.parameter @wte : tensor<16x8xf32>
pi.parameter @c_attn : tensor<8x24xf32>

// The first attention is read at every position, the last at one.
// CHECK-LABEL: func.func @forward(
// CHECK-SAME:  %[[POSITION:[a-z0-9]+]]: tensor<i32> {pi.name = "position"}) -> (tensor<2x1x16xf32> {pi.name = "logits"})
// CHECK:       %[[FIRST:.*]] = pi.attention %{{.*}} heads 2 scale 5.000000e-01 causal : {{.*}} -> tensor<2x4x8xf32>
// CHECK:       %[[X:.*]] = pi.add {{.*}}, %[[FIRST]] : (tensor<2x4x8xf32>
// CHECK:       %[[QKV:.*]] = pi.linear %[[X]]
// CHECK-NOT:   pi.attention
// CHECK:       %[[ROW:.*]] = pi.select_position %[[X]] at %[[POSITION]]
// CHECK:       pi.update_cache %{{.*}}, %[[QKV]] :
// CHECK:       pi.cached_attention {{.*}} at %[[POSITION]] heads 2 scale 5.000000e-01 : {{.*}} -> tensor<2x1x8xf32>
// CHECK:       pi.add %[[ROW]], {{.*}} : (tensor<2x1x8xf32>
// CHECK:       pi.linear {{.*}} -> tensor<2x1x16xf32>
func.func @forward(%ids: tensor<2x4xi32> {pi.name = "input_ids"}) -> (tensor<2x4x16xf32> {pi.name = "logits"}) {
  %0 = pi.load @wte : tensor<16x8xf32>
  %1 = pi.load @c_attn : tensor<8x24xf32>
  %2 = pi.embedding %ids, %0 : (tensor<2x4xi32>, tensor<16x8xf32>) -> tensor<2x4x8xf32>
  %3 = pi.linear %2, %1 : (tensor<2x4x8xf32>, tensor<8x24xf32>) -> tensor<2x4x24xf32>
  %4 = pi.attention %3 heads 2 scale 0.5 causal : (tensor<2x4x24xf32>) -> tensor<2x4x8xf32>
  %5 = pi.add %2, %4 : (tensor<2x4x8xf32>, tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  %6 = pi.linear %5, %1 : (tensor<2x4x8xf32>, tensor<8x24xf32>) -> tensor<2x4x24xf32>
  %7 = pi.attention %6 heads 2 scale 0.5 causal : (tensor<2x4x24xf32>) -> tensor<2x4x8xf32>
  %8 = pi.add %5, %7 : (tensor<2x4x8xf32>, tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  %9 = pi.linear %8, %0 transposed : (tensor<2x4x8xf32>, tensor<16x8xf32>) -> tensor<2x4x16xf32>
  return %9 : tensor<2x4x16xf32>
}

// -----

// A row of an attention that is not causal is no decoded token: it stays whole.
pi.parameter @wte : tensor<16x24xf32>

// CHECK-LABEL: func.func @forward(
// CHECK:       %[[ALL:.*]] = pi.attention {{.*}} -> tensor<1x4x8xf32>
// CHECK-NEXT:  %[[ROW:.*]] = pi.select_position %[[ALL]]
// CHECK-NEXT:  pi.relu %[[ROW]] : tensor<1x1x8xf32>
func.func @forward(%ids: tensor<1x4xi32>) -> tensor<1x4x8xf32> {
  %0 = pi.load @wte : tensor<16x24xf32>
  %1 = pi.embedding %ids, %0 : (tensor<1x4xi32>, tensor<16x24xf32>) -> tensor<1x4x24xf32>
  %2 = pi.attention %1 heads 2 scale 0.5 : (tensor<1x4x24xf32>) -> tensor<1x4x8xf32>
  %3 = pi.relu %2 : tensor<1x4x8xf32>
  return %3 : tensor<1x4x8xf32>
}

// -----

// The logits are what normalises the rows, not the context. With as many heads as
// positions both have the same shape.
pi.parameter @wte : tensor<16x12xf32>

// CHECK-LABEL: func.func @forward(
// CHECK:       %{{.*}}, %[[LSE:.*]] = pi.attention {{.*}} log_sum_exp tensor<1x4x4xf32>
// CHECK-NEXT:  %[[ROW:.*]] = pi.select_position %[[LSE]]
// CHECK-NEXT:  pi.relu %[[ROW]] : tensor<1x1x4xf32>
func.func @forward(%ids: tensor<1x4xi32>) -> tensor<1x4x4xf32> {
  %0 = pi.load @wte : tensor<16x12xf32>
  %1 = pi.embedding %ids, %0 : (tensor<1x4xi32>, tensor<16x12xf32>) -> tensor<1x4x12xf32>
  %2, %l = pi.attention %1 heads 4 scale 0.5 causal : (tensor<1x4x12xf32>) -> (tensor<1x4x4xf32>, log_sum_exp tensor<1x4x4xf32>)
  %3 = pi.relu %l : tensor<1x4x4xf32>
  return %3 : tensor<1x4x4xf32>
}

// -----

// The entropy regulariser is for training alone, and does not keep the attention.
pi.parameter @wte : tensor<16x24xf32>
pi.parameter @threshold : tensor<2xf32>

// CHECK-LABEL: func.func @forward(
// CHECK-NOT:   pi.attention
// CHECK-NOT:   pi.entropy_penalty
// CHECK:       pi.cached_attention
// CHECK-NOT:   pi.attention
func.func @forward(%ids: tensor<1x4xi32>) -> tensor<1x4x8xf32> {
  %0 = pi.load @wte : tensor<16x24xf32>
  %1 = pi.embedding %ids, %0 : (tensor<1x4xi32>, tensor<16x24xf32>) -> tensor<1x4x24xf32>
  %2, %e = pi.attention %1 heads 2 scale 0.5 causal : (tensor<1x4x24xf32>) -> (tensor<1x4x8xf32>, tensor<1x2x4xf32>)
  %t = pi.load @threshold : tensor<2xf32>
  %p = pi.entropy_penalty %e, %t reading per_row gamma 0.2 lambda 1.0e-5
      : (tensor<1x2x4xf32>, tensor<2xf32>) -> tensor<f32>
  pi.add_loss %p : tensor<f32>
  return %2 : tensor<1x4x8xf32>
}

// -----

// An attention goes on as it was evaluated; one row is packed with no others.
pi.parameter @wte : tensor<16x24xf32>

// CHECK-LABEL: func.func @forward(
// CHECK:       pi.cached_attention {{.*}} evaluation <defer_normalization = true, heads_per_product = 2, exponential = <scale = 2.500000e-01, offsets = [1.000000e+00, 0.000000e+00]>> :
func.func @forward(%ids: tensor<1x4xi32>) -> tensor<1x4x8xf32> {
  %0 = pi.load @wte : tensor<16x24xf32>
  %1 = pi.embedding %ids, %0 : (tensor<1x4xi32>, tensor<16x24xf32>) -> tensor<1x4x24xf32>
  %2 = pi.attention %1 heads 2 scale 0.5 causal
      evaluation <pack_rows = 2, defer_normalization = true, heads_per_product = 2, exponential = <scale = 0.25, offsets = [1.0, 0.0]>>
      : (tensor<1x4x24xf32>) -> tensor<1x4x8xf32>
  return %2 : tensor<1x4x8xf32>
}

// -----

// The pass brings the dialect that it needs.
// CHECK-LABEL: func.func @forward(
// CHECK:       pi.select_position
func.func @forward(%ids: tensor<1x4xi32>) -> tensor<1x4x8xf32> {
  %0 = arith.constant dense<0.0> : tensor<1x4x8xf32>
  return %0 : tensor<1x4x8xf32>
}
