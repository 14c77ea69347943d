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

// -----

// A result of an operation for training cannot be dropped where it is read.
func.func @forward(%ids: tensor<1x4xi32>) -> tensor<1x4x8xf32> {
  %e = arith.constant dense<1.0> : tensor<1x2x4xf32>
  %t = arith.constant dense<1.0> : tensor<2xf32>
  // expected-error @below {{is for training only, but its result is used by an operation that inference keeps}}
  %p = pi.entropy_penalty %e, %t reading per_row gamma 0.2 lambda 1.0e-5
      : (tensor<1x2x4xf32>, tensor<2xf32>) -> tensor<f32>
  %s = tensor.extract %p[] : tensor<f32>
  %y = tensor.splat %s : tensor<1x4x8xf32>
  return %y : tensor<1x4x8xf32>
}
