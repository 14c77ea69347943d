// RUN: pi-opt %s --pirt-export-plan -o /dev/null | FileCheck %s

gpu.module @kernels {
  gpu.func @relu(%x: memref<128xf32>, %y: memref<128xf32>) kernel {
    gpu.return
  }
}

// CHECK-LABEL: "forward": {
// CHECK-NEXT: "arena_bytes": 512
// CHECK: "outputs": [
// CHECK-NEXT: {
// CHECK-NEXT: "columns": 33,
// CHECK-NEXT: "dtype": "f32",
// CHECK-NEXT: "name": "y",
// CHECK-NEXT: "stride": 64
// CHECK: "parameters": {
// CHECK-NEXT: "h.0.b": 132,
// CHECK-NEXT: "h.0.w": 1056
// CHECK: "steps": [
func.func @forward(%x: memref<4x8xf32> {pi.name = "x"}, %w: memref<8x33xf32> {pi.parameter = @h.0.w},
                   %b: memref<33xf32> {pi.parameter = @h.0.b}, %s: memref<4x8xf32> {pi.state = "cache"},
                   %y: memref<4x33xf32, strided<[64, 1]>> {pirt.output = "y"})
    attributes {pirt.arena_bytes = 512 : i64} {
  %0 = pirt.alloc offset 256 : memref<4x8xf32>
  // CHECK: "arguments": [
  // CHECK-NEXT: {
  // CHECK-NEXT: "index": 0,
  // CHECK-NEXT: "offset": 0,
  // CHECK-NEXT: "space": "input"
  // CHECK: "offset": 256,
  // CHECK-NEXT: "space": "arena"
  // CHECK: "kernel": "relu",
  // CHECK-NEXT: "location": "h.0.act",
  // CHECK-NEXT: "op": "launch",
  // CHECK-NEXT: "programmatic": true,
  // CHECK-NEXT: "shared_bytes": 64
  pirt.launch @kernels::@relu grid [4, 1, 1] block [64, 1, 1] shared 64 programmatic (%x, %0)
      : memref<4x8xf32>, memref<4x8xf32> loc("h.0.act")
  // CHECK: "bytes": 128,
  // CHECK: "name": "cache",
  // CHECK-NEXT: "offset": 0,
  // CHECK-NEXT: "space": "state"
  pirt.copy %0 to %s : memref<4x8xf32> to memref<4x8xf32> loc("h.0.save")
  // CHECK: "alpha": 1,
  // CHECK: "beta": 0,
  // CHECK-NEXT: "bias": {
  // CHECK-NEXT: "name": "h.0.b",
  // CHECK-NEXT: "offset": 0,
  // CHECK-NEXT: "space": "parameter"
  // CHECK: "c": null,
  // CHECK: "epilogue": "relu",
  // CHECK-NEXT: "k": 8,
  // CHECK-NEXT: "lda": 8,
  // CHECK-NEXT: "ldb": 33,
  // CHECK-NEXT: "ldc": 64,
  // CHECK-NEXT: "ldd": 64,
  // CHECK-NEXT: "location": "h.0.c_fc",
  // CHECK-NEXT: "m": 4,
  // CHECK-NEXT: "n": 33,
  // CHECK-NEXT: "op": "gemm",
  pirt.gemm %0, %w bias %b epilogue relu into %y
      : memref<4x8xf32>, memref<8x33xf32>, memref<33xf32> -> memref<4x33xf32, strided<[64, 1]>> loc("h.0.c_fc")
  return
}

// Views are places behind the buffer that they lie in.
// CHECK-LABEL: "views": {
func.func @views(%x: memref<4x8xf32> {pi.name = "x"}, %y: memref<8xf32> {pirt.output = "y"})
    attributes {pirt.arena_bytes = 512 : i64} {
  %0 = pirt.alloc offset 256 : memref<4x8xf32>
  %rows = pirt.view %0 from 8 : memref<4x8xf32> to memref<3x8xf32>
  %row = pirt.view %rows from 16 : memref<3x8xf32> to memref<8xf32>
  %input = pirt.view %x from 24 : memref<4x8xf32> to memref<8xf32>
  // CHECK: "from": {
  // CHECK-NEXT: "index": 0,
  // CHECK-NEXT: "offset": 96,
  // CHECK-NEXT: "space": "input"
  // CHECK: "to": {
  // CHECK-NEXT: "offset": 352,
  // CHECK-NEXT: "space": "arena"
  pirt.copy %input to %row : memref<8xf32> to memref<8xf32> loc("a")
  // CHECK: "from": {
  // CHECK-NEXT: "offset": 352,
  pirt.copy %row to %y : memref<8xf32> to memref<8xf32> loc("b")
  return
}
