// RUN: pi-opt %s --pi-add-optimizer -split-input-file -verify-diagnostics
// RUN: echo "module {}" | not pi-opt - --pi-add-optimizer=optimizer=sgd 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: echo "module {}" | not pi-opt - --pi-add-optimizer=beta2=1 2>&1 | FileCheck %s --check-prefix=BETA
// RUN: echo "module {}" | not pi-opt - --pi-add-optimizer=epsilon=-1 2>&1 | FileCheck %s --check-prefix=EPSILON
// RUN: echo "module {}" | not pi-opt - --pi-build-train-step=optimizer=sgd 2>&1 | FileCheck %s --check-prefix=PIPELINE

// NAME: error: pi-add-optimizer: there is no optimizer 'sgd'; there is adamw
// BETA: error: pi-add-optimizer: beta1 and beta2 have to be at least 0 and below 1, but one is 1
// EPSILON: error: pi-add-optimizer: epsilon has to be finite and not negative, but is -1
// PIPELINE: error: has no function @forward

// expected-error @+1 {{has no function @gradients to build @train_step from}}
module {
  func.func private @gradients() -> tensor<f32>
}

// -----

func.func @gradients() -> tensor<f32> {
  %l = arith.constant dense<0.0> : tensor<f32>
  return %l : tensor<f32>
}
// expected-error @+1 {{stands in the way of the generated function @train_step}}
func.func @train_step() {
  return
}

// -----

// expected-error @+1 {{has to give the loss, a scalar of f32, and then gradients, but is '() -> tensor<f64>'}}
func.func @gradients() -> tensor<f64> {
  %l = arith.constant dense<0.0> : tensor<f64>
  return %l : tensor<f64>
}

// -----

// expected-error @+1 {{gives no gradient: there is nothing to update}}
func.func @gradients() -> tensor<f32> {
  %l = arith.constant dense<0.0> : tensor<f32>
  return %l : tensor<f32>
}

// -----

pi.parameter @w : tensor<4xf32>
// expected-error @+1 {{result 1 has no attribute pi.gradient that says which parameter it is the gradient of}}
func.func @gradients(%l: tensor<f32>) -> (tensor<f32>, tensor<4xf32>) {
  %w = pi.load @w : tensor<4xf32>
  return %l, %w : tensor<f32>, tensor<4xf32>
}

// -----

// Updated without being read, it would be no gradient at all.
pi.parameter @w : tensor<4xf32>
// expected-error @+1 {{result 1 is the gradient of @w, which has to be a parameter that the function reads and be given once}}
func.func @gradients(%l: tensor<f32>, %g: tensor<4xf32>) -> (tensor<f32>, tensor<4xf32> {pi.gradient = @w}) {
  return %l, %g : tensor<f32>, tensor<4xf32>
}

// -----

// A parameter without a gradient would never learn, and nobody would notice.
pi.parameter @v : tensor<4xf32>
pi.parameter @w : tensor<4xf32>
func.func @gradients(%l: tensor<f32>) -> (tensor<f32>, tensor<4xf32> {pi.gradient = @w}) {
  %w = pi.load @w : tensor<4xf32>
  // expected-error @+1 {{reads parameter '@v', but @gradients gives no gradient of it: a result with the attribute pi.gradient = @v}}
  %v = pi.load @v : tensor<4xf32>
  return %l, %w : tensor<f32>, tensor<4xf32>
}

// -----

// expected-error @+1 {{has type 'tensor<4xf64>', but is updated in f32}}
pi.parameter @w : tensor<4xf64>
func.func @gradients(%l: tensor<f32>) -> (tensor<f32>, tensor<4xf64> {pi.gradient = @w}) {
  %w = pi.load @w : tensor<4xf64>
  return %l, %w : tensor<f32>, tensor<4xf64>
}

// -----

pi.parameter @w : tensor<4xf32>
// expected-error @+1 {{stands in the way of the state '@w.exp_avg' that the optimizer keeps}}
pi.parameter @w.exp_avg : tensor<4xf32>
func.func @gradients(%l: tensor<f32>) -> (tensor<f32>, tensor<4xf32> {pi.gradient = @w}) {
  %w = pi.load @w : tensor<4xf32>
  return %l, %w : tensor<f32>, tensor<4xf32>
}
