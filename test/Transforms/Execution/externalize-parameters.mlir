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

// Weights are derived in f32: a shorter one is rounded to its type first.
// CHECK: func.func private @initialize.fused(%[[W:.*]]: tensor<4x4xf32> {pi.parameter = @narrow}, %[[B:.*]]: tensor<4x4xf32> {pi.parameter = @wide}) -> (tensor<4x4xf32> {pi.parameter = @fused}) {
// CHECK-NEXT: %[[R:.*]] = arith.truncf %[[W]] : tensor<4x4xf32> to tensor<4x4xbf16>
// CHECK-NEXT: %[[P:.*]] = pi.matmul %[[R]], %[[R]] : (tensor<4x4xbf16>, tensor<4x4xbf16>) -> tensor<4x4xbf16>
// CHECK-NEXT: %[[A:.*]] = pi.add %[[P]], %[[B]]
// CHECK-NEXT: %[[E:.*]] = arith.extf %[[A]] : tensor<4x4xbf16> to tensor<4x4xf32>
// CHECK-NEXT: return %[[E]]
pi.parameter @narrow : tensor<4x4xbf16>
pi.parameter @wide : tensor<4x4xf32>
pi.parameter @fused : tensor<4x4xbf16> derived {
  %0 = pi.load @narrow : tensor<4x4xbf16>
  %1 = pi.load @wide : tensor<4x4xf32>
  %2 = pi.matmul %0, %0 : (tensor<4x4xbf16>, tensor<4x4xbf16>) -> tensor<4x4xbf16>
  %3 = pi.add %2, %1 : (tensor<4x4xbf16>, tensor<4x4xf32>) -> tensor<4x4xbf16>
  pi.yield %3 : tensor<4x4xbf16>
}
pi.parameter @ln_f.bias : tensor<4xf32>

// Two loads of one parameter are one argument.
// A function of the model takes them as they are.
// CHECK-LABEL: func.func @forward(
// CHECK-SAME: %[[X:.*]]: tensor<4xf32> {pi.name = "x"}, %[[B:.*]]: tensor<4xf32> {pi.parameter = @ln_f.bias}, %{{.*}}: tensor<f32> {pi.parameter = @alpha}, %{{.*}}: tensor<4x4xbf16> {pi.parameter = @fused}) -> (tensor<4xf32> {pi.name = "y"}, tensor<4x4xbf16> {pi.name = "f"})
// CHECK-NOT: pi.load
// CHECK: %[[Y:.*]] = pi.add %[[X]], %[[B]]
// CHECK: pi.add %[[Y]], %[[B]]
func.func @forward(%x: tensor<4xf32> {pi.name = "x"}) -> (tensor<4xf32> {pi.name = "y"}, tensor<4x4xbf16> {pi.name = "f"}) {
  %b = pi.load @ln_f.bias : tensor<4xf32>
  %y = pi.add %x, %b : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %c = pi.load @ln_f.bias : tensor<4xf32>
  %z = pi.add %y, %c : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %a = pi.load @alpha : tensor<f32>
  %s = pi.add %z, %a : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %f = pi.load @fused : tensor<4x4xbf16>
  return %s, %f : tensor<4xf32>, tensor<4x4xbf16>
}
