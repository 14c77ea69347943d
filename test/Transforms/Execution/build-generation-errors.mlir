// RUN: pi-opt %s --pi-build-generation -split-input-file -verify-diagnostics

// There is nothing to build from.
// expected-error @below {{has no function @forward}}
module {}

// -----

// The input is no batch of sequences.
// expected-error @below {{@forward has to take tokens B x T of i32 and give logits B x T x V of floats, of static shape, but is '(tensor<16xi32>) -> tensor<16xi32>'}}
func.func @forward(%ids: tensor<16xi32>) -> tensor<16xi32> {
  return %ids : tensor<16xi32>
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
// expected-error @below {{@forward has to be one block, but has 2}}
func.func @forward(%ids: tensor<1x4xi32>) -> tensor<1x4x8xf32> {
  %w = arith.constant dense<1.0> : tensor<16x8xf32>
  cf.br ^bb1
^bb1:
  %x = pi.embedding %ids, %w : (tensor<1x4xi32>, tensor<16x8xf32>) -> tensor<1x4x8xf32>
  return %x : tensor<1x4x8xf32>
}

// -----

// One token has no logits of its own here.
func.func @forward(%ids: tensor<1x4xi32>) -> tensor<1x4x8xf32> {
  %x = arith.constant dense<0.0> : tensor<1x4x8xf32>
  // expected-error @below {{logits do not depend on the tokens, so they have no form for one position}}
  return %x : tensor<1x4x8xf32>
}

// -----

// What normalises the rows of all positions has no form for one.
func.func @forward(%ids: tensor<1x16xi32>) -> tensor<1x16x16xf32> {
  %w = arith.constant dense<1.0> : tensor<384x192xf32>
  %q = pi.embedding %ids, %w : (tensor<1x16xi32>, tensor<384x192xf32>) -> tensor<1x16x192xf32>
  // expected-error @below {{gives its log_sum_exp to an operation that inference keeps}}
  %y, %l = pi.attention %q heads 16 scale 0.25 causal : (tensor<1x16x192xf32>) -> (tensor<1x16x64xf32>, log_sum_exp tensor<1x16x16xf32>)
  return %l : tensor<1x16x16xf32>
}

// -----

// A new token would change what earlier positions see.
func.func @forward(%ids: tensor<1x16xi32>) -> tensor<1x16x64xf32> {
  %w = arith.constant dense<1.0> : tensor<384x192xf32>
  %q = pi.embedding %ids, %w : (tensor<1x16xi32>, tensor<384x192xf32>) -> tensor<1x16x192xf32>
  // expected-error @below {{is not causal}}
  %y = pi.attention %q heads 4 scale 0.25 : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
  return %y : tensor<1x16x64xf32>
}

// -----

// An operation of another dialect that cannot say its type at one position.
func.func @forward(%ids: tensor<1x16xi32>) -> tensor<1x16x64xf32> {
  // expected-error @below {{has no form for one position}}
  %y = "tosa.custom"(%ids) {domain_name = "a", implementation_attrs = "", operator_name = "b"} : (tensor<1x16xi32>) -> tensor<1x16x64xf32>
  return %y : tensor<1x16x64xf32>
}

// -----

func.func @forward(%ids: tensor<1x16xi32>) -> tensor<1x16x64xf32> {
  %w = arith.constant dense<1.0> : tensor<384x64xf32>
  %x = pi.embedding %ids, %w : (tensor<1x16xi32>, tensor<384x64xf32>) -> tensor<1x16x64xf32>
  return %x : tensor<1x16x64xf32>
}
// expected-error @below {{stands in the way of the generated function @decode}}
func.func private @decode()
