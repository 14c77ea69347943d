// RUN: pi-opt %s -split-input-file --convert-pi-to-pirt | FileCheck %s
// RUN: pi-opt %s -split-input-file --convert-pi-to-pirt --pi-assemble-cubin | FileCheck %s --check-prefix=ASSEMBLED

// The gradient of a scaled residual is one pass over its tensors: quotient,
// product, the sums of both scalars and of the bias, though a product by
// cuBLASLt stands between them. Products that only a sum reads are not written.
// The blocks' parts are summed by a second kernel.

// CHECK: gpu.func @row_div_mul_mul_reduce_leading_mul_reduce_leading_reduce_leading_f32_768_
// CHECK: scf.for
// CHECK: vector.load {{.*}} {alignment = 16 : i64} : memref<3145728xbf16>, vector<8xbf16>
// CHECK-LABEL: func.func @scaled_residual(
// CHECK-SAME: %[[DY:arg0]]: {{.*}} %[[X:arg1]]: {{.*}} %[[U:arg2]]: {{.*}} %[[ALPHA:arg3]]: {{.*}} %[[BETA:arg4]]: {{.*}} %[[W:arg5]]:
// CHECK-DAG: %[[A:.+]] = pirt.alloc : memref<256x1xf32>
// CHECK-DAG: %[[B:.+]] = pirt.alloc : memref<256x1xf32>
// CHECK-DAG: %[[C:.+]] = pirt.alloc : memref<256x768xf32>
// CHECK: pirt.launch @kernels::@row_div_mul_mul_reduce_leading_mul_reduce_leading_reduce_leading_f32_768_{{[0-9a-f]+}} grid [256, 1, 1] block [256, 1, 1] programmatic(%[[DY]], %[[ALPHA]], %[[BETA]], %[[U]], %[[X]], %arg6, %arg7,
// CHECK-NEXT: pirt.launch @kernels::@sum_of_parts_p256_f32_m1_n1_f32_m1_n1_f32_m1_n768 grid [26, 1, 1] block [512, 1, 1]
// CHECK-NEXT: pirt.launch @kernels::@row_mul_div_f32_1_{{[0-9a-f]+}} grid [1, 1, 1] block [32, 1, 1]
// CHECK-NEXT: pirt.gemm %arg6, %[[W]]
// CHECK-NEXT: return
// ASSEMBLED-COUNT-3: spill_bytes = 0
func.func @scaled_residual(%dy: tensor<32x128x768xbf16> {pi.name = "dy"}, %x: tensor<32x128x768xbf16> {pi.name = "x"}, %u: tensor<32x128x768xbf16> {pi.name = "u"},
                           %alpha: tensor<f32> {pi.name = "alpha"}, %beta: tensor<f32> {pi.name = "beta"}, %w: tensor<768x768xbf16> {pi.name = "w"})
    -> (tensor<32x128x768xbf16> {pi.name = "du"}, tensor<32x128x768xbf16> {pi.name = "dx"}, tensor<f32> {pi.name = "dalpha"}, tensor<f32> {pi.name = "dbeta"},
        tensor<768xf32> {pi.name = "dbias"}, tensor<32x128x768xbf16> {pi.name = "dh"}) {
  %minus = arith.constant dense<-1.0> : tensor<f32>
  %du = pi.div %dy, %alpha : (tensor<32x128x768xbf16>, tensor<f32>) -> tensor<32x128x768xbf16>
  %dx = pi.mul %dy, %beta : (tensor<32x128x768xbf16>, tensor<f32>) -> tensor<32x128x768xbf16>
  %0 = pi.mul %du, %u : (tensor<32x128x768xbf16>, tensor<32x128x768xbf16>) -> tensor<32x128x768xbf16>
  %1 = pi.reduce_leading %0 : (tensor<32x128x768xbf16>) -> tensor<f32>
  %2 = pi.mul %1, %minus : (tensor<f32>, tensor<f32>) -> tensor<f32>
  %dalpha = pi.div %2, %alpha : (tensor<f32>, tensor<f32>) -> tensor<f32>
  %3 = pi.mul %dy, %x : (tensor<32x128x768xbf16>, tensor<32x128x768xbf16>) -> tensor<32x128x768xbf16>
  %dbeta = pi.reduce_leading %3 : (tensor<32x128x768xbf16>) -> tensor<f32>
  %dh = pi.linear %du, %w : (tensor<32x128x768xbf16>, tensor<768x768xbf16>) -> tensor<32x128x768xbf16>
  %dbias = pi.reduce_leading %du : (tensor<32x128x768xbf16>) -> tensor<768xf32>
  return %du, %dx, %dalpha, %dbeta, %dbias, %dh : tensor<32x128x768xbf16>, tensor<32x128x768xbf16>, tensor<f32>, tensor<f32>, tensor<768xf32>, tensor<32x128x768xbf16>
}

// -----

// The gradient of a LayerNorm, the residual sum behind it and the sum of that
// over the batch share a kernel. Each position is summed by two blocks, whose
// parts are those of all sums.

// CHECK: gpu.func @row_layer_norm_grad_add_reduce_leading_f32_64_
// CHECK: vector.load {{.*}} {alignment = 16 : i64} : memref<262144xbf16>, vector<8xbf16>
// CHECK: gpu.barrier
// CHECK-LABEL: func.func @layer_norm(
// CHECK-NEXT: %[[P0:.+]] = pirt.alloc : memref<256x64xf32>
// CHECK-NEXT: %[[P1:.+]] = pirt.alloc : memref<256x64xf32>
// CHECK-NEXT: %[[P2:.+]] = pirt.alloc : memref<256x64xf32>
// CHECK-NEXT: pirt.launch @kernels::@row_layer_norm_grad_add_reduce_leading_f32_64_{{[0-9a-f]+}} grid [256, 1, 1] block [256, 1, 1] programmatic(%arg0, %arg1, %arg3, %arg2, %arg4, %[[P0]], %[[P1]], %[[P2]])
// CHECK-NEXT: pirt.launch @kernels::@sum_of_parts_p256_f32_m1_n64_f32_m1_n64_f32_m128_n64 grid [260, 1, 1] block [512, 1, 1] programmatic(%[[P0]], %[[P1]], %[[P2]], %arg5, %arg6, %arg7)
// CHECK-NEXT: return
// ASSEMBLED-COUNT-2: spill_bytes = 0
func.func @layer_norm(%dy: tensor<32x128x64xbf16> {pi.name = "dy"}, %x: tensor<32x128x64xbf16> {pi.name = "x"}, %r: tensor<32x128x64xbf16> {pi.name = "r"}, %w: tensor<64xf32> {pi.name = "w"})
    -> (tensor<32x128x64xbf16> {pi.name = "y"}, tensor<64xf32> {pi.name = "dw"}, tensor<64xf32> {pi.name = "db"}, tensor<128x64xf32> {pi.name = "dp"}) {
  %dx, %dw, %db = pi.layer_norm_grad %dy, %x, %w epsilon 1.0e-5
      : (tensor<32x128x64xbf16>, tensor<32x128x64xbf16>, tensor<64xf32>) -> (tensor<32x128x64xbf16>, tensor<64xf32>, tensor<64xf32>)
  %y = pi.add %r, %dx : (tensor<32x128x64xbf16>, tensor<32x128x64xbf16>) -> tensor<32x128x64xbf16>
  %dp = pi.reduce_leading %y : (tensor<32x128x64xbf16>) -> tensor<128x64xf32>
  return %y, %dw, %db, %dp : tensor<32x128x64xbf16>, tensor<64xf32>, tensor<64xf32>, tensor<128x64xf32>
}

// -----

// A sum over few rows is complete in its blocks and needs no second kernel, but
// one over more rows beside it does. Reading a sum takes another kernel.

// CHECK-LABEL: func.func @positions(
// CHECK-NEXT: %[[SUM:.+]] = pirt.alloc : memref<1024x64xf32>
// CHECK-NEXT: %[[PARTS:.+]] = pirt.alloc : memref<1024x64xf32>
// CHECK-NEXT: pirt.launch @kernels::@row_reduce_leading_reduce_leading_f32_64_{{[0-9a-f]+}} grid [1024, 1, 1] block [64, 1, 1] programmatic(%arg0, %[[SUM]], %[[PARTS]])
// CHECK-NEXT: pirt.launch @kernels::@sum_of_parts_p1024_f32_m1_n64 grid [2, 1, 1] block [512, 1, 1] programmatic(%[[PARTS]], %arg2)
// CHECK-NEXT: pirt.launch @kernels::@row_place_rows_f32_64_{{[0-9a-f]+}} grid [512, 1, 1] block [128, 1, 1] programmatic(%[[SUM]], %arg1)
// CHECK-NEXT: return
func.func @positions(%x: tensor<2x1024x64xbf16> {pi.name = "x"}) -> (tensor<2048x64xf32> {pi.name = "y"}, tensor<64xf32> {pi.name = "z"}) {
  %0 = pi.reduce_leading %x : (tensor<2x1024x64xbf16>) -> tensor<1024x64xf32>
  %1 = pi.place_rows %0 : (tensor<1024x64xf32>) -> tensor<2048x64xf32>
  %2 = pi.reduce_leading %x : (tensor<2x1024x64xbf16>) -> tensor<64xf32>
  return %1, %2 : tensor<2048x64xf32>, tensor<64xf32>
}

// -----

// A gather reads what is in memory, and a change of shape in between does not
// part a run. Constants are part of the code; one that is returned is written.

// CHECK: gpu.func @row_truncf_mul_bf16_64_
// CHECK: arith.constant 2.500000e-01 : f32
// CHECK: gpu.func @row_embedding_bf16_64_
// CHECK: gpu.func @row_constant_f32_64_
// CHECK-LABEL: func.func @constants(
// CHECK-NEXT: %[[TABLE:.+]] = pirt.alloc : memref<32x64xbf16>
// CHECK-NEXT: pirt.launch @kernels::@row_truncf_mul_bf16_64_{{[0-9a-f]+}} grid [8, 1, 1] block [128, 1, 1] programmatic(%arg0, %[[TABLE]])
// CHECK-NEXT: pirt.launch @kernels::@row_embedding_bf16_64_{{[0-9a-f]+}} grid [8, 1, 1] block [128, 1, 1] programmatic(%arg1, %[[TABLE]], %arg2)
// CHECK-NEXT: pirt.launch @kernels::@row_constant_f32_64_{{[0-9a-f]+}} grid [1, 1, 1] block [32, 1, 1] programmatic(%arg3)
func.func @constants(%x: tensor<32x64xf32> {pi.name = "x"}, %ids: tensor<4x8xi32> {pi.name = "ids"})
    -> (tensor<4x8x64xbf16> {pi.name = "y"}, tensor<64xf32> {pi.name = "z"}) {
  %c = arith.constant dense<0.25> : tensor<64xf32>
  %shaped = tensor.expand_shape %x [[0, 1], [2]] output_shape [4, 8, 64] : tensor<32x64xf32> into tensor<4x8x64xf32>
  %0 = arith.truncf %shaped : tensor<4x8x64xf32> to tensor<4x8x64xbf16>
  %flat = tensor.collapse_shape %0 [[0, 1], [2]] : tensor<4x8x64xbf16> into tensor<32x64xbf16>
  %1 = pi.mul %flat, %c : (tensor<32x64xbf16>, tensor<64xf32>) -> tensor<32x64xbf16>
  %2 = pi.embedding %ids, %1 : (tensor<4x8xi32>, tensor<32x64xbf16>) -> tensor<4x8x64xbf16>
  return %2, %c : tensor<4x8x64xbf16>, tensor<64xf32>
}
