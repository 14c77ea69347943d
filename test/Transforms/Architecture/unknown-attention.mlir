// What surrounds an attention that has another form is left alone.
// RUN: pi-opt %s --split-input-file --verify-diagnostics --allow-unregistered-dialect --pi-normalize-weights=placement=QKVO+FFN | FileCheck %s

pi.parameter @h.0.attn.c_attn.weight : tensor<64x192xf32>
pi.parameter @h.0.attn.c_proj.weight : tensor<64x64xf32>

// The projection into q, k and v is known, that of the output is not.
// CHECK-LABEL: func.func @output
func.func @output(%x: tensor<1x16x64xf32>) -> tensor<1x16x64xf32> {
  %w = pi.load @h.0.attn.c_attn.weight : tensor<64x192xf32>
  // CHECK: pi.weight_norm %{{.*}} gain %{{.*}} columns [0, 64, 64, 128, 128, 192]
  %qkv = pi.linear %x, %w : (tensor<1x16x64xf32>, tensor<64x192xf32>) -> tensor<1x16x192xf32>
  // expected-remark @+1 {{attention block is left alone: its result is read by 'test.gate', not by 'pi.linear'}}
  %a = pi.attention %qkv heads 4 scale 0.25 causal : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
  %g = "test.gate"(%a) : (tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
  %o = pi.load @h.0.attn.c_proj.weight : tensor<64x64xf32>
  // CHECK: %[[O:.*]] = pi.load @h.0.attn.c_proj.weight
  // CHECK-NEXT: pi.linear %{{.*}}, %[[O]]
  %0 = pi.linear %g, %o : (tensor<1x16x64xf32>, tensor<64x64xf32>) -> tensor<1x16x64xf32>
  return %0 : tensor<1x16x64xf32>
}

// -----

// q, k and v come from elsewhere.
func.func @qkv(%qkv: tensor<1x16x192xf32>) -> tensor<1x16x64xf32> {
  // expected-remark @+1 {{attention block is left alone: q, k and v come from a block argument, not from 'pi.linear'}}
  %a = pi.attention %qkv heads 4 scale 0.25 causal : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
  return %a : tensor<1x16x64xf32>
}

// -----

pi.parameter @h.0.attn.c_attn.weight : tensor<64x192xf32>

// The update of attention joins something else than what attention reads.
func.func @residual(%x: tensor<1x16x64xf32>, %y: tensor<1x16x64xf32>, %o: tensor<64x64xf32>) -> tensor<1x16x64xf32> {
  %w = pi.load @h.0.attn.c_attn.weight : tensor<64x192xf32>
  %qkv = pi.linear %x, %w : (tensor<1x16x64xf32>, tensor<64x192xf32>) -> tensor<1x16x192xf32>
  // expected-remark @+1 {{attention block is left alone: 'pi.add' does not add the output projection to what the block reads}}
  %a = pi.attention %qkv heads 4 scale 0.25 causal : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
  // expected-remark @+1 {{weight is left alone: it is no parameter}}
  %0 = pi.linear %a, %o : (tensor<1x16x64xf32>, tensor<64x64xf32>) -> tensor<1x16x64xf32>
  // expected-remark @+1 {{feed-forward block is left alone: its last linear reads 'pi.attention'}}
  %1 = pi.add %y, %0 : (tensor<1x16x64xf32>, tensor<1x16x64xf32>) -> tensor<1x16x64xf32>
  return %1 : tensor<1x16x64xf32>
}
