// RUN: pi-opt %s --pi-build-loss -split-input-file -verify-diagnostics

// expected-error @+1 {{has no function @forward to build @loss from}}
module {
  func.func private @forward(tensor<2x3xi32>) -> tensor<2x3x8xf32>
}

// -----

// expected-error @+1 {{@forward has to give logits B x T x V alone, but is '(tensor<2x3xi32>) -> tensor<2x3xi32>'}}
func.func @forward(%ids: tensor<2x3xi32>) -> tensor<2x3xi32> {
  return %ids : tensor<2x3xi32>
}

// -----

func.func @forward(%x: tensor<2x3x8xf32>) -> tensor<2x3x8xf32> {
  return %x : tensor<2x3x8xf32>
}
// expected-error @+1 {{stands in the way of the generated function @loss}}
func.func @loss() {
  return
}

// -----

// What joins the loss has its type.
func.func @forward(%x: tensor<2x3x8xf32>, %p: tensor<f64>) -> tensor<2x3x8xf32> {
  // expected-error @+1 {{adds 'tensor<f64>' to a loss, which is 'tensor<f32>'}}
  pi.add_loss %p : tensor<f64>
  return %x : tensor<2x3x8xf32>
}

// -----

func.func @forward(%c: i1, %x: tensor<2x3x8xf32>, %p: tensor<f32>) -> tensor<2x3x8xf32> {
  scf.if %c {
    // expected-error @+1 {{has to stand in @forward itself, not in a region of an operation}}
    pi.add_loss %p : tensor<f32>
  }
  return %x : tensor<2x3x8xf32>
}

// -----

// expected-error @+1 {{@forward has to be one block}}
func.func @forward(%x: tensor<2x3x8xf32>) -> tensor<2x3x8xf32> {
  cf.br ^next
^next:
  return %x : tensor<2x3x8xf32>
}
