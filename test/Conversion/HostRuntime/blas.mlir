// RUN: pi-opt %s --convert-linalg-to-blas | FileCheck %s

// CHECK: func.func private @pi_rt_sgemm(i32, i32, i64, i64, i64, f32, !llvm.ptr, i64, !llvm.ptr, i64, f32, !llvm.ptr, i64)

// A fill with zero becomes beta = 0; rows of a slice are further apart.
// CHECK-LABEL: func.func @zero
func.func @zero(%a: memref<8x48xf32>, %b: memref<4x8xf32>, %c: memref<8x8xf32>) {
  %zero = arith.constant 0.0 : f32
  %part = memref.subview %a[0, 16] [8, 4] [1, 1] : memref<8x48xf32> to memref<8x4xf32, strided<[48, 1], offset: 16>>
  // CHECK-NOT: linalg
  // CHECK: call @pi_rt_sgemm(%[[N:.*]], %{{.*}}, {{.*}})
  linalg.fill ins(%zero : f32) outs(%c : memref<8x8xf32>)
  linalg.matmul ins(%part, %b : memref<8x4xf32, strided<[48, 1], offset: 16>>, memref<4x8xf32>) outs(%c : memref<8x8xf32>)
  return
}

// Columns are not contiguous: not a matrix that BLAS reads.
// CHECK-LABEL: func.func @strided
func.func @strided(%a: memref<8x4xf32, strided<[8, 2]>>, %b: memref<4x8xf32>, %c: memref<8x8xf32>) {
  // CHECK: linalg.matmul
  linalg.matmul ins(%a, %b : memref<8x4xf32, strided<[8, 2]>>, memref<4x8xf32>) outs(%c : memref<8x8xf32>)
  return
}

// CHECK-LABEL: func.func @half
func.func @half(%a: memref<8x4xf16>, %b: memref<4x8xf16>, %c: memref<8x8xf16>) {
  // CHECK: linalg.matmul
  linalg.matmul ins(%a, %b : memref<8x4xf16>, memref<4x8xf16>) outs(%c : memref<8x8xf16>)
  return
}
