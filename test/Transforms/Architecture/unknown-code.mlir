// Code that no pass knows is left alone: a remark says where and why, and the
// operations around it stay as they are.
// RUN: pi-opt %s --split-input-file --verify-diagnostics --allow-unregistered-dialect --pi-architecture='name=EReg(SM(t)+ScFuFFN)' | FileCheck %s

pi.parameter @h.0.attn.c_attn.weight : tensor<64x192xf32>

// Something stands between the feed-forward block's linears.
// CHECK-LABEL: func.func @hidden
func.func @hidden(%x: tensor<1x16x64xf32>, %o: tensor<64x64xf32>, %fc: tensor<64x256xf32>, %proj: tensor<256x64xf32>) -> tensor<1x16x64xf32> {
  %w = pi.load @h.0.attn.c_attn.weight : tensor<64x192xf32>
  %qkv = pi.linear %x, %w : (tensor<1x16x64xf32>, tensor<64x192xf32>) -> tensor<1x16x192xf32>
  // CHECK: pi.attention %{{.*}} temperature
  %a = pi.attention %qkv heads 4 scale 0.25 causal : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
  %0 = pi.linear %a, %o : (tensor<1x16x64xf32>, tensor<64x64xf32>) -> tensor<1x16x64xf32>
  %1 = pi.add %x, %0 : (tensor<1x16x64xf32>, tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
  // CHECK: pi.linear
  // CHECK: math.tanh
  // CHECK: pi.linear
  // CHECK: pi.add
  %2 = pi.linear %1, %fc : (tensor<1x16x64xf32>, tensor<64x256xf32>) -> tensor<1x16x256xf32>
  %3 = math.tanh %2 : tensor<1x16x256xf32>
  %4 = pi.linear %3, %proj : (tensor<1x16x256xf32>, tensor<256x64xf32>) -> tensor<1x16x64xf32>
  // expected-remark @+1 {{feed-forward block is left alone: its last linear reads 'math.tanh', not 'pi.linear' with at most one activation between}}
  %5 = pi.add %1, %4 : (tensor<1x16x64xf32>, tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
  return %5 : tensor<1x16x64xf32>
}

// -----

pi.parameter @h.0.attn.c_attn.weight : tensor<64x192xf32>

// Something changes the update before it joins the stream, and the GELU is
// then not known to be the block's.
// CHECK-LABEL: func.func @update
func.func @update(%x: tensor<1x16x64xf32>, %o: tensor<64x64xf32>, %fc: tensor<64x256xf32>, %proj: tensor<256x64xf32>) -> tensor<1x16x64xf32> {
  %w = pi.load @h.0.attn.c_attn.weight : tensor<64x192xf32>
  %qkv = pi.linear %x, %w : (tensor<1x16x64xf32>, tensor<64x192xf32>) -> tensor<1x16x192xf32>
  %a = pi.attention %qkv heads 4 scale 0.25 causal : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
  %0 = pi.linear %a, %o : (tensor<1x16x64xf32>, tensor<64x64xf32>) -> tensor<1x16x64xf32>
  %1 = pi.add %x, %0 : (tensor<1x16x64xf32>, tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
  %2 = pi.linear %1, %fc : (tensor<1x16x64xf32>, tensor<64x256xf32>) -> tensor<1x16x256xf32>
  // CHECK: pi.gelu
  // expected-remark @+1 {{GELU is left alone: it does not stand between the two linears of a feed-forward block}}
  %3 = pi.gelu %2 approximate tanh : tensor<1x16x256xf32>
  %4 = pi.linear %3, %proj : (tensor<1x16x256xf32>, tensor<256x64xf32>) -> tensor<1x16x64xf32>
  // CHECK: test.dropout
  // CHECK-NEXT: pi.add
  %5 = "test.dropout"(%4) : (tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
  // expected-remark @+1 {{feed-forward block is left alone: its update comes from 'test.dropout', not from 'pi.linear'}}
  %6 = pi.add %1, %5 : (tensor<1x16x64xf32>, tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
  return %6 : tensor<1x16x64xf32>
}

// -----

pi.parameter @h.0.attn.c_attn.weight : tensor<64x192xf32>

// A LayerNorm on the stream itself (post-norm) is not one before a block, and
// a hidden state that something else reads is not the block's alone.
// CHECK-LABEL: func.func @post_norm
func.func @post_norm(%x: tensor<1x16x64xf32>, %o: tensor<64x64xf32>, %n: tensor<64xf32>, %fc: tensor<64x256xf32>, %proj: tensor<256x64xf32>) -> (tensor<1x16x64xf32>, tensor<1x16x256xf32>) {
  %w = pi.load @h.0.attn.c_attn.weight : tensor<64x192xf32>
  %qkv = pi.linear %x, %w : (tensor<1x16x64xf32>, tensor<64x192xf32>) -> tensor<1x16x192xf32>
  %a = pi.attention %qkv heads 4 scale 0.25 causal : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
  %0 = pi.linear %a, %o : (tensor<1x16x64xf32>, tensor<64x64xf32>) -> tensor<1x16x64xf32>
  %1 = pi.add %x, %0 : (tensor<1x16x64xf32>, tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
  // CHECK: pi.layer_norm
  // expected-remark @+1 {{LayerNorm is left alone: it is not what attention, a feed-forward block or the head reads alone}}
  %2 = pi.layer_norm %1, %n, %n epsilon 1.0e-5 : (tensor<1x16x64xf32>, tensor<64xf32>, tensor<64xf32>) -> tensor<1x16x64xf32>
  %3 = pi.linear %2, %fc : (tensor<1x16x64xf32>, tensor<64x256xf32>) -> tensor<1x16x256xf32>
  %4 = pi.linear %3, %proj : (tensor<1x16x256xf32>, tensor<256x64xf32>) -> tensor<1x16x64xf32>
  // expected-remark @+1 {{feed-forward block is left alone: the result of 'pi.linear' is read 2 times, not once}}
  %5 = pi.add %2, %4 : (tensor<1x16x64xf32>, tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
  return %5, %3 : tensor<1x16x64xf32>, tensor<1x16x256xf32>
}

// -----

// Weights that are no parameters give new parameters no name.
// CHECK-LABEL: func.func @no_parameters
func.func @no_parameters(%x: tensor<1x16x64xf32>, %w: tensor<64x192xf32>, %o: tensor<64x64xf32>, %fc: tensor<64x256xf32>, %proj: tensor<256x64xf32>) -> tensor<1x16x64xf32> {
  %qkv = pi.linear %x, %w : (tensor<1x16x64xf32>, tensor<64x192xf32>) -> tensor<1x16x192xf32>
  // expected-remark @+1 {{attention is left alone: the weights of its projections are no parameters}}
  %a = pi.attention %qkv heads 4 scale 0.25 causal : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
  %0 = pi.linear %a, %o : (tensor<1x16x64xf32>, tensor<64x64xf32>) -> tensor<1x16x64xf32>
  %1 = pi.add %x, %0 : (tensor<1x16x64xf32>, tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
  %2 = pi.linear %1, %fc : (tensor<1x16x64xf32>, tensor<64x256xf32>) -> tensor<1x16x256xf32>
  // expected-remark @+1 {{feed-forward block is left alone: its weights are not computed from parameters alone}}
  %3 = pi.linear %2, %proj : (tensor<1x16x256xf32>, tensor<256x64xf32>) -> tensor<1x16x64xf32>
  // expected-remark @+1 {{feed-forward block is left alone: its weight is no parameter, so there is no name for its scales}}
  %4 = pi.add %1, %3 : (tensor<1x16x64xf32>, tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
  return %4 : tensor<1x16x64xf32>
}

// -----

// An attention over a cache belongs to a form that is made after rewriting.
// CHECK-LABEL: func.func @cache
func.func @cache(%qkv: tensor<1x1x192xf32>, %cache: tensor<2x1x16x64xf32>, %i: tensor<i32>) -> tensor<1x1x64xf32> {
  // expected-remark @+1 {{attention is left alone: it reads a cache, so the model has to be rewritten before 'pi-build-generation'}}
  %0 = pi.cached_attention %qkv, %cache at %i heads 4 scale 0.25 : (tensor<1x1x192xf32>, tensor<2x1x16x64xf32>, tensor<i32>) -> tensor<1x1x64xf32>
  return %0 : tensor<1x1x64xf32>
}
