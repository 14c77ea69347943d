// RUN: pi-opt %s --pi-build-evaluation -split-input-file -verify-diagnostics
// RUN: echo "module {}" | not pi-opt - --pi-build-finite-check 2>&1 | FileCheck %s

// CHECK: has no function @gradients to build @check_finite from

// expected-error @+1 {{has no function @forward to build @evaluate from}}
module {
}

// -----

// expected-error @+1 {{@forward has to give logits B x T x V alone, but is '(tensor<2xi32>) -> tensor<2xi32>'}}
func.func @forward(%x: tensor<2xi32>) -> tensor<2xi32> {
  return %x : tensor<2xi32>
}

// -----

func.func @forward(%x: tensor<2x3x8xf32>) -> tensor<2x3x8xf32> {
  return %x : tensor<2x3x8xf32>
}
// expected-error @+1 {{stands in the way of the generated function @evaluate}}
func.func @evaluate() {
  return
}

// -----

// expected-error @+1 {{@forward has to be one block}}
func.func @forward(%x: tensor<2x3x8xf32>) -> tensor<2x3x8xf32> {
  cf.br ^next
^next:
  return %x : tensor<2x3x8xf32>
}
