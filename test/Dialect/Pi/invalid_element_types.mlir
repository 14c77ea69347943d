// RUN: pi-opt %s --split-input-file --verify-diagnostics

// What scales a row may be f32 beside tensors of a shorter type.
func.func @wide(%x: tensor<1x4x24xbf16>, %y: tensor<1x4x8xbf16>, %s: tensor<1x2x4x4xbf16>, %w: tensor<4x4xbf16>, %cache: tensor<2x1x4x8xbf16>, %i: tensor<i32>, %v: tensor<8xf32>, %t: tensor<2x4xf32>, %g: tensor<4xf32>) {
  %0 = pi.layer_norm %y, %v, %v epsilon 1.0e-5 : (tensor<1x4x8xbf16>, tensor<8xf32>, tensor<8xf32>) -> tensor<1x4x8xbf16>
  %1 = pi.softmax %s temperature %t : (tensor<1x2x4x4xbf16>, tensor<2x4xf32>) -> tensor<1x2x4x4xbf16>
  %2 = pi.attention %x temperature %t heads 2 scale 0.5 : (tensor<1x4x24xbf16>, tensor<2x4xf32>) -> tensor<1x4x8xbf16>
  %3 = pi.cached_attention %x, %cache at %i temperature %t heads 2 scale 0.5 : (tensor<1x4x24xbf16>, tensor<2x1x4x8xbf16>, tensor<i32>, tensor<2x4xf32>) -> tensor<1x4x8xbf16>
  %4 = pi.weight_norm %w gain %g : (tensor<4x4xbf16>, tensor<4xf32>) -> tensor<4x4xbf16>
  return
}

// -----

// Any other mixture is an error.
func.func @layer_norm_weight(%x: tensor<1x4x8xbf16>, %w: tensor<8xf16>, %b: tensor<8xf32>) -> tensor<1x4x8xbf16> {
  // expected-error @+1 {{elements of weight have to be 'bf16' or 'f32', but it is 'tensor<8xf16>'}}
  %0 = pi.layer_norm %x, %w, %b epsilon 1.0e-5 : (tensor<1x4x8xbf16>, tensor<8xf16>, tensor<8xf32>) -> tensor<1x4x8xbf16>
  return %0 : tensor<1x4x8xbf16>
}

// -----

func.func @layer_norm_bias(%x: tensor<1x4x8xf32>, %w: tensor<8xf32>, %b: tensor<8xf64>) -> tensor<1x4x8xf32> {
  // expected-error @+1 {{elements of bias have to be 'f32', but it is 'tensor<8xf64>'}}
  %0 = pi.layer_norm %x, %w, %b epsilon 1.0e-5 : (tensor<1x4x8xf32>, tensor<8xf32>, tensor<8xf64>) -> tensor<1x4x8xf32>
  return %0 : tensor<1x4x8xf32>
}

// -----

func.func @linear(%x: tensor<1x4x8xf32>, %w: tensor<8x8xf32>, %b: tensor<8xf64>) -> tensor<1x4x8xf32> {
  // expected-error @+2 {{bias has to have the element type of the input, but they are 'tensor<8xf64>' and 'tensor<1x4x8xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = pi.linear %x, %w bias %b : (tensor<1x4x8xf32>, tensor<8x8xf32>, tensor<8xf64>) -> tensor<1x4x8xf32>
  return %0 : tensor<1x4x8xf32>
}

// -----

func.func @softmax(%x: tensor<1x2x4x4xf32>, %t: tensor<2x4xf64>) -> tensor<1x2x4x4xf32> {
  // expected-error @+1 {{elements of temperature have to be 'f32', but it is 'tensor<2x4xf64>'}}
  %0 = pi.softmax %x temperature %t : (tensor<1x2x4x4xf32>, tensor<2x4xf64>) -> tensor<1x2x4x4xf32>
  return %0 : tensor<1x2x4x4xf32>
}

// -----

func.func @attention(%x: tensor<1x4x24xf32>, %t: tensor<2x4xf64>) -> tensor<1x4x8xf32> {
  // expected-error @+1 {{elements of temperature have to be 'f32', but it is 'tensor<2x4xf64>'}}
  %0 = pi.attention %x temperature %t heads 2 scale 0.5 causal : (tensor<1x4x24xf32>, tensor<2x4xf64>) -> tensor<1x4x8xf32>
  return %0 : tensor<1x4x8xf32>
}

// -----

func.func @cached_attention(%x: tensor<1x1x24xf32>, %c: tensor<2x1x4x8xf32>, %i: tensor<i32>, %t: tensor<2x4xbf16>) -> tensor<1x1x8xf32> {
  // expected-error @+1 {{elements of temperature have to be 'f32', but it is 'tensor<2x4xbf16>'}}
  %0 = pi.cached_attention %x, %c at %i temperature %t heads 2 scale 0.5 : (tensor<1x1x24xf32>, tensor<2x1x4x8xf32>, tensor<i32>, tensor<2x4xbf16>) -> tensor<1x1x8xf32>
  return %0 : tensor<1x1x8xf32>
}

// -----

// A cache holds rows of qkv as they are.
func.func @update_cache(%x: tensor<1x1x24xf32>, %c: tensor<2x1x4x8xf16>, %i: tensor<i32>) -> tensor<2x1x4x8xf16> {
  // expected-error @+1 {{cache and qkv have to have one element type, but are 'tensor<2x1x4x8xf16>' and 'tensor<1x1x24xf32>'}}
  %0 = pi.update_cache %c, %x at %i : (tensor<2x1x4x8xf16>, tensor<1x1x24xf32>, tensor<i32>) -> tensor<2x1x4x8xf16>
  return %0 : tensor<2x1x4x8xf16>
}

// -----

func.func @read_cache(%x: tensor<1x1x24xf32>, %c: tensor<2x1x4x8xf64>, %i: tensor<i32>) -> tensor<1x1x8xf32> {
  // expected-error @+1 {{cache and qkv have to have one element type, but are 'tensor<2x1x4x8xf64>' and 'tensor<1x1x24xf32>'}}
  %0 = pi.cached_attention %x, %c at %i heads 2 scale 0.5 : (tensor<1x1x24xf32>, tensor<2x1x4x8xf64>, tensor<i32>) -> tensor<1x1x8xf32>
  return %0 : tensor<1x1x8xf32>
}

// -----

func.func @weight_norm(%x: tensor<4x4xf32>, %g: tensor<4xf64>) -> tensor<4x4xf32> {
  // expected-error @+2 {{elements of gain have to be 'f32', but it is 'tensor<4xf64>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = pi.weight_norm %x gain %g : (tensor<4x4xf32>, tensor<4xf64>) -> tensor<4x4xf32>
  return %0 : tensor<4x4xf32>
}

// -----

func.func @entropy_penalty(%x: tensor<1x4x4xf32>, %t: tensor<4xf64>) -> tensor<f32> {
  // expected-error @+1 {{elements of threshold have to be 'f32', but it is 'tensor<4xf64>'}}
  %0 = pi.entropy_penalty %x, %t reading per_row gamma 0.2 lambda 1.0e-5 : (tensor<1x4x4xf32>, tensor<4xf64>) -> tensor<f32>
  return %0 : tensor<f32>
}

// -----

// Gradients take the same operands.
func.func @layer_norm_grad(%x: tensor<1x4x8xf32>, %w: tensor<8xf64>) -> tensor<1x4x8xf32> {
  // expected-error @+1 {{elements of weight have to be 'f32', but it is 'tensor<8xf64>'}}
  %0:3 = pi.layer_norm_grad %x, %x, %w epsilon 1.0e-5 : (tensor<1x4x8xf32>, tensor<1x4x8xf32>, tensor<8xf64>) -> (tensor<1x4x8xf32>, tensor<8xf64>, tensor<8xf64>)
  return %0#0 : tensor<1x4x8xf32>
}

// -----

func.func @softmax_grad(%x: tensor<1x2x4x4xf32>, %t: tensor<2x4xf64>) -> tensor<2x4xf64> {
  // expected-error @+1 {{elements of temperature have to be 'f32', but it is 'tensor<2x4xf64>'}}
  %0:2 = pi.softmax_grad %x, %x, %x temperature %t : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<2x4xf64>) -> (tensor<1x2x4x4xf32>, tensor<2x4xf64>)
  return %0#1 : tensor<2x4xf64>
}

// -----

func.func @weight_norm_grad(%x: tensor<4x4xf32>, %g: tensor<4xf64>) -> tensor<4x4xf32> {
  // expected-error @+1 {{elements of gain have to be 'f32', but it is 'tensor<4xf64>'}}
  %0:2 = pi.weight_norm_grad %x, %x gain %g : (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4xf64>) -> (tensor<4x4xf32>, tensor<4xf64>)
  return %0#0 : tensor<4x4xf32>
}
