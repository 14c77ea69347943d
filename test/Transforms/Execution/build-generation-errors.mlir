// RUN: pi-opt %s --pi-build-generation -split-input-file -verify-diagnostics

// There is nothing to build from.
// expected-error @below {{has no function @forward}}
module {}

// -----

// The input is no batch of sequences.
// expected-error @below {{@forward has to take tokens B x T of i32 and give logits B x T x V, but is '(tensor<16xi32>) -> tensor<16xi32>'}}
func.func @forward(%ids: tensor<16xi32>) -> tensor<16xi32> {
  return %ids : tensor<16xi32>
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
