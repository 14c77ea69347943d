// RUN: pi-opt %s -split-input-file --convert-pi-to-pirt | FileCheck %s

// The bias, the activation and the residual sum are part of the products; the
// tensor between them is the only buffer.

// CHECK-LABEL: func.func @forward(
// CHECK-SAME: %[[X:[^:]*]]: memref<2x4x64xbf16> {pi.name = "x"}
// CHECK-SAME: %[[Y:[^:]*]]: memref<2x4x64xbf16> {pirt.output = "y"}
func.func @forward(%x: tensor<2x4x64xbf16> {pi.name = "x"}, %w: tensor<64x256xbf16> {pi.parameter = @c_fc.weight},
                   %b: tensor<256xbf16> {pi.parameter = @c_fc.bias}, %v: tensor<256x64xbf16> {pi.parameter = @c_proj.weight},
                   %c: tensor<64xbf16> {pi.parameter = @c_proj.bias}) -> (tensor<2x4x64xbf16> {pi.name = "y"}) {
  // CHECK: %[[H:.*]] = pirt.alloc : memref<2x4x256xbf16>
  // CHECK-NEXT: pirt.gemm %[[X]], %{{.*}} bias %{{.*}} epilogue {{ *}}gelu_tanh into %[[H]]
  // CHECK-NEXT: pirt.gemm %[[H]], %{{.*}} bias %{{.*}} plus %[[X]] into %[[Y]]
  // CHECK-NEXT: return
  %0 = pi.linear %x, %w bias %b : (tensor<2x4x64xbf16>, tensor<64x256xbf16>, tensor<256xbf16>) -> tensor<2x4x256xbf16>
  %1 = pi.gelu %0 approximate tanh : tensor<2x4x256xbf16>
  %2 = pi.linear %1, %v bias %c : (tensor<2x4x256xbf16>, tensor<256x64xbf16>, tensor<64xbf16>) -> tensor<2x4x64xbf16>
  %3 = pi.add %x, %2 : (tensor<2x4x64xbf16>, tensor<2x4x64xbf16>) -> tensor<2x4x64xbf16>
  return %3 : tensor<2x4x64xbf16>
}

// -----

// The head: rows of 33 elements are padded, as is the weight, which cuBLASLt has
// no fast algorithm for otherwise; and a product that is extended to f32 is
// never rounded.

// CHECK-LABEL: func.func @forward(
// CHECK-SAME: memref<40x64xbf16> {pi.parameter = @wte.weight}
// CHECK-SAME: %[[Y:[^:]*]]: memref<8x33xf32, strided<[64, 1]>> {pirt.output = "logits"}
func.func @forward(%x: tensor<8x64xbf16> {pi.name = "x"}, %t: tensor<33x64xbf16> {pi.parameter = @wte.weight})
    -> (tensor<8x33xf32> {pi.name = "logits"}) {
  // CHECK-NEXT: pirt.gemm %{{.*}}, %{{.*}} transpose_b into %[[Y]] : memref<8x64xbf16>, memref<40x64xbf16> -> memref<8x33xf32, strided<[64, 1]>>
  %0 = pi.linear %x, %t transposed : (tensor<8x64xbf16>, tensor<33x64xbf16>) -> tensor<8x33xbf16>
  %1 = arith.extf %0 : tensor<8x33xbf16> to tensor<8x33xf32>
  return %1 : tensor<8x33xf32>
}

// -----

// Logits that only the plan reads are padded too. A weight with a bias is not.

// CHECK-LABEL: func.func @forward(
// CHECK-SAME: memref<40x64xf32> {pi.parameter = @wte.weight}
// CHECK-SAME: memref<33x64xf32> {pi.parameter = @w}
// CHECK: %[[L:.*]] = pirt.alloc : memref<8x33xf32, strided<[64, 1]>>
// CHECK-NEXT: pirt.gemm %{{.*}}, %{{.*}} transpose_b into %[[L]]
// CHECK-NEXT: pirt.launch @kernels::@argmax
func.func @forward(%x: tensor<8x64xf32> {pi.name = "x"}, %t: tensor<33x64xf32> {pi.parameter = @wte.weight},
                   %w: tensor<33x64xf32> {pi.parameter = @w}, %b: tensor<33xf32> {pi.parameter = @b})
    -> (tensor<8xi32> {pi.name = "next_token"}, tensor<8x33xf32> {pi.name = "y"}) {
  %0 = pi.linear %x, %t transposed : (tensor<8x64xf32>, tensor<33x64xf32>) -> tensor<8x33xf32>
  %1 = pi.argmax %0 : (tensor<8x33xf32>) -> tensor<8xi32>
  %2 = pi.linear %x, %w bias %b transposed : (tensor<8x64xf32>, tensor<33x64xf32>, tensor<33xf32>) -> tensor<8x33xf32>
  return %1, %2 : tensor<8xi32>, tensor<8x33xf32>
}

// -----

// What cuBLASLt does not apply stays outside: the exact GELU, and a residual
// sum after an activation. A product that is read twice is written.

// CHECK-LABEL: func.func @forward(
func.func @forward(%x: tensor<8x64xf32> {pi.name = "x"}, %w: tensor<64x64xf32> {pi.parameter = @w})
    -> (tensor<8x64xf32> {pi.name = "y"}, tensor<8x64xf32> {pi.name = "z"}) {
  // CHECK: pirt.gemm %{{.*}}, %{{.*}} into
  // CHECK: pirt.launch @kernels::@row_gelu_f32_64_{{[0-9a-f]+}} grid [2, 1, 1] block [128, 1, 1] programmatic
  // CHECK: pirt.gemm %{{.*}}, %{{.*}} epilogue {{ *}}relu into
  // CHECK: pirt.launch @kernels::@row_add_f32_64_
  // CHECK: pirt.gemm
  // CHECK-NOT: plus
  // CHECK: pirt.launch @kernels::@row_add_f32_64_
  %0 = pi.linear %x, %w : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
  %1 = pi.gelu %0 approximate none : tensor<8x64xf32>
  %2 = pi.linear %1, %w : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
  %3 = pi.relu %2 : tensor<8x64xf32>
  %4 = pi.add %x, %3 : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  %5 = pi.linear %4, %w : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
  %6 = pi.add %5, %x : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  return %5, %6 : tensor<8x64xf32>, tensor<8x64xf32>
}

// -----

// One row: a kernel that normalises, multiplies, applies GELU and adds.

// CHECK-LABEL: func.func @decode(
// CHECK-NEXT: %[[H:.*]] = pirt.alloc : memref<1x256xbf16>
// CHECK-NEXT: pirt.launch @kernels::@skinny_linear_{{.*}}_gelu_tanh grid {{.*}}(%arg0, %arg3, %arg1, %arg2, %[[H]])
// CHECK-NEXT: pirt.launch @kernels::@skinny_linear_{{.*}}_add grid {{.*}}(%[[H]], %arg4, %arg0, %arg5)
// CHECK-NEXT: return
func.func @decode(%x: tensor<1x64xbf16> {pi.name = "x"}, %g: tensor<64xf32> {pi.parameter = @ln.weight},
                  %b: tensor<64xf32> {pi.parameter = @ln.bias}, %w: tensor<64x256xbf16> {pi.parameter = @w},
                  %v: tensor<256x64xbf16> {pi.parameter = @v}) -> (tensor<1x64xbf16> {pi.name = "y"}) {
  %0 = pi.layer_norm %x, %g, %b epsilon 1.0e-5 : (tensor<1x64xbf16>, tensor<64xf32>, tensor<64xf32>) -> tensor<1x64xbf16>
  %1 = pi.linear %0, %w : (tensor<1x64xbf16>, tensor<64x256xbf16>) -> tensor<1x256xbf16>
  %2 = pi.gelu %1 approximate tanh : tensor<1x256xbf16>
  %3 = pi.linear %2, %v : (tensor<1x256xbf16>, tensor<256x64xbf16>) -> tensor<1x64xbf16>
  %4 = pi.add %x, %3 : (tensor<1x64xbf16>, tensor<1x64xbf16>) -> tensor<1x64xbf16>
  return %4 : tensor<1x64xbf16>
}

// -----

// A sum over no feature is 0, and has as many rows as any other.

// CHECK-LABEL: func.func @forward(
// CHECK: pirt.launch @{{.*}}::@skinny_linear_f32_f32_r4_k0_n8
func.func @forward(%x: tensor<1x4x0xf32> {pi.name = "x"}, %w: tensor<0x8xf32> {pi.parameter = @w}) -> (tensor<1x4x8xf32> {pi.name = "y"}) {
  %0 = pi.linear %x, %w : (tensor<1x4x0xf32>, tensor<0x8xf32>) -> tensor<1x4x8xf32>
  return %0 : tensor<1x4x8xf32>
}

// -----

// A kernel for few rows reads its weight before the kernel ahead has ended, so
// a weight that is computed takes a product.
// CHECK-LABEL: func.func @computed_weight(
// CHECK: pirt.launch @kernels::@row_relu
// CHECK-NEXT: pirt.gemm
func.func @computed_weight(%x: tensor<1x64xbf16> {pi.name = "x"}, %w: tensor<64x64xbf16> {pi.name = "w"}) -> (tensor<1x64xbf16> {pi.name = "y"}) {
  %r = pi.relu %w : tensor<64x64xbf16>
  %0 = pi.linear %x, %r : (tensor<1x64xbf16>, tensor<64x64xbf16>) -> tensor<1x64xbf16>
  return %0 : tensor<1x64xbf16>
}
