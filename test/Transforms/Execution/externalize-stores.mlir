// What a function stores is a result in the place of an argument.
// RUN: pi-opt %s --pi-externalize-parameters | FileCheck %s
// Before that, the effects keep every access where it is.
// RUN: pi-opt %s --canonicalize --cse --pi-strip-training --pi-hoist-parameter-computation \
// RUN:   | FileCheck %s --check-prefix=KEPT
// RUN: pi-opt %s --pi-execution-pipeline | FileCheck %s

// CHECK: pi.parameter @w
// CHECK-NOT: pi.state
pi.parameter @w : tensor<4xf32>
pi.state @w.sum : tensor<4xf32>
pi.state @last : tensor<4xf32>

// A state that is only stored has an argument, too: the place it is written to.
// CHECK-LABEL: func.func @step
// CHECK-SAME: %[[X:[^:]*]]: tensor<4xf32> {pi.name = "x"}, %[[W:[^:]*]]: tensor<4xf32> {pi.parameter = @w}, %[[S:[^:]*]]: tensor<4xf32> {pi.state = "w.sum"}, %{{[^:]*}}: tensor<4xf32> {pi.state = "last"})
// CHECK-SAME: -> (tensor<4xf32> {pi.name = "y"}, tensor<4xf32> {pi.parameter = @w}, tensor<4xf32> {pi.state = "w.sum"}, tensor<4xf32> {pi.state = "last"})
// CHECK-NEXT: %[[Y:.*]] = pi.add %[[W]], %[[X]]
// CHECK-NEXT: %[[T:.*]] = pi.add %[[S]], %[[X]]
// CHECK-NEXT: return %[[Y]], %[[Y]], %[[T]], %[[X]]
// KEPT-LABEL: func.func @step
// KEPT: pi.load @w :
// KEPT: pi.load @w.sum
// KEPT: pi.store {{.*}}, @w :
// KEPT: pi.store {{.*}}, @w.sum
// KEPT: pi.store {{.*}}, @last
func.func @step(%x: tensor<4xf32> {pi.name = "x"}) -> (tensor<4xf32> {pi.name = "y"}) attributes {pi.training} {
  %w = pi.load @w : tensor<4xf32>
  %s = pi.load @w.sum : tensor<4xf32>
  %y = pi.add %w, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %t = pi.add %s, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  pi.store %y, @w : tensor<4xf32>
  pi.store %t, @w.sum : tensor<4xf32>
  pi.store %x, @last : tensor<4xf32>
  return %y : tensor<4xf32>
}

// @step changes w, so what follows from it is computed in each run.
// CHECK-LABEL: func.func @use
// KEPT-LABEL: func.func @use
// KEPT: pi.relu
func.func @use() -> (tensor<4xf32> {pi.name = "y"}) {
  // CHECK: pi.relu
  %w = pi.load @w : tensor<4xf32>
  %y = pi.relu %w : tensor<4xf32>
  return %y : tensor<4xf32>
}

// So is what follows from a state.
// CHECK-LABEL: func.func @show
// KEPT-LABEL: func.func @show
// KEPT: pi.relu
func.func @show() -> (tensor<4xf32> {pi.name = "y"}) {
  // CHECK: pi.relu
  %s = pi.load @last : tensor<4xf32>
  %y = pi.relu %s : tensor<4xf32>
  return %y : tensor<4xf32>
}
