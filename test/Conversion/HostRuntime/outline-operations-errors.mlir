// RUN: pi-opt %s --pi-outline-operations -split-input-file -verify-diagnostics

// There is nowhere to write it.
func.func @unknown_state(%x: tensor<4xf32>) -> (tensor<4xf32> {pi.state = "s"}) {
  %0 = pi.relu %x : tensor<4xf32>
  // expected-error @below {{state "s" is no argument of the function, which has no place for its new value}}
  return %0 : tensor<4xf32>
}

// -----

pi.parameter @w : tensor<4xf32>
func.func @load() -> (tensor<4xf32> {pi.name = "w"}) {
  // expected-error @below {{cannot run on the host}}
  %0 = pi.load @w : tensor<4xf32>
  return %0 : tensor<4xf32>
}
