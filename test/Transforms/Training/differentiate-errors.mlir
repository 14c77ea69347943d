// RUN: pi-opt %s --pi-differentiate -split-input-file -verify-diagnostics

// The operation, where it stands, and what asks for its rule are named.
pi.parameter @h.0.attn.c_attn.weight : tensor<1x1x12xf32>
func.func @loss(%cache: tensor<2x1x4x4xf32>, %i: tensor<i32>, %t: tensor<1x1xi32>) -> tensor<f32> {
  %qkv = pi.load @h.0.attn.c_attn.weight : tensor<1x1x12xf32>
  // expected-error @+1 {{'pi.cached_attention' op has no rule to differentiate it, but stands between parameter '@h.0.attn.c_attn.weight' and the result of @loss}}
  %y = pi.cached_attention %qkv, %cache at %i heads 1 scale 0.5 : (tensor<1x1x12xf32>, tensor<2x1x4x4xf32>, tensor<i32>) -> tensor<1x1x4xf32>
  %loss = pi.cross_entropy %y, %t ignore_index -100 : (tensor<1x1x4xf32>, tensor<1x1xi32>) -> tensor<f32>
  return %loss : tensor<f32>
}

// -----

// Off the way, it may stand.
pi.parameter @qkv : tensor<1x1x12xf32>
func.func @loss(%cache: tensor<2x1x4x4xf32>, %i: tensor<i32>, %x: tensor<f32>) -> tensor<f32> {
  %qkv = pi.load @qkv : tensor<1x1x12xf32>
  %y = pi.cached_attention %qkv, %cache at %i heads 1 scale 0.5 : (tensor<1x1x12xf32>, tensor<2x1x4x4xf32>, tensor<i32>) -> tensor<1x1x4xf32>
  return %x : tensor<f32>
}

// -----

// expected-error @+1 {{has no function @loss with a body to differentiate}}
module {
  func.func private @loss() -> tensor<f32>
}

// -----

// expected-error @+1 {{has to give one float scalar to be differentiated, but is '(tensor<4xf32>) -> tensor<4xf32>'}}
func.func @loss(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}

// -----

// expected-error @+1 {{has to be one block to be differentiated}}
func.func @loss(%x: tensor<f32>) -> tensor<f32> {
  cf.br ^next
^next:
  return %x : tensor<f32>
}

// -----

func.func @loss(%x: tensor<f32>) -> tensor<f32> {
  return %x : tensor<f32>
}
// expected-error @+1 {{stands in the way of the generated function @gradients}}
func.func @gradients() {
  return
}

// -----

// The log_sum_exp is there for the gradient, and has none itself.
pi.parameter @qkv : tensor<1x4x12xf32>
func.func @loss(%t: tensor<1x1xi32>) -> tensor<f32> {
  %qkv = pi.load @qkv : tensor<1x4x12xf32>
  // expected-error @+1 {{has no rule to differentiate its log_sum_exp}}
  %y, %l = pi.attention %qkv heads 1 scale 0.5 causal : (tensor<1x4x12xf32>) -> (tensor<1x4x4xf32>, log_sum_exp tensor<1x1x4xf32>)
  %loss = pi.cross_entropy %l, %t ignore_index -100 : (tensor<1x1x4xf32>, tensor<1x1xi32>) -> tensor<f32>
  return %loss : tensor<f32>
}

// -----

// What happens in a region counts, too.
pi.parameter @w : tensor<f32>
func.func @loss(%c: i1, %x: tensor<f32>) -> tensor<f32> {
  %w = pi.load @w : tensor<f32>
  // expected-error @+1 {{'scf.if' op has no rule to differentiate it, but stands between parameter '@w' and the result of @loss}}
  %y = scf.if %c -> tensor<f32> {
    scf.yield %w : tensor<f32>
  } else {
    scf.yield %x : tensor<f32>
  }
  return %y : tensor<f32>
}

// -----

// A function that is called may read parameters.
func.func private @helper() -> tensor<f32>
func.func @loss() -> tensor<f32> {
  // expected-error @+1 {{has an effect beside its results, which cannot be differentiated}}
  %0 = call @helper() : () -> tensor<f32>
  return %0 : tensor<f32>
}

// -----

// What this adds is no part of the result: pi-build-loss has to run before.
func.func @loss(%x: tensor<f32>, %p: tensor<f32>) -> tensor<f32> {
  // expected-error @+1 {{has an effect beside its results, which cannot be differentiated}}
  pi.add_loss %p : tensor<f32>
  return %x : tensor<f32>
}
