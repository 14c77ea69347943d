// RUN: pi-opt %s -split-input-file --convert-pi-to-pirt -verify-diagnostics

// An operation without a kernel.
func.func @forward(%x: tensor<1x2x4x4xf32> {pi.name = "x"}) -> (tensor<1x2x4x4xf32> {pi.name = "y"}) {
  // expected-error @+1 {{there is no GPU code for operation 'pi.softmax'}}
  %0 = pi.softmax %x causal : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  return %0 : tensor<1x2x4x4xf32>
}

// -----

// A result that nobody could find.
// expected-error @+1 {{result 0 has neither pi.name nor pi.state}}
func.func @forward(%x: tensor<4x4xf32> {pi.name = "x"}) -> tensor<4x4xf32> {
  %0 = pi.relu %x : tensor<4x4xf32>
  return %0 : tensor<4x4xf32>
}

// -----

// A state that the caller does not pass.
// expected-error @+1 {{returns state "s", which is no argument}}
func.func @forward(%x: tensor<4x4xf32> {pi.name = "x"}) -> (tensor<4x4xf32> {pi.state = "s"}) {
  %0 = pi.relu %x : tensor<4x4xf32>
  return %0 : tensor<4x4xf32>
}
