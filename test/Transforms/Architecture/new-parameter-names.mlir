// What two blocks would be named alike is named after more of their weights'
// names, so that no layer shares a parameter with another.
// RUN: pi-opt %s --split-input-file --pi-add-temperature --pi-add-entropy-regularizer --pi-scale-ffn | FileCheck %s
// RUN: pi-opt %s --split-input-file --pi-fuse-ffn | FileCheck %s --check-prefix=FUSED
// Twice is once, and the order of passes does not matter.
// RUN: pi-opt %s --split-input-file --pi-add-temperature --pi-add-entropy-regularizer --pi-scale-ffn -o %t.once
// RUN: pi-opt %t.once --split-input-file --pi-scale-ffn --pi-add-temperature --pi-add-entropy-regularizer -o %t.twice && diff %t.once %t.twice

// CHECK-DAG: pi.parameter @model.q0.temperature : tensor<2x4xf32> {{.*}} derived
// CHECK-DAG: pi.parameter @model.q1.temperature : tensor<2x4xf32> {{.*}} derived
// CHECK-DAG: pi.parameter @model.q0.reg_threshold_weights : tensor<2xf32>
// CHECK-DAG: pi.parameter @model.q1.reg_threshold_weights : tensor<2xf32>
// CHECK-DAG: pi.parameter @model.b0.alpha : tensor<f32>
// CHECK-DAG: pi.parameter @model.b1.alpha : tensor<f32>
// CHECK-DAG: pi.parameter @model.b0.beta : tensor<f32>
// CHECK-DAG: pi.parameter @model.b1.beta : tensor<f32>
// CHECK-LABEL: func.func @layers(
// CHECK: pi.load @model.q0.temperature
// CHECK: pi.load @model.q0.reg_threshold_weights
// CHECK: pi.load @model.b0.alpha
// CHECK: pi.load @model.q1.temperature
// CHECK: pi.load @model.q1.reg_threshold_weights
// CHECK: pi.load @model.b1.alpha

// FUSED: pi.parameter @model.fused.weight : tensor<8x8xf32>{{$}}
// FUSED: pi.parameter @model.b0.fused.weight : tensor<8x8xf32> derived {
// FUSED-DAG: pi.load @model.a0.weight
// FUSED-DAG: pi.load @model.b0.weight
// FUSED: pi.parameter @model.b1.fused.weight : tensor<8x8xf32> derived {
// FUSED-DAG: pi.load @model.a1.weight
// FUSED-DAG: pi.load @model.b1.weight
// FUSED-LABEL: func.func @layers(
// FUSED: pi.load @model.b0.fused.weight
// FUSED: pi.load @model.b1.fused.weight
pi.parameter @model.fused.weight : tensor<8x8xf32>
pi.parameter @model.q0.weight : tensor<8x24xf32>
pi.parameter @model.q1.weight : tensor<8x24xf32>
pi.parameter @model.a0.weight : tensor<8x8xf32>
pi.parameter @model.a1.weight : tensor<8x8xf32>
pi.parameter @model.b0.weight : tensor<8x8xf32>
pi.parameter @model.b1.weight : tensor<8x8xf32>
func.func @layers(%x: tensor<1x4x8xf32>, %o: tensor<8x8xf32>) -> (tensor<1x4x8xf32>, tensor<8x8xf32>) {
  %q0 = pi.load @model.q0.weight : tensor<8x24xf32>
  %1 = pi.linear %x, %q0 : (tensor<1x4x8xf32>, tensor<8x24xf32>) -> tensor<1x4x24xf32>
  %2 = pi.attention %1 heads 2 scale 0.5 causal : (tensor<1x4x24xf32>) -> tensor<1x4x8xf32>
  %3 = pi.linear %2, %o : (tensor<1x4x8xf32>, tensor<8x8xf32>) -> tensor<1x4x8xf32>
  %4 = pi.add %x, %3 : (tensor<1x4x8xf32>, tensor<1x4x8xf32>) -> tensor<1x4x8xf32>
  %a0 = pi.load @model.a0.weight : tensor<8x8xf32>
  %5 = pi.linear %4, %a0 : (tensor<1x4x8xf32>, tensor<8x8xf32>) -> tensor<1x4x8xf32>
  %b0 = pi.load @model.b0.weight : tensor<8x8xf32>
  %6 = pi.linear %5, %b0 : (tensor<1x4x8xf32>, tensor<8x8xf32>) -> tensor<1x4x8xf32>
  %7 = pi.add %4, %6 : (tensor<1x4x8xf32>, tensor<1x4x8xf32>) -> tensor<1x4x8xf32>
  %q1 = pi.load @model.q1.weight : tensor<8x24xf32>
  %11 = pi.linear %7, %q1 : (tensor<1x4x8xf32>, tensor<8x24xf32>) -> tensor<1x4x24xf32>
  %12 = pi.attention %11 heads 2 scale 0.5 causal : (tensor<1x4x24xf32>) -> tensor<1x4x8xf32>
  %13 = pi.linear %12, %o : (tensor<1x4x8xf32>, tensor<8x8xf32>) -> tensor<1x4x8xf32>
  %14 = pi.add %7, %13 : (tensor<1x4x8xf32>, tensor<1x4x8xf32>) -> tensor<1x4x8xf32>
  %a1 = pi.load @model.a1.weight : tensor<8x8xf32>
  %15 = pi.linear %14, %a1 : (tensor<1x4x8xf32>, tensor<8x8xf32>) -> tensor<1x4x8xf32>
  %b1 = pi.load @model.b1.weight : tensor<8x8xf32>
  %16 = pi.linear %15, %b1 : (tensor<1x4x8xf32>, tensor<8x8xf32>) -> tensor<1x4x8xf32>
  %17 = pi.add %14, %16 : (tensor<1x4x8xf32>, tensor<1x4x8xf32>) -> tensor<1x4x8xf32>
  %kept = pi.load @model.fused.weight : tensor<8x8xf32>
  return %17, %kept : tensor<1x4x8xf32>, tensor<8x8xf32>
}

// -----

// The longer name may be that of another block, and then all of it is taken.
// CHECK-DAG: pi.parameter @m.b.c.alpha
// CHECK-DAG: pi.parameter @m.b.weight.alpha
// CHECK-DAG: pi.parameter @m.a.alpha
// CHECK-LABEL: func.func @nested(
pi.parameter @m.a.weight : tensor<8x8xf32>
pi.parameter @m.b.weight : tensor<8x8xf32>
pi.parameter @m.b.c.weight : tensor<8x8xf32>
func.func @nested(%x: tensor<1x4x8xf32>) -> tensor<1x4x8xf32> {
  %a = pi.load @m.a.weight : tensor<8x8xf32>
  %0 = pi.linear %x, %a : (tensor<1x4x8xf32>, tensor<8x8xf32>) -> tensor<1x4x8xf32>
  %1 = pi.add %x, %0 : (tensor<1x4x8xf32>, tensor<1x4x8xf32>) -> tensor<1x4x8xf32>
  return %1 : tensor<1x4x8xf32>
}
func.func @nested_b(%x: tensor<1x4x8xf32>) -> tensor<1x4x8xf32> {
  %b = pi.load @m.b.weight : tensor<8x8xf32>
  %0 = pi.linear %x, %b : (tensor<1x4x8xf32>, tensor<8x8xf32>) -> tensor<1x4x8xf32>
  %1 = pi.add %x, %0 : (tensor<1x4x8xf32>, tensor<1x4x8xf32>) -> tensor<1x4x8xf32>
  return %1 : tensor<1x4x8xf32>
}
func.func @nested_c(%x: tensor<1x4x8xf32>) -> tensor<1x4x8xf32> {
  %c = pi.load @m.b.c.weight : tensor<8x8xf32>
  %0 = pi.linear %x, %c : (tensor<1x4x8xf32>, tensor<8x8xf32>) -> tensor<1x4x8xf32>
  %1 = pi.add %x, %0 : (tensor<1x4x8xf32>, tensor<1x4x8xf32>) -> tensor<1x4x8xf32>
  return %1 : tensor<1x4x8xf32>
}
