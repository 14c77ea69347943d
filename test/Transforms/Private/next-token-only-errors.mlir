// RUN: pi-opt %s --pi-next-token-only -split-input-file -verify-diagnostics

// There is nothing to evaluate.
// expected-error @below {{has no function @forward with a body}}
module {}

// -----

// The number of positions is not known.
// expected-error @below {{@forward has to take tokens B x T of i32 and give logits B x T x V of floats, of static shape, but is '(tensor<?x?xi32>) -> tensor<?x?x8xf32>'}}
func.func @forward(%ids: tensor<?x?xi32>) -> tensor<?x?x8xf32> {
  %0 = arith.constant dense<0.0> : tensor<1x4x8xf32>
  %1 = tensor.cast %0 : tensor<1x4x8xf32> to tensor<?x?x8xf32>
  return %1 : tensor<?x?x8xf32>
}

// -----

// These are no logits.
// expected-error @below {{of floats, of static shape, but is '(tensor<1x4xi32>) -> tensor<1x4x8xi32>'}}
func.func @forward(%ids: tensor<1x4xi32>) -> tensor<1x4x8xi32> {
  %0 = arith.constant dense<0> : tensor<1x4x8xi32>
  return %0 : tensor<1x4x8xi32>
}

// -----

// What is computed depends on the way through the blocks.
pi.parameter @wte : tensor<16x8xf32>
// expected-error @below {{@forward has to be one block, but has 2}}
func.func @forward(%ids: tensor<1x4xi32>) -> tensor<1x4x8xf32> {
  %0 = pi.load @wte : tensor<16x8xf32>
  cf.br ^bb1
^bb1:
  %1 = pi.embedding %ids, %0 : (tensor<1x4xi32>, tensor<16x8xf32>) -> tensor<1x4x8xf32>
  return %1 : tensor<1x4x8xf32>
}
