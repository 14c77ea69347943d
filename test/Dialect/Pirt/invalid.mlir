// RUN: pi-opt %s -split-input-file -verify-diagnostics

// The inner extents differ.
func.func @inner_extent(%a: memref<4x64xf32>, %b: memref<32x64xf32>, %d: memref<4x64xf32>) {
  // expected-error @+1 {{product of 4 x 64 and 32 x 64 cannot be 4 x 64}}
  pirt.gemm %a, %b into %d : memref<4x64xf32>, memref<32x64xf32> -> memref<4x64xf32>
  return
}

// -----

// cuBLASLt has no product of matrices of two element types.
func.func @mixed_elements(%a: memref<4x64xbf16>, %b: memref<64x64xf32>, %d: memref<4x64xf32>) {
  // expected-error @+1 {{a and b have to have one element type}}
  pirt.gemm %a, %b into %d : memref<4x64xbf16>, memref<64x64xf32> -> memref<4x64xf32>
  return
}

// -----

// A result never has less precision than f32 or the operands.
func.func @narrow_result(%a: memref<4x64xf32>, %b: memref<64x64xf32>, %d: memref<4x64xbf16>) {
  // expected-error @+1 {{d has to have elements of type 'f32' or f32}}
  pirt.gemm %a, %b into %d : memref<4x64xf32>, memref<64x64xf32> -> memref<4x64xbf16>
  return
}

// -----

// The bias is added to rows of d.
func.func @short_bias(%a: memref<4x64xf32>, %b: memref<64x64xf32>, %bias: memref<32xf32>, %d: memref<4x64xf32>) {
  // expected-error @+1 {{bias has to have 64 elements of type 'f32', but is 'memref<32xf32>'}}
  pirt.gemm %a, %b bias %bias into %d : memref<4x64xf32>, memref<64x64xf32>, memref<32xf32> -> memref<4x64xf32>
  return
}

// -----

// What surplus rows of b give has to fit between the rows of d.
func.func @narrow_padding(%a: memref<4x64xf32>, %b: memref<41x64xf32>, %d: memref<4x33xf32, strided<[40, 1]>>) {
  // expected-error @+1 {{product of 4 x 64 and 64 x 41 cannot be 4 x 33}}
  pirt.gemm %a, %b transpose_b into %d : memref<4x64xf32>, memref<41x64xf32> -> memref<4x33xf32, strided<[40, 1]>>
  return
}

// -----

// A bias of as many elements as d has columns is too short for padded columns.
func.func @padding_with_bias(%a: memref<4x64xf32>, %b: memref<40x64xf32>, %bias: memref<33xf32>, %d: memref<4x33xf32, strided<[40, 1]>>) {
  // expected-error @+1 {{product of 4 x 64 and 64 x 40 cannot be 4 x 33}}
  pirt.gemm %a, %b transpose_b bias %bias into %d : memref<4x64xf32>, memref<40x64xf32>, memref<33xf32> -> memref<4x33xf32, strided<[40, 1]>>
  return
}

// -----

// A column-major buffer is no row-major matrix.
func.func @column_major(%a: memref<4x64xf32, strided<[1, 4]>>, %b: memref<64x64xf32>, %d: memref<4x64xf32>) {
  // expected-error @+1 {{a has to be a row-major matrix}}
  pirt.gemm %a, %b into %d : memref<4x64xf32, strided<[1, 4]>>, memref<64x64xf32> -> memref<4x64xf32>
  return
}

// -----

// The hardware runs at most 1024 threads in a block.
gpu.module @kernels {
  gpu.func @k() kernel {
    gpu.return
  }
}
func.func @large_block() {
  // expected-error @+1 {{block has 2048 threads; at most 1024 run}}
  pirt.launch @kernels::@k grid [1, 1, 1] block [64, 32, 1] ()
  return
}

// -----

func.func @no_kernel() {
  // expected-error @+1 {{there is no kernel @kernels::@k}}
  pirt.launch @kernels::@k grid [1, 1, 1] block [64, 1, 1] ()
  return
}

// -----

// The kernel reads f32, the buffer holds bf16.
gpu.module @kernels {
  gpu.func @k(%x: memref<4xf32>) kernel {
    gpu.return
  }
}
func.func @wrong_element(%x: memref<4xbf16>) {
  // expected-error @+1 {{gives kernel @kernels::@k a 'memref<4xbf16>' as argument 0, which is 'memref<4xf32>'}}
  pirt.launch @kernels::@k grid [1, 1, 1] block [64, 1, 1] (%x) : memref<4xbf16>
  return
}

// -----

func.func @copy_sizes(%x: memref<4xf32>, %y: memref<5xf32>) {
  // expected-error @+1 {{buffers have to be contiguous and alike}}
  pirt.copy %x to %y : memref<4xf32> to memref<5xf32>
  return
}

// -----

// The kernel takes one address, the table has two.
gpu.module @kernels {
  gpu.func @k(%addresses: memref<1xi64>) kernel {
    gpu.return
  }
}
func.func @wrong_table(%x: memref<4xf32>) {
  // expected-error @+1 {{gives kernel @kernels::@k a table of 2 addresses as 'memref<1xi64>'}}
  pirt.launch @kernels::@k grid [1, 1, 1] block [32, 1, 1] () table (%x, %x) table memref<4xf32>, memref<4xf32>
  return
}

// -----

func.func @view_elements(%x: memref<4x8xf32>) {
  // expected-error @+1 {{has to have the elements of its source, but they are 'memref<8xbf16>' and 'memref<4x8xf32>'}}
  %0 = pirt.view %x from 0 : memref<4x8xf32> to memref<8xbf16>
  return
}

// -----

// One row too far down.
func.func @view_end(%x: memref<4x8xf32>) {
  // expected-error @+1 {{of 64 bytes from element 24 on does not lie in the 128 bytes of its source}}
  %0 = pirt.view %x from 24 : memref<4x8xf32> to memref<2x8xf32>
  return
}

// -----

// The product of offset and size overflows.
func.func @view_overflow(%x: memref<4x8xf32>) {
  // expected-error @+1 {{does not lie in the 128 bytes of its source}}
  %0 = pirt.view %x from 9223372036854775807 : memref<4x8xf32> to memref<8xf32>
  return
}

// -----

func.func @view_layout(%x: memref<4x8xf32>) {
  // expected-error @+1 {{rows of the buffer have to be contiguous and a fixed distance apart}}
  %0 = pirt.view %x from 0 : memref<4x8xf32> to memref<2x2xf32, strided<[8, 2]>>
  return
}
