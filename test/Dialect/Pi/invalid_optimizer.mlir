// What verifiers of operations that update parameters refuse, and why.
// RUN: pi-opt %s -split-input-file -verify-diagnostics

func.func @store_unknown(%x: tensor<4xf32>) {
  // expected-error @+1 {{refers to '@w', which is neither a 'pi.parameter' nor a 'pi.state'}}
  pi.store %x, @w : tensor<4xf32>
  return
}

// -----

// A function is no tensor.
func.func @f(%x: tensor<4xf32>) {
  // expected-error @+1 {{refers to '@f', which is neither a 'pi.parameter' nor a 'pi.state'}}
  pi.store %x, @f : tensor<4xf32>
  return
}

// -----

pi.parameter @w : tensor<8xf32>
func.func @store_type(%x: tensor<4xf32>) {
  // expected-error @+1 {{stores 'tensor<4xf32>', but parameter '@w' is 'tensor<8xf32>'}}
  pi.store %x, @w : tensor<4xf32>
  return
}

// -----

pi.state @m : tensor<8xf32>
func.func @load_type() -> tensor<4xf32> {
  // expected-error @+1 {{gives 'tensor<4xf32>', but state '@m' is 'tensor<8xf32>'}}
  %m = pi.load @m : tensor<4xf32>
  return %m : tensor<4xf32>
}

// -----

// A derivation runs before there is any state.
pi.state @m : tensor<4xf32>
pi.parameter @w : tensor<4xf32> derived {
  // expected-error @+1 {{reads state '@m', but a derivation reads parameters alone}}
  %m = pi.load @m : tensor<4xf32>
  pi.yield %m : tensor<4xf32>
}

// -----

func.func @norm_of_nothing() -> tensor<f32> {
  // expected-error @+1 {{needs at least one operand}}
  %0 = "pi.global_norm"() : () -> tensor<f32>
  return %0 : tensor<f32>
}

// -----

func.func @finite_nothing() -> tensor<i32> {
  // expected-error @+1 {{needs at least one operand}}
  %0 = "pi.is_finite"() : () -> tensor<i32>
  return %0 : tensor<i32>
}

// -----

// The norm of many elements is no number of bf16.
func.func @norm_format(%x: tensor<4xbf16>) -> tensor<f32> {
  // expected-error @+1 {{operand #0 must be variadic of statically shaped tensor of 32-bit float values, but got 'tensor<4xbf16>'}}
  %0 = pi.global_norm %x : tensor<4xbf16>
  return %0 : tensor<f32>
}

// -----

// With beta 1 the first correction divides by 0.
func.func @beta(%x: tensor<4xf32>, %s: tensor<f32>, %i: tensor<i32>) {
  // expected-error @+1 {{beta1 and beta2 have to be at least 0 and below 1}}
  %0:3 = pi.adamw %x gradient %x moments %x, %x learning_rate %s weight_decay %s step %i coefficient %s beta1 0.9 beta2 1.0 epsilon 1.0e-8 : tensor<4xf32>
  return
}

// -----

func.func @epsilon(%x: tensor<4xf32>, %s: tensor<f32>, %i: tensor<i32>) {
  // expected-error @+1 {{epsilon has to be finite and not negative}}
  %0:3 = pi.adamw %x gradient %x moments %x, %x learning_rate %s weight_decay %s step %i coefficient %s beta1 0.9 beta2 0.95 epsilon -1.0 : tensor<4xf32>
  return
}

// -----

func.func @entropy_rank(%e: tensor<4x16xf32>) {
  // expected-error @+2 {{failed to infer returned types}}
  // expected-error @+1 {{entropy has to be a static tensor of rank at least 3}}
  %m = pi.mean_entropy %e : (tensor<4x16xf32>) -> tensor<4xf32>
  return
}
