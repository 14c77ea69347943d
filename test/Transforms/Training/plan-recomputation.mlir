// What runs again, and where.
// RUN: pi-opt %s --pi-plan-recomputation=budget=1536 --split-input-file 2>/dev/null | FileCheck %s
// A pass that merges what is equal leaves it apart.
// RUN: pi-opt %s --pi-plan-recomputation=budget=1536 --cse --canonicalize --split-input-file 2>/dev/null | FileCheck %s
// Without a budget nothing changes.
// RUN: pi-opt %s --split-input-file > %t.before
// RUN: pi-opt %s --pi-plan-recomputation --split-input-file | diff %t.before -

// The GELU is cheaper than the product, but without both the peak is too high.
// Each runs again where its results are first read; the product once for two.
// CHECK-LABEL: func.func @chain
// CHECK: %[[U:.*]] = pi.linear %[[X:[^,]*]], %[[W:[^ ]*]] :
// CHECK: %[[A:.*]] = pi.gelu %[[U]] approximate tanh :
// CHECK: %[[DV:.*]] = pi.gelu_grad
// CHECK-NEXT: %[[U2:.*]] = pi.linear %[[X]], %[[W]] {pi.recomputed} :
// CHECK-NEXT: %[[A2:.*]] = pi.gelu %[[U2]] approximate tanh {pi.recomputed} :
// CHECK-NEXT: pi.matmul %[[A2]] transposed, %[[DV]]
// CHECK-NEXT: pi.gelu_grad %[[DV]], %[[U2]]
func.func @chain(%x: tensor<8x16xf32>, %d: tensor<8x16xf32>, %w: tensor<16x16xf32>)
    -> (tensor<8x16xf32>, tensor<16x16xf32>) attributes {pi.training} {
  %u = pi.linear %x, %w : (tensor<8x16xf32>, tensor<16x16xf32>) -> tensor<8x16xf32>
  %a = pi.gelu %u approximate tanh : tensor<8x16xf32>
  %v = pi.linear %a, %w : (tensor<8x16xf32>, tensor<16x16xf32>) -> tensor<8x16xf32>
  %b = pi.gelu %v approximate tanh : tensor<8x16xf32>
  %y = pi.linear %b, %w : (tensor<8x16xf32>, tensor<16x16xf32>) -> tensor<8x16xf32>
  %db = pi.mul %d, %y : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  %dv = pi.gelu_grad %db, %v approximate tanh : tensor<8x16xf32>
  %dw = pi.matmul %a transposed, %dv : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<16x16xf32>
  %du = pi.gelu_grad %dv, %u approximate tanh : tensor<8x16xf32>
  return %du, %dw : tensor<8x16xf32>, tensor<16x16xf32>
}

// -----

// Only functions for training are looked at.
// CHECK-LABEL: func.func @inference
// CHECK-NOT: pi.recomputed
func.func @inference(%x: tensor<16x16xf32>) -> tensor<16x16xf32> {
  %a = pi.relu %x : tensor<16x16xf32>
  %b = pi.gelu %x approximate tanh : tensor<16x16xf32>
  %c = pi.gelu %b approximate tanh : tensor<16x16xf32>
  %d = pi.add %c, %a : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
  return %d : tensor<16x16xf32>
}

// -----

// A reshape is a view: it takes no memory, and there is one of the second
// results, too.
// CHECK-LABEL: func.func @view
// CHECK-NEXT: %[[A:.*]] = pi.relu %[[X:[^ ]*]] :
// CHECK-NEXT: %[[B:.*]] = pi.gelu %[[A]]
// CHECK-NEXT: %[[C:.*]] = pi.gelu %[[B]]
// CHECK-NEXT: tensor.collapse_shape %[[C]]
// CHECK-NEXT: %[[A2:.*]] = pi.relu %[[X]] {pi.recomputed} :
// CHECK-NEXT: %[[V2:.*]] = tensor.collapse_shape %[[A2]]
// CHECK-NEXT: pi.mul {{.*}}, %[[V2]]
func.func @view(%x: tensor<1x8x32xf32>) -> tensor<8x32xf32> attributes {pi.training} {
  %a = pi.relu %x : tensor<1x8x32xf32>
  %view = tensor.collapse_shape %a [[0, 1], [2]] : tensor<1x8x32xf32> into tensor<8x32xf32>
  %b = pi.gelu %a approximate tanh : tensor<1x8x32xf32>
  %c = pi.gelu %b approximate tanh : tensor<1x8x32xf32>
  %d = tensor.collapse_shape %c [[0, 1], [2]] : tensor<1x8x32xf32> into tensor<8x32xf32>
  %e = pi.mul %d, %view : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8x32xf32>
  return %e : tensor<8x32xf32>
}

// -----

// What nobody reads before the peak only moves.
// CHECK-LABEL: func.func @moves
// CHECK: %[[B:.*]] = pi.gelu
// CHECK-NEXT: %[[C:.*]] = pi.gelu %[[B]]
// CHECK-NEXT: %[[A:.*]] = pi.relu %{{[^ ]*}} :
// CHECK-NEXT: pi.mul %[[C]], %[[A]]
func.func @moves(%x: tensor<8x32xf32>) -> tensor<8x32xf32> attributes {pi.training} {
  %a = pi.relu %x : tensor<8x32xf32>
  %b = pi.gelu %x approximate tanh : tensor<8x32xf32>
  %c = pi.gelu %b approximate tanh : tensor<8x32xf32>
  %e = pi.mul %c, %a : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8x32xf32>
  return %e : tensor<8x32xf32>
}

// -----

// What only the sum reads is computed with it, and has no memory that could be
// kept: the sum runs again with the product, or not at all.
// CHECK-LABEL: func.func @joined
// CHECK: %[[B:.*]] = pi.gelu
// CHECK-NEXT: %[[C:.*]] = pi.gelu %[[B]]
// CHECK-NEXT: %[[D:.*]] = pi.mul %[[C]], %[[B]]
// CHECK-NEXT: %[[P2:.*]] = pi.linear {{.*}} {pi.recomputed} :
// CHECK-NEXT: %[[A2:.*]] = pi.add {{.*}}, %[[P2]] {pi.recomputed} :
// CHECK-NEXT: pi.mul %[[D]], %[[A2]]
func.func @joined(%x: tensor<8x32xf32>, %w: tensor<32x32xf32>) -> tensor<8x32xf32> attributes {pi.training} {
  %p = pi.linear %x, %w : (tensor<8x32xf32>, tensor<32x32xf32>) -> tensor<8x32xf32>
  %a = pi.add %x, %p : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8x32xf32>
  %b = pi.gelu %a approximate tanh : tensor<8x32xf32>
  %c = pi.gelu %b approximate tanh : tensor<8x32xf32>
  %d = pi.mul %c, %b : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8x32xf32>
  %e = pi.mul %d, %a : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8x32xf32>
  return %e : tensor<8x32xf32>
}

// -----

// Below a store, parameters are no longer what they were.
pi.parameter @w : tensor<8x32xf32>
// CHECK-LABEL: func.func @store
// CHECK-NOT: pi.recomputed
func.func @store(%x: tensor<8x32xf32>) -> tensor<8x32xf32> attributes {pi.training} {
  %w = pi.load @w : tensor<8x32xf32>
  %a = pi.relu %w : tensor<8x32xf32>
  %b = pi.gelu %a approximate tanh : tensor<8x32xf32>
  %c = pi.gelu %b approximate tanh : tensor<8x32xf32>
  pi.store %x, @w : tensor<8x32xf32>
  %e = pi.mul %c, %a : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8x32xf32>
  return %e : tensor<8x32xf32>
}

// -----

// So it is in the execution form, where a result takes an argument's place.
// CHECK-LABEL: func.func @updated
// CHECK-NOT: pi.recomputed
func.func @updated(%x: tensor<8x32xf32> {pi.name = "x"}, %w: tensor<8x32xf32> {pi.parameter = @w})
    -> (tensor<8x32xf32> {pi.name = "y"}, tensor<8x32xf32> {pi.parameter = @w}) attributes {pi.training} {
  %a = pi.relu %w : tensor<8x32xf32>
  %b = pi.gelu %a approximate tanh : tensor<8x32xf32>
  %c = pi.gelu %b approximate tanh : tensor<8x32xf32>
  %w1 = pi.add %w, %x : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8x32xf32>
  %e = pi.mul %c, %a : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8x32xf32>
  return %e, %w1 : tensor<8x32xf32>, tensor<8x32xf32>
}
