// RUN: pi-opt %s --pi-remove-unused-parameters --allow-unregistered-dialect --split-input-file | FileCheck %s

// A source stays as long as what is derived from it does; an attribute is a use.
// CHECK-NOT: @unused
// CHECK: pi.parameter @source
// CHECK: pi.parameter @derived
// CHECK: pi.parameter @argument
pi.parameter @unused : tensor<4xf32>
pi.parameter @source : tensor<4xf32>
pi.parameter @derived : tensor<4xf32> derived {
  %0 = pi.load @source : tensor<4xf32>
  pi.yield %0 : tensor<4xf32>
}
pi.parameter @argument : tensor<4xf32>
func.func @f(%x: tensor<4xf32> {pi.parameter = @argument}) -> tensor<4xf32> {
  %0 = pi.load @derived : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// An unregistered operation with a region may hide a use.
// CHECK: pi.parameter @hidden
pi.parameter @hidden : tensor<4xf32>
"test.region"() ({}) : () -> ()
