// RUN: pi-opt %s --pi-outline-operations -split-input-file -verify-diagnostics

// The old value is gone when the function returns.
func.func @old_value(%x: tensor<1x1x48xf32>, %c: tensor<2x1x8x16xf32> {pi.state = "cache"})
    -> (tensor<2x1x8x16xf32> {pi.name = "old"}, tensor<2x1x8x16xf32> {pi.state = "cache"}) {
  %0 = pi.update_cache %c, %x : (tensor<2x1x8x16xf32>, tensor<1x1x48xf32>) -> tensor<2x1x8x16xf32>
  // expected-error @below {{the old value of "cache" is given, too, but the new one takes its place}}
  return %c, %0 : tensor<2x1x8x16xf32>, tensor<2x1x8x16xf32>
}

// -----

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
