// Functions that compute nothing are entry points on a GPU, too: one gives a
// state, one a constant, one leaves everything as it is.

// RUN: pi-compile %s --target=cuda -o %t.pi
// RUN: pi-compile %s --target=cpu -o %t.cpu.pi
// RUN: pi-opt %s --pi-execution-pipeline --pi-cuda-pipeline | FileCheck %s

pi.state @s : tensor<4x8xf32>
pi.parameter @t : tensor<8x8xf32>
func.func @forward(%ids: tensor<1x1xi32> {pi.name = "input_ids"}) -> (tensor<1x1x8xf32> {pi.name = "logits"}) {
  %table = pi.load @t : tensor<8x8xf32>
  %y = pi.embedding %ids, %table : (tensor<1x1xi32>, tensor<8x8xf32>) -> tensor<1x1x8xf32>
  return %y : tensor<1x1x8xf32>
}
// CHECK-LABEL: func.func @read(
// CHECK-SAME: pirt.arena_bytes = 0
// CHECK-NEXT: pirt.copy
func.func @read() -> (tensor<4x8xf32> {pi.name = "y"}) attributes {pi.training} {
  %s = pi.load @s : tensor<4x8xf32>
  return %s : tensor<4x8xf32>
}
// CHECK-LABEL: func.func @constant(
// CHECK-SAME: memref<4x8xf32> {pirt.output = "y"}
// CHECK: pirt.launch
func.func @constant() -> (tensor<4x8xf32> {pi.name = "y"}) attributes {pi.training} {
  %c = arith.constant dense<1.0> : tensor<4x8xf32>
  return %c : tensor<4x8xf32>
}
// CHECK-LABEL: func.func @nothing(
// CHECK-SAME: pirt.arena_bytes = 0
// CHECK-NEXT: return
func.func @nothing() attributes {pi.training} {
  %s = pi.load @s : tensor<4x8xf32>
  pi.store %s, @s : tensor<4x8xf32>
  return
}
