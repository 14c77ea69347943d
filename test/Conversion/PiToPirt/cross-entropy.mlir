// RUN: pi-opt %s -split-input-file --convert-pi-to-pirt --pirt-plan-memory | FileCheck %s
// RUN: pi-opt %s -split-input-file --convert-pi-to-pirt --pi-assemble-cubin | FileCheck %s --check-prefix=ASSEMBLED

// 300 rows in chunks of 128, and a rest of 44. The logits of a chunk, padded
// with the weight to 104 columns, become their gradients; the gradient of the
// weight is a sum that the first chunk starts.
// CHECK-LABEL: func.func @gradients
// CHECK-SAME: %[[X:[^:]*]]: memref<3x100x64xbf16> {{{[^}]*}}}, %[[W:[^:]*]]: memref<104x64xbf16> {{{[^}]*}}}, %[[T:[^:]*]]: memref<3x100xi32> {{{[^}]*}}}, %[[LOSS:[^:]*]]: memref<f32> {{{[^}]*}}}, %[[DX:[^:]*]]: memref<3x100x64xbf16> {{{[^}]*}}}, %[[DW:[^:]*]]: memref<99x64xf32>
// CHECK-DAG: %[[LOSSES:.*]] = pirt.alloc offset {{.*}} : memref<300xf32>
// CHECK-DAG: %[[LOGITS:.*]] = pirt.alloc offset {{.*}} : memref<128x104xbf16>
// CHECK-DAG: %[[COUNT:.*]] = pirt.alloc offset {{.*}} : memref<1xf32>
// CHECK: pirt.launch @kernels::@target_count_m300_iFFFFFF9C grid [1, 1, 1] block [1024, 1, 1] {{.*}}(%[[T]], %[[COUNT]])
// CHECK: %[[X0:.*]] = pirt.view %[[X]] from 0 : memref<3x100x64xbf16> to memref<128x64xbf16>
// CHECK: pirt.gemm %[[X0]], %[[W]] transpose_b into %[[LOGITS]]
// CHECK: %[[T0:.*]] = pirt.view %[[T]] from 0 : memref<3x100xi32> to memref<128xi32>
// CHECK: %[[L0:.*]] = pirt.view %[[LOSSES]] from 0 : memref<300xf32> to memref<128xf32>
// CHECK: pirt.launch @kernels::@cross_entropy_bf16_m128_n99_s104_iFFFFFF9C_losses_result grid [128, 1, 1] {{.*}}(%[[LOGITS]], %[[T0]], %[[COUNT]], %[[L0]], %[[LOGITS]])
// CHECK: %[[DX0:.*]] = pirt.view %[[DX]] from 0 : memref<3x100x64xbf16> to memref<128x64xbf16>
// CHECK: pirt.gemm %[[LOGITS]], %[[W]] into %[[DX0]] : memref<128x104xbf16>, memref<104x64xbf16>
// CHECK: %[[Y0:.*]] = pirt.view %[[LOGITS]] from 0 : memref<128x104xbf16> to memref<128x99xbf16, strided<[104, 1]>>
// CHECK: pirt.gemm %[[Y0]] transpose_a, %[[X0]] into %[[DW]] : {{.*}} -> memref<99x64xf32>
// CHECK: %[[X1:.*]] = pirt.view %[[X]] from 8192
// CHECK: pirt.gemm %{{.*}} transpose_a, %[[X1]] plus %[[DW]] into %[[DW]]
// CHECK: %[[X2:.*]] = pirt.view %[[X]] from 16384 : memref<3x100x64xbf16> to memref<44x64xbf16>
// CHECK: %[[REST:.*]] = pirt.view %[[LOGITS]] from 0 : memref<128x104xbf16> to memref<44x104xbf16>
// CHECK: pirt.gemm %[[X2]], %[[W]] transpose_b into %[[REST]]
// CHECK: pirt.launch {{.*}} grid [44, 1, 1]
// CHECK: pirt.gemm %{{.*}} transpose_a, %[[X2]] plus %[[DW]] into %[[DW]]
// CHECK: pirt.launch @kernels::@mean_loss_m300 {{.*}}(%[[LOSSES]], %[[COUNT]], %[[LOSS]])
// CHECK-NEXT: return
// ASSEMBLED-COUNT-2: spill_bytes = 0
func.func @gradients(%x: tensor<3x100x64xbf16> {pi.name = "x"}, %w: tensor<99x64xbf16> {pi.parameter = @w}, %t: tensor<3x100xi32> {pi.name = "targets"})
    -> (tensor<f32> {pi.name = "loss"}, tensor<3x100x64xbf16> {pi.name = "dx"}, tensor<99x64xf32> {pi.name = "dw"}) {
  %loss, %dx, %dw = pi.linear_cross_entropy %x, %w transposed, %t ignore_index -100 chunk 100
      : (tensor<3x100x64xbf16>, tensor<99x64xbf16>, tensor<3x100xi32>) -> (tensor<f32>, tensor<3x100x64xbf16>, tensor<99x64xf32>)
  return %loss, %dx, %dw : tensor<f32>, tensor<3x100x64xbf16>, tensor<99x64xf32>
}

// -----

// Without gradients: a product and the losses. A weight that is no parameter
// has no padding, so rows of logits are set apart.
// CHECK-LABEL: func.func @loss
// CHECK: pirt.alloc {{.*}} : memref<6x99xf32, strided<[128, 1]>>
// CHECK: pirt.gemm {{.*}} transpose_b into %{{.*}} : memref<6x64xf32>, memref<99x64xf32> -> memref<6x99xf32, strided<[128, 1]>>
// CHECK: pirt.launch @kernels::@cross_entropy_f32_m6_n99_s128_iFFFFFFFF_losses
// CHECK-NOT: pirt.gemm
// CHECK: pirt.launch @kernels::@mean_loss_m6
func.func @loss(%x: tensor<2x3x64xf32> {pi.name = "x"}, %w: tensor<99x64xf32> {pi.name = "w"}, %t: tensor<2x3xi32> {pi.name = "targets"})
    -> (tensor<f32> {pi.name = "loss"}) {
  %loss = pi.linear_cross_entropy %x, %w transposed, %t ignore_index -1
      : (tensor<2x3x64xf32>, tensor<99x64xf32>, tensor<2x3xi32>) -> tensor<f32>
  return %loss : tensor<f32>
}

// -----

// 400 MiB are logits of 4168 rows of 50304 bf16: eight chunks of 4096.
// CHECK-LABEL: func.func @large
// CHECK: pirt.alloc offset 0 : memref<4096x50304xbf16>
// CHECK-COUNT-8: pirt.launch @kernels::@cross_entropy_bf16_m4096_n50304_s50304_iFFFFFF9C_losses_result grid [4096, 1, 1] block [512, 1, 1] shared 100736
// CHECK-NOT: @kernels::@cross_entropy
// CHECK: @kernels::@mean_loss_m32768
func.func @large(%x: tensor<32768x64xbf16> {pi.name = "x"}, %w: tensor<50304x64xbf16> {pi.name = "w"}, %t: tensor<32768xi32> {pi.name = "targets"})
    -> (tensor<f32> {pi.name = "loss"}, tensor<50304x64xf32> {pi.name = "dw"}) {
  %loss, %dx, %dw = pi.linear_cross_entropy %x, %w transposed, %t ignore_index -100
      : (tensor<32768x64xbf16>, tensor<50304x64xbf16>, tensor<32768xi32>) -> (tensor<f32>, tensor<32768x64xbf16>, tensor<50304x64xf32>)
  return %loss, %dw : tensor<f32>, tensor<50304x64xf32>
}

// -----

// The other layout of the weight, and the two operations on logits.
// CHECK-LABEL: func.func @others
// CHECK: pirt.gemm %[[X:.*]], %[[W:.*]] into %[[Y:.*]] : memref<6x64xf32>, memref<64x32xf32> -> memref<6x32xf32>
// CHECK: pirt.gemm %[[Y]], %[[W]] transpose_b into %{{.*}} : memref<6x32xf32>, memref<64x32xf32> -> memref<6x64xf32>
// CHECK: pirt.gemm %[[X]] transpose_a, %[[Y]] into %{{.*}} : memref<6x64xf32>, memref<6x32xf32> -> memref<64x32xf32>
// CHECK: pirt.launch @kernels::@cross_entropy_f32_m6_n64_s64_iFFFFFF9C_losses grid
// CHECK: pirt.launch @kernels::@cross_entropy_f32_m6_n64_s64_iFFFFFF9C_result_gradient grid
func.func @others(%x: tensor<6x64xf32> {pi.name = "x"}, %w: tensor<64x32xf32> {pi.name = "w"}, %t: tensor<6xi32> {pi.name = "targets"}, %g: tensor<f32> {pi.name = "g"})
    -> (tensor<f32> {pi.name = "a"}, tensor<6x64xf32> {pi.name = "b"}, tensor<64x32xf32> {pi.name = "c"}, tensor<f32> {pi.name = "d"}, tensor<6x64xf32> {pi.name = "e"}) {
  %loss, %dx, %dw = pi.linear_cross_entropy %x, %w, %t ignore_index -100
      : (tensor<6x64xf32>, tensor<64x32xf32>, tensor<6xi32>) -> (tensor<f32>, tensor<6x64xf32>, tensor<64x32xf32>)
  %0 = pi.cross_entropy %x, %t ignore_index -100 : (tensor<6x64xf32>, tensor<6xi32>) -> tensor<f32>
  %1 = pi.cross_entropy_grad %g, %x, %t ignore_index -100 : (tensor<f32>, tensor<6x64xf32>, tensor<6xi32>) -> tensor<6x64xf32>
  return %loss, %dx, %dw, %0, %1 : tensor<f32>, tensor<6x64xf32>, tensor<64x32xf32>, tensor<f32>, tensor<6x64xf32>
}

// -----

// The copy of the weight that is rounded to bf16 is padded with rows of zeros,
// so all three products have a multiple of 8 classes. The gradient of the weight
// has room for them, too, which nobody reads.
// CHECK-LABEL: func.func @mixed
// CHECK-DAG: %[[ROUNDED:.*]] = pirt.alloc offset {{.*}} : memref<104x64xbf16>
// CHECK-DAG: %[[DW:.*]] = pirt.alloc offset {{.*}} : memref<104x64xf32>
// CHECK: pirt.gemm %{{.*}}, %[[ROUNDED]] transpose_b into %[[Y:.*]] : memref<6x64xbf16>, memref<104x64xbf16> -> memref<6x104xbf16>
// CHECK: pirt.launch @kernels::@cross_entropy_bf16_m6_n99_s104
// CHECK: pirt.gemm %[[Y]], %[[ROUNDED]] into %{{.*}} : memref<6x104xbf16>, memref<104x64xbf16> -> memref<6x64xbf16>
// CHECK: pirt.gemm %[[Y]] transpose_a, %{{.*}} into %[[DW]] : memref<6x104xbf16>, memref<6x64xbf16> -> memref<104x64xf32>
func.func @mixed(%x: tensor<6x64xbf16> {pi.name = "x"}, %w: tensor<99x64xf32> {pi.parameter = @w}, %t: tensor<6xi32> {pi.name = "targets"}, %g: tensor<99x64xf32> {pi.name = "g"})
    -> (tensor<f32> {pi.name = "loss"}, tensor<6x64xbf16> {pi.name = "dx"}, tensor<99x64xf32> {pi.name = "sum"}) {
  %rounded = arith.truncf %w : tensor<99x64xf32> to tensor<99x64xbf16>
  %loss, %dx, %dw = pi.linear_cross_entropy %x, %rounded transposed, %t ignore_index -100
      : (tensor<6x64xbf16>, tensor<99x64xbf16>, tensor<6xi32>) -> (tensor<f32>, tensor<6x64xbf16>, tensor<99x64xf32>)
  %sum = pi.add %dw, %g : (tensor<99x64xf32>, tensor<99x64xf32>) -> tensor<99x64xf32>
  return %loss, %dx, %sum : tensor<f32>, tensor<6x64xbf16>, tensor<99x64xf32>
}
