// RUN: pi-opt %s --pi-externalize-parameters | FileCheck %s

// CHECK: pi.parameter @alpha : tensor<f32>
// CHECK-NOT: derived
// CHECK: func.func private @initialize.alpha(%[[S:.*]]: tensor<f32> {pi.parameter = @source}) -> (tensor<f32> {pi.parameter = @alpha}) {
// CHECK:   %[[A:.*]] = pi.add %[[S]]
// CHECK:   return %[[A]] : tensor<f32>
pi.parameter @source : tensor<f32>
pi.parameter @alpha : tensor<f32> derived {
  %0 = arith.constant dense<1.0> : tensor<f32>
  %1 = pi.load @source : tensor<f32>
  %2 = pi.add %1, %0 : (tensor<f32>, tensor<f32>) -> tensor<f32>
  pi.yield %2 : tensor<f32>
}
pi.parameter @ln_f.bias : tensor<4xf32>

// Two loads of one parameter are one argument.
// CHECK-LABEL: func.func @forward(
// CHECK-SAME: %[[X:.*]]: tensor<4xf32> {pi.name = "x"}, %[[B:.*]]: tensor<4xf32> {pi.parameter = @ln_f.bias}, %{{.*}}: tensor<f32> {pi.parameter = @alpha})
// CHECK-NOT: pi.load
// CHECK: %[[Y:.*]] = pi.add %[[X]], %[[B]]
// CHECK: pi.add %[[Y]], %[[B]]
func.func @forward(%x: tensor<4xf32> {pi.name = "x"}) -> (tensor<4xf32> {pi.name = "y"}) {
  %b = pi.load @ln_f.bias : tensor<4xf32>
  %y = pi.add %x, %b : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %c = pi.load @ln_f.bias : tensor<4xf32>
  %z = pi.add %y, %c : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %a = pi.load @alpha : tensor<f32>
  %s = pi.add %z, %a : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return %s : tensor<4xf32>
}
