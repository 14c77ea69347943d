// Without generation a function may take anything.
// RUN: pi-opt %s --pi-execution-pipeline=generation=false | FileCheck %s

// CHECK-LABEL: func.func @forward
// CHECK-SAME: tensor<4xf32> {pi.name = "x"}
// CHECK-NOT: @decode
func.func @forward(%x: tensor<4xf32> {pi.name = "x"}) -> (tensor<4xf32> {pi.name = "y"}) {
  %0 = pi.relu %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}
