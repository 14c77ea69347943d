// Operations of training and of gradients survive printing and parsing, in
// their own form and in the generic one.
// RUN: pi-opt %s | pi-opt | FileCheck %s
// RUN: pi-opt %s --mlir-print-op-generic | pi-opt | FileCheck %s

// CHECK-LABEL: func.func @arithmetic
func.func @arithmetic(%x: tensor<2x3x4xf32>, %y: tensor<4xf32>, %s: tensor<f32>) -> tensor<4xf32> {
  // CHECK: pi.mul %{{.*}}, %{{.*}} : (tensor<2x3x4xf32>, tensor<4xf32>) -> tensor<2x3x4xf32>
  %0 = pi.mul %x, %y : (tensor<2x3x4xf32>, tensor<4xf32>) -> tensor<2x3x4xf32>
  // CHECK: pi.div %{{.*}}, %{{.*}} : (tensor<2x3x4xf32>, tensor<f32>) -> tensor<2x3x4xf32>
  %1 = pi.div %0, %s : (tensor<2x3x4xf32>, tensor<f32>) -> tensor<2x3x4xf32>
  // CHECK: pi.reduce_leading %{{.*}} : (tensor<2x3x4xf32>) -> tensor<4xf32>
  %2 = pi.reduce_leading %1 : (tensor<2x3x4xf32>) -> tensor<4xf32>
  return %2 : tensor<4xf32>
}

// CHECK-LABEL: func.func @products
func.func @products(%a: tensor<4x3xf32>, %b: tensor<5x4xf32>) -> tensor<3x5xf32> {
  // CHECK: pi.matmul %{{.*}} transposed, %{{.*}} transposed : (tensor<4x3xf32>, tensor<5x4xf32>) -> tensor<3x5xf32>
  %0 = pi.matmul %a transposed, %b transposed : (tensor<4x3xf32>, tensor<5x4xf32>) -> tensor<3x5xf32>
  return %0 : tensor<3x5xf32>
}

// CHECK-LABEL: func.func @lookups
func.func @lookups(%ids: tensor<2x3xi32>, %g: tensor<2x3x8xf32>) -> tensor<9x8xf32> {
  // CHECK: pi.embedding_grad %{{.*}}, %{{.*}} : (tensor<2x3xi32>, tensor<2x3x8xf32>) -> tensor<9x8xf32>
  %0 = pi.embedding_grad %ids, %g : (tensor<2x3xi32>, tensor<2x3x8xf32>) -> tensor<9x8xf32>
  return %0 : tensor<9x8xf32>
}

// CHECK-LABEL: func.func @nonlinear
func.func @nonlinear(%g: tensor<3x8xf32>, %x: tensor<3x8xf32>) -> tensor<3x8xf32> {
  // CHECK: pi.gelu_grad %{{.*}}, %{{.*}} approximate tanh : tensor<3x8xf32>
  %0 = pi.gelu_grad %g, %x approximate tanh : tensor<3x8xf32>
  // CHECK: pi.relu_grad %{{.*}}, %{{.*}} : tensor<3x8xf32>
  %1 = pi.relu_grad %0, %x : tensor<3x8xf32>
  return %1 : tensor<3x8xf32>
}

// CHECK-LABEL: func.func @losses
func.func @losses(%x: tensor<2x3x9xbf16>, %t: tensor<2x3xi32>) -> tensor<2x3x9xbf16> {
  // CHECK: %[[L:.*]] = pi.cross_entropy %{{.*}}, %{{.*}} ignore_index -100 : (tensor<2x3x9xbf16>, tensor<2x3xi32>) -> tensor<f32>
  %0 = pi.cross_entropy %x, %t ignore_index -100 : (tensor<2x3x9xbf16>, tensor<2x3xi32>) -> tensor<f32>
  // CHECK: pi.add_loss %[[L]] : tensor<f32>
  pi.add_loss %0 : tensor<f32>
  // CHECK: pi.cross_entropy_grad %[[L]], %{{.*}}, %{{.*}} ignore_index -1 : (tensor<f32>, tensor<2x3x9xbf16>, tensor<2x3xi32>) -> tensor<2x3x9xbf16>
  %1 = pi.cross_entropy_grad %0, %x, %t ignore_index -1 : (tensor<f32>, tensor<2x3x9xbf16>, tensor<2x3xi32>) -> tensor<2x3x9xbf16>
  return %1 : tensor<2x3x9xbf16>
}
