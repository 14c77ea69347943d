// RUN: pi-opt %s -split-input-file --convert-pi-to-pirt -verify-diagnostics

// An operation without a kernel.
func.func @forward(%x: tensor<1x2x4x4xf32> {pi.name = "x"}) -> (tensor<1x2x4x4xf32> {pi.name = "y"}) {
  // expected-error @+1 {{there is no GPU code for operation 'pi.softmax'}}
  %0 = pi.softmax %x causal : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  return %0 : tensor<1x2x4x4xf32>
}

// -----

// A result that nobody could find.
// expected-error @+1 {{result 0 has none of the attributes pi.name, pi.gradient, pi.parameter and pi.state}}
func.func @forward(%x: tensor<4x4xf32> {pi.name = "x"}) -> tensor<4x4xf32> {
  %0 = pi.relu %x : tensor<4x4xf32>
  return %0 : tensor<4x4xf32>
}

// -----

// A state that the caller does not pass.
// expected-error @+1 {{returns "s", which is no argument}}
func.func @forward(%x: tensor<4x4xf32> {pi.name = "x"}) -> (tensor<4x4xf32> {pi.state = "s"}) {
  %0 = pi.relu %x : tensor<4x4xf32>
  return %0 : tensor<4x4xf32>
}

// -----

// A temperature is f32, whatever the other numbers are.
func.func @forward(%x: tensor<1x16x192xbf16> {pi.name = "x"}, %t: tensor<4x16xbf16> {pi.name = "t"}) -> (tensor<1x16x64xbf16> {pi.name = "y"}) {
  // expected-error @+1 {{attention on a GPU takes a temperature in f32, not 'tensor<4x16xbf16>'}}
  %0 = pi.attention %x temperature %t heads 4 scale 0.25 causal : (tensor<1x16x192xbf16>, tensor<4x16xbf16>) -> tensor<1x16x64xbf16>
  return %0 : tensor<1x16x64xbf16>
}

// -----

// A constant that has to be data in the artefact.
func.func @forward(%x: tensor<2x2xf32> {pi.name = "x"}) -> (tensor<2x2xf32> {pi.name = "y"}) {
  // expected-error @+1 {{there is no GPU code for a constant of integers or whose elements differ}}
  %c = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %0 = pi.mul %x, %c : (tensor<2x2xf32>, tensor<2xf32>) -> tensor<2x2xf32>
  return %0 : tensor<2x2xf32>
}

// -----

// The old cache is read after it has been written over.
func.func @old_cache(%x: tensor<1x1x48xf32> {pi.name = "x"}, %i: tensor<i32> {pi.name = "position"}, %c: tensor<2x1x8x16xf32> {pi.state = "c"})
    -> (tensor<1x1x16xf32> {pi.name = "new"}, tensor<1x1x16xf32> {pi.name = "old"}, tensor<2x1x8x16xf32> {pi.state = "c"}) {
  // expected-error @+1 {{on a GPU an update is written in place of what it updates, so it has to be returned as the new value of that}}
  %c1 = pi.update_cache %c, %x at %i : (tensor<2x1x8x16xf32>, tensor<1x1x48xf32>, tensor<i32>) -> tensor<2x1x8x16xf32>
  %new = pi.cached_attention %x, %c1 at %i heads 4 scale 0.5 : (tensor<1x1x48xf32>, tensor<2x1x8x16xf32>, tensor<i32>) -> tensor<1x1x16xf32>
  %old = pi.cached_attention %x, %c at %i heads 4 scale 0.5 : (tensor<1x1x48xf32>, tensor<2x1x8x16xf32>, tensor<i32>) -> tensor<1x1x16xf32>
  return %new, %old, %c1 : tensor<1x1x16xf32>, tensor<1x1x16xf32>, tensor<2x1x8x16xf32>
}

// -----

// The state would change although the function says that it does not.
func.func @lost_cache(%x: tensor<1x2x48xf32> {pi.name = "x"}, %c: tensor<2x1x8x16xf32> {pi.state = "c"})
    -> (tensor<2x1x8x16xf32> {pi.name = "y"}) {
  // expected-error @+1 {{on a GPU an update is written in place of what it updates}}
  %c1 = pi.update_cache %c, %x : (tensor<2x1x8x16xf32>, tensor<1x2x48xf32>) -> tensor<2x1x8x16xf32>
  return %c1 : tensor<2x1x8x16xf32>
}

// -----

// Two updates are one launch, in which each reads its gradient when it likes.
pi.parameter @w : tensor<4xf32>
pi.parameter @u : tensor<4xf32>
func.func @step(%x: tensor<f32> {pi.name = "x"}, %step: tensor<i32> {pi.name = "step"}, %g: tensor<4xf32> {pi.name = "g"},
                %w: tensor<4xf32> {pi.parameter = @w}, %wm: tensor<4xf32> {pi.state = "wm"}, %wv: tensor<4xf32> {pi.state = "wv"},
                %u: tensor<4xf32> {pi.parameter = @u}, %um: tensor<4xf32> {pi.state = "um"}, %uv: tensor<4xf32> {pi.state = "uv"})
    -> (tensor<4xf32> {pi.parameter = @w}, tensor<4xf32> {pi.state = "wm"}, tensor<4xf32> {pi.state = "wv"},
        tensor<4xf32> {pi.parameter = @u}, tensor<4xf32> {pi.state = "um"}, tensor<4xf32> {pi.state = "uv"}) attributes {pi.training} {
  // expected-error @+1 {{has a gradient that an update beside it, which runs at the same time, writes over}}
  %w1, %wm1, %wv1 = pi.adamw %w gradient %u moments %wm, %wv learning_rate %x weight_decay %x step %step coefficient %x
      beta1 0.9 beta2 0.95 epsilon 1.0e-8 : tensor<4xf32>
  %u1, %um1, %uv1 = pi.adamw %u gradient %g moments %um, %uv learning_rate %x weight_decay %x step %step coefficient %x
      beta1 0.9 beta2 0.95 epsilon 1.0e-8 : tensor<4xf32>
  return %w1, %wm1, %wv1, %u1, %um1, %uv1 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}
