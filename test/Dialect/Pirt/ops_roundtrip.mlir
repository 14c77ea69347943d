// RUN: pi-opt %s | pi-opt | FileCheck %s
// RUN: pi-opt %s --mlir-print-op-generic | pi-opt | FileCheck %s

gpu.module @kernels {
  gpu.func @relu(%x: memref<256xf32>, %y: memref<256xf32>) kernel {
    gpu.return
  }
  gpu.func @sum(%total: memref<4x64xf32>, %addresses: memref<2xi64>) kernel {
    gpu.return
  }
}

// CHECK-LABEL: func.func @gemm
func.func @gemm(%a: memref<2x4x64xbf16>, %w: memref<64x32xbf16>,
                %t: memref<32x64xbf16>, %b: memref<32xbf16>,
                %c: memref<8x32xbf16>, %d: memref<8x32xbf16>,
                %padded: memref<8x32xf32, strided<[64, 1]>>) {
  // CHECK: pirt.gemm %{{.*}}, %{{.*}} into %{{.*}} : memref<2x4x64xbf16>, memref<64x32xbf16> -> memref<8x32xbf16>
  pirt.gemm %a, %w into %d : memref<2x4x64xbf16>, memref<64x32xbf16> -> memref<8x32xbf16>
  // CHECK: pirt.gemm %{{.*}}, %{{.*}} transpose_b alpha 5.000000e-01 bias %{{.*}} plus %{{.*}} scaled 2.000000e+00 epilogue gelu_tanh algorithm 3 into
  pirt.gemm %a, %t transpose_b alpha 0.5 bias %b plus %c scaled 2.0 epilogue gelu_tanh algorithm 3 into %d
      : memref<2x4x64xbf16>, memref<32x64xbf16>, memref<32xbf16> plus memref<8x32xbf16> -> memref<8x32xbf16>
  // CHECK: pirt.gemm {{.*}} -> memref<8x32xf32, strided<[64, 1]>>
  pirt.gemm %a, %w into %padded
      : memref<2x4x64xbf16>, memref<64x32xbf16> -> memref<8x32xf32, strided<[64, 1]>>
  return
}

// CHECK-LABEL: func.func @padding
func.func @padding(%a: memref<4x64xf32>, %b: memref<40x64xf32>, %d: memref<4x33xf32, strided<[64, 1]>>) {
  // CHECK: pirt.gemm %{{.*}}, %{{.*}} transpose_b into
  pirt.gemm %a, %b transpose_b into %d : memref<4x64xf32>, memref<40x64xf32> -> memref<4x33xf32, strided<[64, 1]>>
  return
}

// CHECK-LABEL: func.func @batched
func.func @batched(%a: memref<2x4x8xf32>, %b: memref<2x8x16xf32>, %d: memref<2x4x16xf32>) {
  // CHECK: pirt.gemm %{{.*}}, %{{.*}} batched into
  pirt.gemm %a, %b batched into %d : memref<2x4x8xf32>, memref<2x8x16xf32> -> memref<2x4x16xf32>
  return
}

// CHECK-LABEL: func.func @launch
func.func @launch(%x: memref<4x64xf32>) {
  // CHECK: %[[A:.*]] = pirt.alloc : memref<4x64xf32>
  %a = pirt.alloc : memref<4x64xf32>
  // CHECK: pirt.alloc offset 256 : memref<4x64xf32>
  %b = pirt.alloc offset 256 : memref<4x64xf32>
  // CHECK: pirt.launch @kernels::@relu grid [4, 1, 1] block [64, 1, 1] shared 512(%{{.*}}, %[[A]]) : memref<4x64xf32>, memref<4x64xf32>
  pirt.launch @kernels::@relu grid [4, 1, 1] block [64, 1, 1] shared 512 (%x, %a) : memref<4x64xf32>, memref<4x64xf32>
  // CHECK: pirt.copy %[[A]] to %{{.*}} : memref<4x64xf32> to memref<4x64xf32>
  pirt.copy %a to %b : memref<4x64xf32> to memref<4x64xf32>
  return
}

// CHECK-LABEL: func.func @table
func.func @table(%x: memref<4x64xf32>, %y: memref<8xf32>, %z: memref<8xbf16>) {
  // CHECK: pirt.launch @kernels::@sum grid [4, 1, 1] block [64, 1, 1](%{{.*}}) table(%{{.*}}, %{{.*}}) : memref<4x64xf32> table memref<8xf32>, memref<8xbf16>
  pirt.launch @kernels::@sum grid [4, 1, 1] block [64, 1, 1] (%x) table (%y, %z) : memref<4x64xf32> table memref<8xf32>, memref<8xbf16>
  return
}

// CHECK-LABEL: func.func @view
func.func @view(%x: memref<4x64xbf16>, %y: memref<128xbf16>, %padded: memref<4x33xf32, strided<[64, 1]>>) {
  // CHECK: %[[HALF:.*]] = pirt.view %{{.*}} from 128 : memref<4x64xbf16> to memref<2x64xbf16>
  %0 = pirt.view %x from 128 : memref<4x64xbf16> to memref<2x64xbf16>
  // CHECK: pirt.view %[[HALF]] from 0 : memref<2x64xbf16> to memref<128xbf16>
  %1 = pirt.view %0 from 0 : memref<2x64xbf16> to memref<128xbf16>
  // CHECK: pirt.view %{{.*}} from 192 : memref<4x33xf32, strided<[64, 1]>> to memref<1x33xf32, strided<[64, 1]>>
  %2 = pirt.view %padded from 192 : memref<4x33xf32, strided<[64, 1]>> to memref<1x33xf32, strided<[64, 1]>>
  pirt.copy %1 to %y : memref<128xbf16> to memref<128xbf16>
  return
}

// A sum of products in place.
// CHECK-LABEL: func.func @gemm_onto
func.func @gemm_onto(%a: memref<4x8xbf16>, %b: memref<4x16xbf16>, %d: memref<8x16xf32>) {
  // CHECK: pirt.gemm %{{.*}} transpose_a, %{{.*}} plus %[[D:.*]] into %[[D]] : memref<4x8xbf16>, memref<4x16xbf16> plus memref<8x16xf32> -> memref<8x16xf32>
  pirt.gemm %a transpose_a, %b plus %d into %d : memref<4x8xbf16>, memref<4x16xbf16> plus memref<8x16xf32> -> memref<8x16xf32>
  return
}
