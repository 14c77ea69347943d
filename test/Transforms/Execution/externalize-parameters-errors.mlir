// RUN: pi-opt %s --pi-externalize-parameters -split-input-file -verify-diagnostics

// An argument holds the old value, and nothing else could be given here.
pi.state @s : tensor<4xf32>
func.func @load_after_store(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-note @+1 {{stored here}}
  pi.store %x, @s : tensor<4xf32>
  // expected-error @+1 {{reads '@s' after it has a new value: it has to be read before}}
  %s = pi.load @s : tensor<4xf32>
  return %s : tensor<4xf32>
}

// -----

pi.parameter @w : tensor<4xf32>
func.func @two_stores(%x: tensor<4xf32>, %y: tensor<4xf32>) {
  // expected-note @+1 {{stored before here}}
  pi.store %x, @w : tensor<4xf32>
  // expected-error @+1 {{gives '@w' a second new value in one function}}
  pi.store %y, @w : tensor<4xf32>
  return
}

// -----

pi.parameter @w : tensor<4xf32>
func.func @store_in_region(%c: i1, %x: tensor<4xf32>) {
  scf.if %c {
    // expected-error @+1 {{has to stand in the one block of its function}}
    pi.store %x, @w : tensor<4xf32>
  }
  return
}
