// RUN: pi-opt %s -split-input-file --convert-pi-to-pirt -verify-diagnostics

// An operation without a kernel.
func.func @forward(%x: tensor<1x2x4x4xf32> {pi.name = "x"}) -> (tensor<1x2x4x4xf32> {pi.name = "y"}) {
  // expected-error @+1 {{there is no GPU code for operation 'pi.softmax'}}
  %0 = pi.softmax %x causal : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  return %0 : tensor<1x2x4x4xf32>
}

// -----

// A result that nobody could find.
// expected-error @+1 {{result 0 has none of the attributes pi.name, pi.gradient, pi.parameter and pi.state}}
func.func @forward(%x: tensor<4x4xf32> {pi.name = "x"}) -> tensor<4x4xf32> {
  %0 = pi.relu %x : tensor<4x4xf32>
  return %0 : tensor<4x4xf32>
}

// -----

// A state that the caller does not pass.
// expected-error @+1 {{returns "s", which is no argument}}
func.func @forward(%x: tensor<4x4xf32> {pi.name = "x"}) -> (tensor<4x4xf32> {pi.state = "s"}) {
  %0 = pi.relu %x : tensor<4x4xf32>
  return %0 : tensor<4x4xf32>
}

// -----

// A temperature is f32, whatever the other numbers are.
func.func @forward(%x: tensor<1x16x192xbf16> {pi.name = "x"}, %t: tensor<4x16xbf16> {pi.name = "t"}) -> (tensor<1x16x64xbf16> {pi.name = "y"}) {
  // expected-error @+1 {{attention on a GPU takes a temperature in f32, not 'tensor<4x16xbf16>'}}
  %0 = pi.attention %x temperature %t heads 4 scale 0.25 causal : (tensor<1x16x192xbf16>, tensor<4x16xbf16>) -> tensor<1x16x64xbf16>
  return %0 : tensor<1x16x64xbf16>
}

// -----

// A constant that has to be data in the artefact.
func.func @forward(%x: tensor<2x2xf32> {pi.name = "x"}) -> (tensor<2x2xf32> {pi.name = "y"}) {
  // expected-error @+1 {{there is no GPU code for a constant of integers or whose elements differ}}
  %c = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %0 = pi.mul %x, %c : (tensor<2x2xf32>, tensor<2xf32>) -> tensor<2x2xf32>
  return %0 : tensor<2x2xf32>
}
