// RUN: pi-opt %s -split-input-file --convert-pi-to-pirt | FileCheck %s
// RUN: pi-opt %s -split-input-file --convert-pi-to-pirt --pi-assemble-cubin | FileCheck %s --check-prefix=ASSEMBLED

// The gradient of an embedding sorts places by token, then sums their rows. No
// atomics.

// CHECK: gpu.func @token_order_n32_v1003
// CHECK: nvvm.match.sync
// CHECK-NOT: atomic
// CHECK: gpu.func @token_sums_bf16_f32_n32_v1003_d64
// CHECK-LABEL: func.func @embedding(
// CHECK-NEXT: %[[COUNTS:.+]] = pirt.alloc : memref<1024xi32>
// CHECK-NEXT: %[[STARTS:.+]] = pirt.alloc : memref<1024xi32>
// CHECK-NEXT: %[[ORDER:.+]] = pirt.alloc : memref<32xi32>
// CHECK-NEXT: pirt.launch @kernels::@token_order_n32_v1003 grid [256, 1, 1] block [512, 1, 1] programmatic(%arg0, %[[COUNTS]], %[[STARTS]], %[[ORDER]])
// CHECK-NEXT: pirt.launch @kernels::@token_sums_bf16_f32_n32_v1003_d64 grid [128, 1, 1] block [256, 1, 1] programmatic(%[[COUNTS]], %[[STARTS]], %[[ORDER]], %arg1, %arg2)
// CHECK-NEXT: return
// ASSEMBLED-COUNT-2: spill_bytes = 0
func.func @embedding(%ids: tensor<2x16xi32> {pi.name = "ids"}, %dy: tensor<2x16x64xbf16> {pi.name = "dy"}) -> (tensor<1003x64xf32> {pi.name = "table"}) {
  %0 = pi.embedding_grad %ids, %dy : (tensor<2x16xi32>, tensor<2x16x64xbf16>) -> tensor<1003x64xf32>
  return %0 : tensor<1003x64xf32>
}

// -----

// A block for each head, whose sums become the penalty.

// CHECK-LABEL: func.func @penalty(
// CHECK-NEXT: %[[PARTS:.+]] = pirt.alloc : memref<4x1xf32>
// CHECK-NEXT: pirt.launch @kernels::@entropy_penalty_f32_per_row_b2_h4_t16_{{[0-9A-Za-z_]+}} grid [4, 1, 1] block [1024, 1, 1] programmatic(%arg1, %arg2, %[[PARTS]])
// CHECK-NEXT: pirt.launch @kernels::@sum_of_parts_p4_f32_m1_n1 grid [1, 1, 1] block [128, 1, 1] programmatic(%[[PARTS]], %arg3)
// CHECK-NEXT: pirt.launch @kernels::@entropy_penalty_grad_f32_per_head_b2_h4_t16_{{[0-9A-Za-z_]+}} grid [4, 1, 1] block [1024, 1, 1] programmatic(%arg0, %arg1, %arg2, %arg4, %arg5)
// CHECK-NEXT: return
// ASSEMBLED-COUNT-3: spill_bytes = 0
func.func @penalty(%g: tensor<f32> {pi.name = "g"}, %e: tensor<2x4x16xf32> {pi.name = "e"}, %t: tensor<4xf32> {pi.name = "t"})
    -> (tensor<f32> {pi.name = "p"}, tensor<2x4x16xf32> {pi.name = "de"}, tensor<4xf32> {pi.name = "dt"}) {
  %0 = pi.entropy_penalty %e, %t reading per_row gamma 0.2 lambda 1.0e-5 : (tensor<2x4x16xf32>, tensor<4xf32>) -> tensor<f32>
  %1, %2 = pi.entropy_penalty_grad %g, %e, %t reading per_head gamma 0.2 lambda 1.0e-5
      : (tensor<f32>, tensor<2x4x16xf32>, tensor<4xf32>) -> (tensor<2x4x16xf32>, tensor<4xf32>)
  return %0, %1, %2 : tensor<f32>, tensor<2x4x16xf32>, tensor<4xf32>
}

// -----

// Rows of an odd length that no linear layer writes stay together.

// CHECK-LABEL: func.func @odd(
// CHECK-SAME: %arg2: memref<8x33xf32> {pirt.output = "dx"}
// CHECK-NEXT: pirt.launch @kernels::@row_relu_grad_f32_33_
func.func @odd(%dy: tensor<8x33xf32> {pi.name = "dy"}, %x: tensor<8x33xf32> {pi.name = "x"}) -> (tensor<8x33xf32> {pi.name = "dx"}) {
  %0 = pi.relu_grad %dy, %x : tensor<8x33xf32>
  return %0 : tensor<8x33xf32>
}
