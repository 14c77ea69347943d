// RUN: pi-opt %s --pi-lower-precision -verify-diagnostics

// expected-error @+1 {{@loss is for training, whose number formats pi-lower-precision does not choose}}
func.func @loss(%x: tensor<4x8xf32> {pi.name = "x"}, %t: tensor<4xi32> {pi.name = "t"}) -> (tensor<f32> {pi.name = "loss"}) attributes {pi.training} {
  %0 = pi.cross_entropy %x, %t ignore_index -100 : (tensor<4x8xf32>, tensor<4xi32>) -> tensor<f32>
  return %0 : tensor<f32>
}
