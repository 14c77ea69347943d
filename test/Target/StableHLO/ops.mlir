// The text of each operation. That an engine takes it and computes the same is
// tested in python/tests/test_private.py.
// RUN: split-file %s %t
// RUN: pi-translate --pi-to-stablehlo %t/linear.mlir -o - | FileCheck %t/linear.mlir
// RUN: pi-translate --pi-to-stablehlo %t/nonlinear.mlir -o - | FileCheck %t/nonlinear.mlir
// RUN: pi-translate --pi-to-stablehlo %t/attention.mlir -o - | FileCheck %t/attention.mlir
// RUN: pi-translate --pi-to-stablehlo %t/weights.mlir -o - | FileCheck %t/weights.mlir
// RUN: pi-translate --pi-to-stablehlo %t/mixed.mlir -o - | FileCheck %t/mixed.mlir
// RUN: pi-translate --pi-to-stablehlo %t/empty.mlir -o - | FileCheck %t/empty.mlir

//--- linear.mlir
func.func @forward(%ids: tensor<1x4xi32>, %table: tensor<32x8xf32>, %w: tensor<8x6xf32>, %b: tensor<6xf32>,
                   %m: tensor<2x3x4xf32>, %n: tensor<2x4x5xf32>, %position: tensor<i32>, %flat: tensor<32xf32>)
    -> (tensor<1x4x6xf32>, tensor<2x4x5xf32>, tensor<1x1x6xf32>, tensor<4x8xf32>, tensor<4x8xf32>) {
  // Secret tokens: a row of the table is chosen by a one-hot product.
  %x = pi.embedding %ids, %table : (tensor<1x4xi32>, tensor<32x8xf32>) -> tensor<1x4x8xf32> loc("embedding")
  %y = pi.linear %x, %w bias %b : (tensor<1x4x8xf32>, tensor<8x6xf32>, tensor<6xf32>) -> tensor<1x4x6xf32> loc("linear")
  %z = pi.matmul %m, %n : (tensor<2x3x4xf32>, tensor<2x4x5xf32>) -> tensor<2x3x5xf32> loc("matmul")
  %t = pi.matmul %m transposed, %z : (tensor<2x3x4xf32>, tensor<2x3x5xf32>) -> tensor<2x4x5xf32> loc("matmul_transposed")
  %l = pi.select_position %y at %position : (tensor<1x4x6xf32>, tensor<i32>) -> tensor<1x1x6xf32> loc("select_position")
  %p = pi.position_embedding %table at %position : (tensor<32x8xf32>, tensor<i32>) -> tensor<4x8xf32> loc("position_embedding")
  %e = tensor.expand_shape %flat [[0, 1]] output_shape [4, 8] : tensor<32xf32> into tensor<4x8xf32> loc("expand_shape")
  return %y, %t, %l, %p, %e : tensor<1x4x6xf32>, tensor<2x4x5xf32>, tensor<1x1x6xf32>, tensor<4x8xf32>, tensor<4x8xf32>
}
// CHECK:      func.func private @embedding(%arg0: tensor<1x4xi32>, %arg1: tensor<32x8xf32>) -> tensor<1x4x8xf32> {
// CHECK-NEXT:   %0 = stablehlo.reshape %arg0 : (tensor<1x4xi32>) -> tensor<4xi32>
// CHECK-NEXT:   %1 = stablehlo.broadcast_in_dim %0, dims = [0] : (tensor<4xi32>) -> tensor<4x32xi32>
// CHECK-NEXT:   %2 = stablehlo.iota dim = 1 : tensor<4x32xi32>
// CHECK-NEXT:   %3 = stablehlo.compare EQ, %1, %2, SIGNED : (tensor<4x32xi32>, tensor<4x32xi32>) -> tensor<4x32xi1>
// CHECK-NEXT:   %4 = stablehlo.convert %3 : (tensor<4x32xi1>) -> tensor<4x32xf32>
// CHECK-NEXT:   %5 = stablehlo.dot_general %4, %arg1, contracting_dims = [1] x [0] : (tensor<4x32xf32>, tensor<32x8xf32>) -> tensor<4x8xf32>
// CHECK-NEXT:   %6 = stablehlo.reshape %5 : (tensor<4x8xf32>) -> tensor<1x4x8xf32>
// CHECK-NEXT:   return %6 : tensor<1x4x8xf32>
// CHECK-NEXT: }
// CHECK-NEXT: func.func private @linear
// CHECK-NEXT:   %0 = stablehlo.reshape %arg0 : (tensor<1x4x8xf32>) -> tensor<4x8xf32>
// CHECK-NEXT:   %1 = stablehlo.dot_general %0, %arg1, contracting_dims = [1] x [0] : (tensor<4x8xf32>, tensor<8x6xf32>) -> tensor<4x6xf32>
// CHECK-NEXT:   %2 = stablehlo.reshape %1 : (tensor<4x6xf32>) -> tensor<1x4x6xf32>
// CHECK-NEXT:   %3 = stablehlo.broadcast_in_dim %arg2, dims = [2] : (tensor<6xf32>) -> tensor<1x4x6xf32>
// CHECK-NEXT:   %4 = stablehlo.add %2, %3 : tensor<1x4x6xf32>
// CHECK:      func.func private @matmul
// CHECK-NEXT:   %0 = stablehlo.dot_general %arg0, %arg1, batching_dims = [0] x [0], contracting_dims = [2] x [1] : (tensor<2x3x4xf32>, tensor<2x4x5xf32>) -> tensor<2x3x5xf32>
// CHECK:      func.func private @matmul_transposed
// CHECK-NEXT:   %0 = stablehlo.dot_general %arg0, %arg1, batching_dims = [0] x [0], contracting_dims = [1] x [1] : (tensor<2x3x4xf32>, tensor<2x3x5xf32>) -> tensor<2x4x5xf32>
// CHECK:      func.func private @select_position
// CHECK-NEXT:   %0 = stablehlo.constant dense<0> : tensor<i32>
// CHECK-NEXT:   %1 = stablehlo.dynamic_slice %arg0, %0, %arg1, %0, sizes = [1, 1, 6] : (tensor<1x4x6xf32>, tensor<i32>, tensor<i32>, tensor<i32>) -> tensor<1x1x6xf32>
// CHECK:      func.func private @position_embedding
// CHECK-NEXT:   %0 = stablehlo.constant dense<0> : tensor<i32>
// CHECK-NEXT:   %1 = stablehlo.dynamic_slice %arg0, %arg1, %0, sizes = [4, 8] : (tensor<32x8xf32>, tensor<i32>, tensor<i32>) -> tensor<4x8xf32>
// CHECK:      func.func private @expand_shape
// CHECK-NEXT:   %0 = stablehlo.reshape %arg0 : (tensor<32xf32>) -> tensor<4x8xf32>

//--- nonlinear.mlir
func.func @forward(%x: tensor<2x8xf32>, %w: tensor<8xf32>, %b: tensor<8xf32>, %s: tensor<1x2x3x4xf32>)
    -> (tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x8xf32>, tensor<1x2x3x4xf32>) {
  %0 = pi.layer_norm %x, %w, %b epsilon 1.0e-5 : (tensor<2x8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<2x8xf32> loc("layer_norm")
  %1 = pi.gelu %x approximate tanh : tensor<2x8xf32> loc("gelu_tanh")
  %2 = pi.gelu %x approximate none : tensor<2x8xf32> loc("gelu_erf")
  %3 = pi.relu %x : tensor<2x8xf32> loc("relu")
  %4 = pi.polynomial %x coefficients [0.5, 0.0, 0.25, 0.125] : tensor<2x8xf32> loc("polynomial")
  %5 = pi.softmax %s : (tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32> loc("softmax")
  return %0, %1, %2, %3, %4, %5 : tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x8xf32>, tensor<1x2x3x4xf32>
}
// CHECK:      func.func private @layer_norm
// CHECK-NEXT:   %0 = stablehlo.constant dense<0.000000e+00> : tensor<f32>
// CHECK-NEXT:   %1 = stablehlo.reduce(%arg0 init: %0) applies stablehlo.add across dimensions = [1] : (tensor<2x8xf32>, tensor<f32>) -> tensor<2xf32>
// CHECK-NEXT:   %2 = stablehlo.constant dense<1.250000e-01> : tensor<2xf32>
// CHECK-NEXT:   %3 = stablehlo.multiply %1, %2 : tensor<2xf32>
// CHECK-NEXT:   %4 = stablehlo.broadcast_in_dim %3, dims = [0] : (tensor<2xf32>) -> tensor<2x8xf32>
// CHECK-NEXT:   %5 = stablehlo.subtract %arg0, %4 : tensor<2x8xf32>
// CHECK-NEXT:   %6 = stablehlo.multiply %5, %5 : tensor<2x8xf32>
// CHECK:        %11 = stablehlo.constant dense<9.99999974E-6> : tensor<2xf32>
// CHECK-NEXT:   %12 = stablehlo.add %10, %11 : tensor<2xf32>
// CHECK-NEXT:   %13 = stablehlo.rsqrt %12 : tensor<2xf32>
// CHECK:      func.func private @gelu_tanh
// CHECK-NEXT:   %0 = stablehlo.multiply %arg0, %arg0 : tensor<2x8xf32>
// CHECK-NEXT:   %1 = stablehlo.multiply %0, %arg0 : tensor<2x8xf32>
// CHECK:        stablehlo.tanh
// CHECK:      func.func private @gelu_erf
// CHECK-NEXT:   %0 = stablehlo.constant dense<0.707106769> : tensor<2x8xf32>
// CHECK-NEXT:   %1 = stablehlo.multiply %arg0, %0 : tensor<2x8xf32>
// CHECK-NEXT:   %2 = stablehlo.custom_call @mhlo.erf(%1) {mhlo.attributes = {}, mhlo.version = 1 : i64} : (tensor<2x8xf32>) -> tensor<2x8xf32>
// CHECK:      func.func private @relu
// CHECK-NEXT:   %0 = stablehlo.constant dense<0.000000e+00> : tensor<2x8xf32>
// CHECK-NEXT:   %1 = stablehlo.maximum %arg0, %0 : tensor<2x8xf32>
// One product with all coefficients, so that there is one truncation; one that
// is 0 has no part in it.
// CHECK:      func.func private @polynomial
// CHECK-NEXT:   %0 = stablehlo.constant dense<5.000000e-01> : tensor<2x8xf32>
// CHECK-NEXT:   %1 = stablehlo.multiply %arg0, %arg0 : tensor<2x8xf32>
// CHECK-NEXT:   %2 = stablehlo.reshape %1 : (tensor<2x8xf32>) -> tensor<16xf32>
// CHECK-NEXT:   %3 = stablehlo.multiply %1, %arg0 : tensor<2x8xf32>
// CHECK-NEXT:   %4 = stablehlo.reshape %3 : (tensor<2x8xf32>) -> tensor<16xf32>
// CHECK-NEXT:   %5 = stablehlo.concatenate %2, %4, dim = 0 : (tensor<16xf32>, tensor<16xf32>) -> tensor<32xf32>
// CHECK-NEXT:   %6 = stablehlo.reshape %5 : (tensor<32xf32>) -> tensor<2x16xf32>
// CHECK-NEXT:   %7 = stablehlo.constant dense<[2.500000e-01, 1.250000e-01]> : tensor<2xf32>
// CHECK-NEXT:   %8 = stablehlo.dot_general %7, %6, contracting_dims = [0] x [0] : (tensor<2xf32>, tensor<2x16xf32>) -> tensor<16xf32>
// CHECK-NEXT:   %9 = stablehlo.reshape %8 : (tensor<16xf32>) -> tensor<2x8xf32>
// CHECK-NEXT:   %10 = stablehlo.add %9, %0 : tensor<2x8xf32>
// Not causal: no mask.
// CHECK:      func.func private @softmax
// CHECK-NOT:    stablehlo.select
// CHECK:        stablehlo.exponential

//--- attention.mlir
func.func @forward(%qkv: tensor<1x4x24xf32>, %s: tensor<1x2x3x4xf32>, %t: tensor<2x3xf32>)
    -> (tensor<1x4x8xf32>, tensor<1x2x3x4xf32>) {
  %0 = pi.attention %qkv heads 2 scale 0.5 causal : (tensor<1x4x24xf32>) -> tensor<1x4x8xf32> loc("attn")
  %1 = pi.softmax %s temperature %t causal : (tensor<1x2x3x4xf32>, tensor<2x3xf32>) -> tensor<1x2x3x4xf32> loc("softmax")
  return %0, %1 : tensor<1x4x8xf32>, tensor<1x2x3x4xf32>
}
// CHECK:      func.func private @attn.scores(%arg0: tensor<1x4x24xf32>) -> tensor<1x2x4x4xf32> {
// CHECK-NEXT:   %0 = stablehlo.slice %arg0 [0:1, 0:4, 0:8] : (tensor<1x4x24xf32>) -> tensor<1x4x8xf32>
// CHECK-NEXT:   %1 = stablehlo.reshape %0 : (tensor<1x4x8xf32>) -> tensor<1x4x2x4xf32>
// CHECK-NEXT:   %2 = stablehlo.transpose %1, dims = [0, 2, 1, 3] : (tensor<1x4x2x4xf32>) -> tensor<1x2x4x4xf32>
// CHECK-NEXT:   %3 = stablehlo.constant dense<5.000000e-01> : tensor<1x2x4x4xf32>
// CHECK-NEXT:   %4 = stablehlo.multiply %2, %3 : tensor<1x2x4x4xf32>
// CHECK-NEXT:   %5 = stablehlo.slice %arg0 [0:1, 0:4, 8:16]
// Heads are one batch: engines loop over more dimensions than that.
// CHECK:        %8 = stablehlo.reshape %4 : (tensor<1x2x4x4xf32>) -> tensor<2x4x4xf32>
// CHECK-NEXT:   %9 = stablehlo.reshape %7 : (tensor<1x2x4x4xf32>) -> tensor<2x4x4xf32>
// CHECK-NEXT:   %10 = stablehlo.dot_general %8, %9, batching_dims = [0] x [0], contracting_dims = [2] x [2]
// CHECK-NEXT:   %11 = stablehlo.reshape %10 : (tensor<2x4x4xf32>) -> tensor<1x2x4x4xf32>
// The mask is public, and what it hides is finite before and zero after the
// exponential. A row is normalised by one reciprocal and a product.
// CHECK:      func.func private @attn.softmax(%arg0: tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32> {
// CHECK-NEXT:   %0 = stablehlo.iota dim = 0 : tensor<4x4xi32>
// CHECK-NEXT:   %1 = stablehlo.iota dim = 1 : tensor<4x4xi32>
// CHECK-NEXT:   %2 = stablehlo.compare GE, %0, %1, SIGNED
// CHECK-NEXT:   %3 = stablehlo.broadcast_in_dim %2, dims = [2, 3] : (tensor<4x4xi1>) -> tensor<1x2x4x4xi1>
// CHECK-NEXT:   %4 = stablehlo.constant dense<-3.276800e+04> : tensor<1x2x4x4xf32>
// CHECK-NEXT:   %5 = stablehlo.select %3, %arg0, %4 : tensor<1x2x4x4xi1>, tensor<1x2x4x4xf32>
// CHECK:        stablehlo.reduce(%5 init: %6) applies stablehlo.maximum across dimensions = [3]
// CHECK:        [[POWERS:%.*]] = stablehlo.exponential
// CHECK:        [[HIDDEN:%.*]] = stablehlo.select %3, [[POWERS]],
// CHECK:        [[SUM:%.*]] = stablehlo.reduce([[HIDDEN]] init: {{.*}}) applies stablehlo.add
// CHECK:        [[INVERSE:%.*]] = stablehlo.divide {{.*}}, [[SUM]] : tensor<1x2x4xf32>
// CHECK-NEXT:   [[ROWS:%.*]] = stablehlo.broadcast_in_dim [[INVERSE]], dims = [0, 1, 2]
// CHECK-NEXT:   stablehlo.multiply [[HIDDEN]], [[ROWS]]
// CHECK:      func.func private @attn.context(%arg0: tensor<1x2x4x4xf32>, %arg1: tensor<1x4x24xf32>) -> tensor<1x4x8xf32> {
// CHECK:        stablehlo.dot_general {{.*}}, batching_dims = [0] x [0], contracting_dims = [2] x [1]
// The temperature is an input here, so its reciprocal is part of the run.
// CHECK:      func.func private @softmax.factor(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
// CHECK:      func.func private @softmax(%arg0: tensor<1x2x3x4xf32>, %arg1: tensor<2x3xf32>)
// CHECK-NEXT:   %0 = stablehlo.broadcast_in_dim %arg1, dims = [1, 2] : (tensor<2x3xf32>) -> tensor<1x2x3x4xf32>

//--- weights.mlir
module {
  pi.parameter @w : tensor<4x6xf32>
  pi.parameter @g : tensor<6xf32> derived {
    %w = pi.load @w : tensor<4x6xf32>
    %g = pi.column_norm %w : (tensor<4x6xf32>) -> tensor<6xf32> loc("column_norm")
    pi.yield %g : tensor<6xf32>
  }
  func.func @forward(%x: tensor<2x4xf32>) -> tensor<2x6xf32> {
    %w = pi.load @w : tensor<4x6xf32>
    %g = pi.load @g : tensor<6xf32>
    %v = pi.weight_norm %w gain %g columns [0, 2, 2, 6] : (tensor<4x6xf32>, tensor<6xf32>) -> tensor<4x6xf32> loc("weight_norm")
    %u = pi.spectral_norm %v columns [2, 6] iterations 3 : (tensor<4x6xf32>) -> tensor<4x6xf32> loc("spectral_norm")
    %y = pi.linear %x, %u : (tensor<2x4xf32>, tensor<4x6xf32>) -> tensor<2x6xf32> loc("linear")
    return %y : tensor<2x6xf32>
  }
}
// CHECK:      func.func @main(%input0: tensor<2x4xf32> {pi.name = "input0"},
// CHECK-NEXT:     %w.spectral_norm: tensor<4x6xf32> {pi.parameter = "w.spectral_norm"}) -> (tensor<2x6xf32> {pi.name = "output0"}) {
// CHECK-NEXT:   %linear = call @linear(%input0, %w.spectral_norm)
// CHECK:      func.func private @initialize.column_norm
// CHECK:        stablehlo.sqrt {{.*}} : tensor<6xf32>
// CHECK:      func.func private @initialize.weight_norm
// CHECK-NEXT:   %0 = stablehlo.slice %arg0 [0:4, 0:2]
// CHECK:        stablehlo.concatenate {{.*}}, dim = 1 : (tensor<4x2xf32>, tensor<4x4xf32>) -> tensor<4x6xf32>
// CHECK:      func.func private @initialize.spectral_norm
// CHECK:        %[[LOOP:.*]]:2 = stablehlo.while(%[[I:i.*]] = %{{.*}}, %[[V:x.*]] = %{{.*}}) : tensor<i32>, tensor<4xf32>
// CHECK-NEXT:   cond {
// CHECK-NEXT:     [[LESS:%.*]] = stablehlo.compare LT, %[[I]], {{.*}}, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
// CHECK-NEXT:     stablehlo.return [[LESS]] : tensor<i1>
// CHECK-NEXT:   } do {
// CHECK:          stablehlo.return {{.*}} : tensor<i32>, tensor<4xf32>
// CHECK-NEXT:   }
// CHECK-NEXT:   stablehlo.dot_general {{.*}}, %[[LOOP]]#1, contracting_dims = [1] x [0]

//--- mixed.mlir
// A step computes in the widest of its formats, and rounds once.
func.func @forward(%x: tensor<4x8xbf16>, %w: tensor<8xf32>, %m: tensor<8x3xbf16>, %qkv: tensor<1x4x24xbf16>, %t: tensor<2x4xf32>)
    -> (tensor<4x8xbf16>, tensor<4x3xf32>, tensor<1x4x8xbf16>) {
  %0 = pi.add %x, %w : (tensor<4x8xbf16>, tensor<8xf32>) -> tensor<4x8xbf16> loc("add")
  %1 = pi.matmul %0, %m : (tensor<4x8xbf16>, tensor<8x3xbf16>) -> tensor<4x3xf32> loc("matmul")
  %2 = pi.attention %qkv temperature %t heads 2 scale 0.5 causal : (tensor<1x4x24xbf16>, tensor<2x4xf32>) -> tensor<1x4x8xbf16> loc("attn")
  return %0, %1, %2 : tensor<4x8xbf16>, tensor<4x3xf32>, tensor<1x4x8xbf16>
}
// CHECK:      func.func private @add(%arg0: tensor<4x8xbf16>, %arg1: tensor<8xf32>) -> tensor<4x8xbf16> {
// CHECK-NEXT:   %0 = stablehlo.convert %arg0 : (tensor<4x8xbf16>) -> tensor<4x8xf32>
// CHECK-NEXT:   %1 = stablehlo.broadcast_in_dim %arg1, dims = [1] : (tensor<8xf32>) -> tensor<4x8xf32>
// CHECK-NEXT:   %2 = stablehlo.add %0, %1 : tensor<4x8xf32>
// CHECK-NEXT:   %3 = stablehlo.convert %2 : (tensor<4x8xf32>) -> tensor<4x8xbf16>
// CHECK-NEXT:   return %3 : tensor<4x8xbf16>
// CHECK:      func.func private @matmul(%arg0: tensor<4x8xbf16>, %arg1: tensor<8x3xbf16>) -> tensor<4x3xf32> {
// CHECK-NEXT:   %0 = stablehlo.convert %arg0
// CHECK-NEXT:   %1 = stablehlo.convert %arg1
// CHECK-NEXT:   %2 = stablehlo.dot_general %0, %1, contracting_dims = [1] x [0] : (tensor<4x8xf32>, tensor<8x3xf32>) -> tensor<4x3xf32>
// CHECK-NEXT:   return %2
// Scores and probabilities stay f32 between steps.
// CHECK:      func.func private @attn.scores(%arg0: tensor<1x4x24xbf16>, %arg1: tensor<2x4xf32>) -> tensor<1x2x4x4xf32> {
// CHECK:      func.func private @attn.context(%arg0: tensor<1x2x4x4xf32>, %arg1: tensor<1x4x24xbf16>) -> tensor<1x4x8xbf16> {

//--- empty.mlir
// A sum of no products is zero.
func.func @forward(%x: tensor<1x4x0xf32>, %w: tensor<0x6xf32>) -> tensor<1x4x6xf32> {
  %y = pi.linear %x, %w : (tensor<1x4x0xf32>, tensor<0x6xf32>) -> tensor<1x4x6xf32> loc("linear")
  return %y : tensor<1x4x6xf32>
}
// CHECK:      func.func private @linear
// CHECK-NEXT:   %0 = stablehlo.reshape %arg0 : (tensor<1x4x0xf32>) -> tensor<4x0xf32>
// CHECK-NEXT:   %1 = stablehlo.dot_general %0, %arg1, contracting_dims = [1] x [0] : (tensor<4x0xf32>, tensor<0x6xf32>) -> tensor<4x6xf32>
