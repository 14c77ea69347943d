// RUN: pi-opt %s --pi-outline-operations | FileCheck %s

// Two equal operations call one function, also if one is marked; the last one writes the output, and
// the state is updated where it is.
// CHECK-LABEL: func.func @decode(
// CHECK-SAME: %[[X:[^:]*]]: memref<1x1x48xf32>, %[[I:[^:]*]]: memref<i32>, %[[C:[^:]*]]: memref<2x1x8x16xf32>, %[[W:[^:]*]]: memref<16x16xf32>, %[[Y:[^:]*]]: memref<1x16xf32>)
func.func @decode(%x: tensor<1x1x48xf32> {pi.name = "x"}, %i: tensor<i32> {pi.name = "position"},
                  %c: tensor<2x1x8x16xf32> {pi.state = "cache"}, %w: tensor<16x16xf32> {pi.parameter = @w})
    -> (tensor<1x16xf32> {pi.name = "y"}, tensor<2x1x8x16xf32> {pi.state = "cache"}) {
  // CHECK: %[[WHOLE:.*]] = memref.expand_shape %[[Y]]
  // CHECK: call @kernel.update_cache(%[[X]], %[[I]], %[[C]])
  // CHECK: %[[A:.*]] = memref.alloc
  // CHECK: call @kernel.cached_attention(%[[X]], %[[C]], %[[I]], %[[A]])
  // CHECK: call @kernel.linear.add(%[[A]], %[[W]], %[[S:.*]]) :
  // CHECK: %[[R1:.*]] = memref.alloc
  // CHECK: call @kernel.relu(%[[S]], %[[R1]])
  // CHECK: call @kernel.relu(%[[R1]], %[[WHOLE]])
  // CHECK-NOT: memref.copy
  %c1 = pi.update_cache %c, %x at %i : (tensor<2x1x8x16xf32>, tensor<1x1x48xf32>, tensor<i32>) -> tensor<2x1x8x16xf32>
  %a = pi.cached_attention %x, %c1 at %i heads 4 scale 0.5 : (tensor<1x1x48xf32>, tensor<2x1x8x16xf32>, tensor<i32>) -> tensor<1x1x16xf32>
  %l = pi.linear %a, %w : (tensor<1x1x16xf32>, tensor<16x16xf32>) -> tensor<1x1x16xf32>
  %s = pi.add %a, %l : (tensor<1x1x16xf32>, tensor<1x1x16xf32>) -> tensor<1x1x16xf32>
  %r = pi.relu %s : tensor<1x1x16xf32>
  %z = pi.relu %r {pi.recomputed} : tensor<1x1x16xf32>
  %f = tensor.collapse_shape %z [[0, 1], [2]] : tensor<1x1x16xf32> into tensor<1x16xf32>
  return %f, %c1 : tensor<1x16xf32>, tensor<2x1x8x16xf32>
}
// An argument is reshaped in place.
// CHECK-LABEL: func.func @reshaped_argument
// CHECK: memref.collapse_shape %{{.*}} : memref<2x3x4xf32> into memref<6x4xf32>
func.func @reshaped_argument(%x: tensor<2x3x4xf32> {pi.name = "x"}) -> (tensor<6x4xf32> {pi.name = "y"}) {
  %0 = tensor.collapse_shape %x [[0, 1], [2]] : tensor<2x3x4xf32> into tensor<6x4xf32>
  %1 = pi.relu %0 : tensor<6x4xf32>
  return %1 : tensor<6x4xf32>
}
// CHECK: func.func private @kernel.update_cache(%{{.*}}, %{{.*}}, %[[STATE:.*]]: memref<2x1x8x16xf32>)
// CHECK: bufferization.to_tensor %[[STATE]] restrict writable
// CHECK: pi.linear
// CHECK-NEXT: pi.add
// CHECK: bufferization.materialize_in_destination
