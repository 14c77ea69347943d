// Where results are written: the new value of an argument takes the place of
// the old one only where nothing is still to read that.
// RUN: pi-opt %s --pi-cuda-pipeline | FileCheck %s

// A value of two names is computed into one output and copied to the other.
// CHECK-LABEL: func.func @twice(
// CHECK-SAME: %[[X:[^:]*]]: memref<16x16xf32> {pi.name = "x"}, %[[A:[^:]*]]: memref<16x16xf32> {pirt.output = "first"}, %[[B:[^:]*]]: memref<256xf32> {pirt.output = "second"}
// CHECK-NEXT: pirt.gemm %[[X]], %[[X]] into %[[A]]
// CHECK-NEXT: pirt.copy %[[A]] to %[[B]] : memref<16x16xf32> to memref<256xf32>
// CHECK-NEXT: return
func.func @twice(%x: tensor<16x16xf32> {pi.name = "x"}) -> (tensor<16x16xf32> {pi.name = "first"}, tensor<256xf32> {pi.name = "second"}) attributes {pi.training} {
  %n = pi.matmul %x, %x : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
  %flat = tensor.collapse_shape %n [[0, 1]] : tensor<16x16xf32> into tensor<256xf32>
  return %n, %flat : tensor<16x16xf32>, tensor<256xf32>
}

// With padded rows, all bytes are copied.
// CHECK-LABEL: func.func @twice_padded(
// CHECK-SAME: %[[A:[^:]*]]: memref<8x17xf32, strided<[32, 1]>> {pirt.output = "first"}, %[[B:[^:]*]]: memref<8x17xf32, strided<[32, 1]>> {pirt.output = "second"}
// CHECK: pirt.gemm {{.*}} into %[[A]]
// CHECK-NEXT: %[[FROM:.*]] = pirt.view %[[A]] from 0 {{.*}} to memref<256xf32>
// CHECK-NEXT: %[[TO:.*]] = pirt.view %[[B]] from 0 {{.*}} to memref<256xf32>
// CHECK-NEXT: pirt.copy %[[FROM]] to %[[TO]]
func.func @twice_padded(%x: tensor<8x16xf32> {pi.name = "x"}, %w: tensor<16x17xf32> {pi.name = "w"})
    -> (tensor<8x17xf32> {pi.name = "first"}, tensor<8x17xf32> {pi.name = "second"}) {
  %y = pi.linear %x, %w : (tensor<8x16xf32>, tensor<16x17xf32>) -> tensor<8x17xf32>
  return %y, %y : tensor<8x17xf32>, tensor<8x17xf32>
}

// In place: the one who reads the old value comes before.
// CHECK-LABEL: func.func @last_reader(
// CHECK-SAME: %[[X:[^:]*]]: memref<16x16xf32> {pi.name = "x"}, %[[S:[^:]*]]: memref<16x16xf32> {pi.state = "s"}, %[[Y:[^:]*]]: memref
// CHECK-NEXT: pirt.gemm %[[S]], %[[X]] into %[[Y]]
// CHECK-NEXT: pirt.gemm %[[X]], %[[X]] into %[[S]]
// CHECK-NEXT: return
func.func @last_reader(%x: tensor<16x16xf32> {pi.name = "x"}, %s: tensor<16x16xf32> {pi.state = "s"})
    -> (tensor<16x16xf32> {pi.name = "y"}, tensor<16x16xf32> {pi.state = "s"}) attributes {pi.training} {
  %y = pi.matmul %s, %x : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
  %n = pi.matmul %x, %x : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
  return %y, %n : tensor<16x16xf32>, tensor<16x16xf32>
}

// Apart: a later operation reads the old value, through a view.
// CHECK-LABEL: func.func @later_reader(
// CHECK-SAME: %[[X:[^:]*]]: memref<16x16xf32> {pi.name = "x"}, %[[S:[^:]*]]: memref<2x8x16xf32> {pi.state = "s"}, %[[Y:[^:]*]]: memref
// CHECK: %[[NEW:.*]] = pirt.alloc
// CHECK-NEXT: pirt.gemm %[[X]], %[[X]] into %[[NEW]]
// CHECK-NEXT: pirt.gemm %[[S]], %[[X]] into %[[Y]]
// CHECK-NEXT: pirt.copy %[[NEW]] to %[[S]]
func.func @later_reader(%x: tensor<16x16xf32> {pi.name = "x"}, %s: tensor<2x8x16xf32> {pi.state = "s"})
    -> (tensor<2x8x16xf32> {pi.state = "s"}, tensor<16x16xf32> {pi.name = "y"}) attributes {pi.training} {
  %n = pi.matmul %x, %x : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
  %new = tensor.expand_shape %n [[0, 1], [2]] output_shape [2, 8, 16] : tensor<16x16xf32> into tensor<2x8x16xf32>
  %old = tensor.collapse_shape %s [[0, 1], [2]] : tensor<2x8x16xf32> into tensor<16x16xf32>
  %y = pi.linear %old, %x : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
  return %new, %y : tensor<2x8x16xf32>, tensor<16x16xf32>
}

// Apart: a product reads what it would write over.
// CHECK-LABEL: func.func @own_reader(
// CHECK: %[[NEW:.*]] = pirt.alloc
// CHECK-NEXT: pirt.gemm %arg1, %arg0 into %[[NEW]]
// CHECK-NEXT: pirt.copy %[[NEW]] to %arg1
func.func @own_reader(%x: tensor<16x16xf32> {pi.name = "x"}, %s: tensor<16x16xf32> {pi.state = "s"})
    -> (tensor<16x16xf32> {pi.state = "s"}) attributes {pi.training} {
  %n = pi.matmul %s, %x : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
  return %n : tensor<16x16xf32>
}

// Apart: the product of the old value stands above, but is computed with the
// sum below.
// CHECK-LABEL: func.func @fused_reader(
// CHECK: %[[NEW:.*]] = pirt.alloc
// CHECK-NEXT: pirt.gemm %arg0, %arg0 into %[[NEW]]
// CHECK-NEXT: pirt.gemm %arg0, %arg1 plus %arg0 into %arg2
// CHECK-NEXT: pirt.copy %[[NEW]] to %arg1
func.func @fused_reader(%x: tensor<16x16xf32> {pi.name = "x"}, %s: tensor<16x16xf32> {pi.state = "s"})
    -> (tensor<16x16xf32> {pi.state = "s"}, tensor<16x16xf32> {pi.name = "y"}) attributes {pi.training} {
  %l = pi.linear %x, %s : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
  %n = pi.matmul %x, %x : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
  %y = pi.add %x, %l : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
  return %n, %y : tensor<16x16xf32>, tensor<16x16xf32>
}

// Apart: another operation of the same kernel reads the old value.
// CHECK-LABEL: func.func @reader_in_kernel(
// CHECK: %[[NEW:.*]] = pirt.alloc
// CHECK-NEXT: pirt.launch {{.*}}(%arg1, %arg0, %arg2, %[[NEW]])
// CHECK-NEXT: pirt.copy %[[NEW]] to %arg1
func.func @reader_in_kernel(%x: tensor<16x16xf32> {pi.name = "x"}, %s: tensor<16x16xf32> {pi.state = "s"})
    -> (tensor<16x16xf32> {pi.name = "y"}, tensor<16x16xf32> {pi.state = "s"}) attributes {pi.training} {
  %y = pi.relu %s : tensor<16x16xf32>
  %n = pi.relu %x : tensor<16x16xf32>
  return %y, %n : tensor<16x16xf32>, tensor<16x16xf32>
}

// b moves on to a before it gets its new value.
// CHECK-LABEL: func.func @shift(
// CHECK-SAME: %[[X:[^:]*]]: memref<4xf32> {pi.name = "x"}, %[[B:[^:]*]]: memref<4xf32> {pi.state = "b"}, %[[A:[^:]*]]: memref<2x2xf32> {pi.state = "a"}
// CHECK-NEXT: pirt.copy %[[B]] to %[[A]]
// CHECK-NEXT: pirt.copy %[[X]] to %[[B]]
// CHECK-NEXT: return
func.func @shift(%x: tensor<4xf32> {pi.name = "x"}, %b: tensor<4xf32> {pi.state = "b"}, %a: tensor<2x2xf32> {pi.state = "a"})
    -> (tensor<4xf32> {pi.state = "b"}, tensor<2x2xf32> {pi.state = "a"}) attributes {pi.training} {
  %square = tensor.expand_shape %b [[0, 1]] output_shape [2, 2] : tensor<4xf32> into tensor<2x2xf32>
  return %x, %square : tensor<4xf32>, tensor<2x2xf32>
}

// An exchange goes through memory of its own.
// CHECK-LABEL: func.func @exchange(
// CHECK-SAME: %[[A:[^:]*]]: memref<4xf32> {pi.state = "a"}, %[[B:[^:]*]]: memref<4xf32> {pi.state = "b"}
// CHECK-NEXT: %[[OLD:.*]] = pirt.alloc offset 0
// CHECK-NEXT: pirt.copy %[[B]] to %[[OLD]]
// CHECK-NEXT: pirt.copy %[[A]] to %[[B]]
// CHECK-NEXT: pirt.copy %[[OLD]] to %[[A]]
// CHECK-NEXT: return
func.func @exchange(%a: tensor<4xf32> {pi.state = "a"}, %b: tensor<4xf32> {pi.state = "b"})
    -> (tensor<4xf32> {pi.state = "a"}, tensor<4xf32> {pi.state = "b"}) attributes {pi.training} {
  return %b, %a : tensor<4xf32>, tensor<4xf32>
}
