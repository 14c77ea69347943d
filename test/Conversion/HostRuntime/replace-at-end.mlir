// New values that cannot be written where the old ones are.
// RUN: pi-opt %s --pi-outline-operations | FileCheck %s

// What is read later, or not element by element, is overwritten at the end.
// CHECK-LABEL: func.func @later
// CHECK-SAME: %[[X:[^:]*]]: memref<4xf32>, %[[W:[^:]*]]: memref<1x4xf32>, %[[Y:[^:]*]]: memref<4xf32>)
// CHECK: %[[NEW:.*]] = memref.alloc() : memref<1x4xf32>
// CHECK: call @kernel.relu(%[[W]], %[[NEW]])
// CHECK: call @kernel.mul
// CHECK: memref.copy %[[NEW]], %[[W]]
func.func @later(%x: tensor<4xf32> {pi.name = "x"}, %w: tensor<1x4xf32> {pi.parameter = @w})
    -> (tensor<4xf32> {pi.name = "y"}, tensor<1x4xf32> {pi.parameter = @w}) {
  %v = tensor.collapse_shape %w [[0, 1]] : tensor<1x4xf32> into tensor<4xf32>
  %0 = pi.relu %w : tensor<1x4xf32>
  %1 = pi.mul %x, %v : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %1, %0 : tensor<4xf32>, tensor<1x4xf32>
}

// A product that joins an addition reads the weight only there.
// CHECK-LABEL: func.func @joined
// CHECK: %[[NEW:.*]] = memref.alloc() : memref<4x4xf32>
// CHECK: call @kernel.add({{.*}}, %[[NEW]])
// CHECK: call @kernel.linear.add
// CHECK: memref.copy %[[NEW]]
func.func @joined(%x: tensor<2x4xf32> {pi.name = "x"}, %g: tensor<4x4xf32> {pi.name = "g"}, %w: tensor<4x4xf32> {pi.parameter = @w})
    -> (tensor<2x4xf32> {pi.name = "y"}, tensor<4x4xf32> {pi.parameter = @w}) {
  %0 = pi.linear %x, %w : (tensor<2x4xf32>, tensor<4x4xf32>) -> tensor<2x4xf32>
  %1 = pi.add %w, %g : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %2 = pi.add %x, %0 : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  return %2, %1 : tensor<2x4xf32>, tensor<4x4xf32>
}

// One value has one place; the other gets a copy, and so does an argument.
// CHECK-LABEL: func.func @two_places
// CHECK-SAME: %[[X:[^:]*]]: memref<4xf32>, %[[A:[^:]*]]: memref<4xf32>, %[[B:[^:]*]]: memref<4xf32>, %[[C:[^:]*]]: memref<4xf32>)
// CHECK: call @kernel.relu{{.*}}(%[[X]], %[[A]])
// CHECK: memref.copy %[[A]], %[[B]]
// CHECK: memref.copy %[[X]], %[[C]]
func.func @two_places(%x: tensor<4xf32> {pi.name = "x"}, %a: tensor<4xf32> {pi.state = "a"}, %b: tensor<4xf32> {pi.state = "b"}, %c: tensor<4xf32> {pi.state = "c"})
    -> (tensor<4xf32> {pi.state = "a"}, tensor<4xf32> {pi.state = "b"}, tensor<4xf32> {pi.state = "c"}) {
  %0 = pi.relu %x : tensor<4xf32>
  return %0, %0, %x : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// What a function also gives as it was is overwritten once that is copied: as
// an output, and as another state through a view.
// CHECK-LABEL: func.func @old_value
// CHECK-SAME: %[[X:[^:]*]]: memref<2x2xf32>, %[[B:[^:]*]]: memref<2x2xf32>, %[[A:[^:]*]]: memref<4xf32>, %[[Y:[^:]*]]: memref<2x2xf32>)
// CHECK: %[[FLAT:.*]] = memref.collapse_shape %[[B]]
// CHECK: %[[NEW:.*]] = memref.alloc
// CHECK: call @kernel.relu{{.*}}(%[[X]], %[[NEW]])
// CHECK: memref.copy %[[FLAT]], %[[A]]
// CHECK: memref.copy %[[B]], %[[Y]]
// CHECK: memref.copy %[[NEW]], %[[B]]
func.func @old_value(%x: tensor<2x2xf32> {pi.name = "x"}, %b: tensor<2x2xf32> {pi.state = "b"}, %a: tensor<4xf32> {pi.state = "a"})
    -> (tensor<2x2xf32> {pi.state = "b"}, tensor<4xf32> {pi.state = "a"}, tensor<2x2xf32> {pi.name = "y"}) {
  %flat = tensor.collapse_shape %b [[0, 1]] : tensor<2x2xf32> into tensor<4xf32>
  %0 = pi.relu %x : tensor<2x2xf32>
  return %0, %flat, %b : tensor<2x2xf32>, tensor<4xf32>, tensor<2x2xf32>
}

// An exchange goes through memory of its own.
// CHECK-LABEL: func.func @exchange
// CHECK-SAME: %[[A:[^:]*]]: memref<4xf32>, %[[B:[^:]*]]: memref<4xf32>)
// CHECK-NEXT: %[[OLD:.*]] = memref.alloc() : memref<4xf32>
// CHECK-NEXT: memref.copy %[[B]], %[[OLD]]
// CHECK-NEXT: memref.copy %[[A]], %[[B]]
// CHECK-NEXT: memref.copy %[[OLD]], %[[A]]
// CHECK-NEXT: return
func.func @exchange(%a: tensor<4xf32> {pi.state = "a"}, %b: tensor<4xf32> {pi.state = "b"})
    -> (tensor<4xf32> {pi.state = "a"}, tensor<4xf32> {pi.state = "b"}) {
  return %b, %a : tensor<4xf32>, tensor<4xf32>
}
