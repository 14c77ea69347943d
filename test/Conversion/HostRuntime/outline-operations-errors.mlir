// RUN: pi-opt %s --pi-outline-operations -split-input-file -verify-diagnostics

// The old value would be read after it has been overwritten.
func.func @read_after(%x: tensor<1x1x48xf32>, %c: tensor<2x1x8x16xf32> {pi.state = "cache"})
    -> (tensor<2x1x8x16xf32> {pi.name = "old"}, tensor<2x1x8x16xf32> {pi.state = "cache"}) {
  // expected-error @below {{state 'cache' is updated here, but its value before is read elsewhere}}
  %0 = pi.update_cache %c, %x : (tensor<2x1x8x16xf32>, tensor<1x1x48xf32>) -> tensor<2x1x8x16xf32>
  return %c, %0 : tensor<2x1x8x16xf32>, tensor<2x1x8x16xf32>
}

// -----

// There is nothing to update in place.
func.func @unknown_state(%x: tensor<4xf32>) -> (tensor<4xf32> {pi.state = "s"}) {
  %0 = pi.relu %x : tensor<4xf32>
  // expected-error @below {{state 's' has to be the result of an operation on its value before}}
  return %0 : tensor<4xf32>
}

// -----

pi.parameter @w : tensor<4xf32>
func.func @load() -> (tensor<4xf32> {pi.name = "w"}) {
  // expected-error @below {{cannot run on the host}}
  %0 = pi.load @w : tensor<4xf32>
  return %0 : tensor<4xf32>
}
