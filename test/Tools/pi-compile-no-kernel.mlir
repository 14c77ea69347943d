// What has no GPU code is named, and no half of an artefact is left.

// RUN: rm -f %t.pi
// RUN: not pi-compile %s --target=cuda --entry-points=forward -o %t.pi 2>&1 | FileCheck %s
// RUN: not test -e %t.pi

func.func @forward(%ids: tensor<1x4xi32> {pi.name = "input_ids"}) -> (tensor<1x4x8xf32> {pi.name = "logits"}) {
  %table = arith.constant dense<1.0> : tensor<8x8xf32>
  %x = pi.embedding %ids, %table : (tensor<1x4xi32>, tensor<8x8xf32>) -> tensor<1x4x8xf32>
  return %x : tensor<1x4x8xf32>
}

func.func @probabilities(%x: tensor<1x2x4x4xf32> {pi.name = "x"}) -> (tensor<1x2x4x4xf32> {pi.name = "y"})
    attributes {pi.training} {
  // CHECK: pi-compile-no-kernel.mlir:[[@LINE+1]]:{{.*}} error: there is no GPU code for operation 'pi.softmax'
  %y = pi.softmax %x causal : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  return %y : tensor<1x2x4x4xf32>
}
