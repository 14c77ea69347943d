// RUN: pi-opt %s --convert-pi-to-pirt | FileCheck %s
// RUN: pi-opt %s --convert-pi-to-pirt --pi-assemble-cubin -o %t.cubin.mlir
// RUN: pi-opt %s --convert-pi-to-pirt --pirt-plan-memory --pirt-export-plan=output=%t && FileCheck %s --check-prefix=PLAN < %t

// All parameters are rounded by one launch, which finds them through a table. A
// weight that a product takes padded has rows of zeros behind its own. Products
// are computed by cuBLASLt however few rows they have, because the weight is
// computed here.
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[X:[^:]*]]: memref<1x4x8xbf16> {pi.name = "x"}, %[[W:[^:]*]]: memref<8x16xf32> {pi.parameter = @w}, %[[TABLE:[^:]*]]: memref<17x16xf32> {pi.parameter = @table}, %[[B:[^:]*]]: memref<16xf32>
// CHECK-SAME: %[[Z:[^:]*]]: memref<1x4x17xbf16, {{.*}}> {pirt.output = "z"}, %[[DW:[^:]*]]: memref<8x16xf32> {pirt.output = "gradient.w"}
// CHECK: %[[W16:.*]] = pirt.alloc : memref<8x16xbf16>
// CHECK: %[[B16:.*]] = pirt.alloc : memref<16xbf16>
// CHECK: %[[TABLE16:.*]] = pirt.alloc : memref<24x16xbf16>
// CHECK: pirt.launch @kernels::@round_tensors_{{.*}} grid [3, 1, 1] block [256, 1, 1] shared 16() table(%[[W]], %[[B]], %[[TABLE]], %[[W16]], %[[B16]], %[[TABLE16]])
// CHECK: pirt.gemm %[[X]], %[[W16]] bias %[[B16]] into %[[Y:.*]] : memref<1x4x8xbf16>
// CHECK: pirt.gemm %[[Y]], %[[TABLE16]] transpose_b into %[[Z]]
// CHECK: pirt.gemm %[[X]] transpose_a, %[[Y]] into %[[DW]] : memref<1x4x8xbf16>, memref<1x4x16xbf16> -> memref<8x16xf32>
// PLAN: "table": [
// PLAN: "space": "parameter"
func.func @gradients(%x: tensor<1x4x8xbf16> {pi.name = "x"}, %w: tensor<8x16xf32> {pi.parameter = @w},
                     %table: tensor<17x16xf32> {pi.parameter = @table}, %b: tensor<16xf32> {pi.parameter = @b})
    -> (tensor<1x4x17xbf16> {pi.name = "z"}, tensor<8x16xf32> {pi.gradient = @w}) attributes {pi.training} {
  %w16 = arith.truncf %w : tensor<8x16xf32> to tensor<8x16xbf16>
  %b16 = arith.truncf %b : tensor<16xf32> to tensor<16xbf16>
  %table16 = arith.truncf %table : tensor<17x16xf32> to tensor<17x16xbf16>
  %y = pi.linear %x, %w16 bias %b16 : (tensor<1x4x8xbf16>, tensor<8x16xbf16>, tensor<16xbf16>) -> tensor<1x4x16xbf16>
  %z = pi.linear %y, %table16 transposed : (tensor<1x4x16xbf16>, tensor<17x16xbf16>) -> tensor<1x4x17xbf16>
  %rows = tensor.collapse_shape %x [[0, 1], [2]] : tensor<1x4x8xbf16> into tensor<4x8xbf16>
  %gradients = tensor.collapse_shape %y [[0, 1], [2]] : tensor<1x4x16xbf16> into tensor<4x16xbf16>
  %dw = pi.matmul %rows transposed, %gradients : (tensor<4x8xbf16>, tensor<4x16xbf16>) -> tensor<8x16xf32>
  return %z, %dw : tensor<1x4x17xbf16>, tensor<8x16xf32>
}

// What runs again stays where it is read, though all it reads is known before:
// early, it would take the memory that it is there to save.
// CHECK-LABEL: func.func @recomputed(
// CHECK: pirt.gemm {{.*}} into %[[U:[^ ]*]] :
// CHECK: pirt.launch @kernels::@row_gelu_bf16_{{.*}}(%[[U]], %[[A:[^)]*]])
// CHECK: pirt.gemm %[[A]]
// CHECK-NEXT: pirt.launch @kernels::@row_gelu_mul_bf16_
func.func @recomputed(%x: tensor<64x64xbf16> {pi.name = "x"}, %w: tensor<64x64xbf16> {pi.parameter = @w})
    -> (tensor<64x64xbf16> {pi.name = "z"}) attributes {pi.training} {
  %u = pi.linear %x, %w : (tensor<64x64xbf16>, tensor<64x64xbf16>) -> tensor<64x64xbf16>
  %a = pi.gelu %u approximate tanh : tensor<64x64xbf16>
  %y = pi.linear %a, %w : (tensor<64x64xbf16>, tensor<64x64xbf16>) -> tensor<64x64xbf16>
  %a2 = pi.gelu %u approximate tanh {pi.recomputed} : tensor<64x64xbf16>
  %z = pi.mul %y, %a2 : (tensor<64x64xbf16>, tensor<64x64xbf16>) -> tensor<64x64xbf16>
  return %z : tensor<64x64xbf16>
}
