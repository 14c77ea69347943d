// What depends on parameters alone becomes a derived parameter.
// RUN: pi-opt %s --pi-hoist-parameter-computation | FileCheck %s

// CHECK: pi.parameter @c_fc.weight : tensor<64x256xf32>
// CHECK: pi.parameter @c_fc.weight.spectral_norm : tensor<64x256xf32> derived {
// CHECK-NEXT: %[[W:.*]] = pi.load @c_fc.weight
// CHECK-NEXT: %[[V:.*]] = pi.spectral_norm %[[W]] iterations 16
// CHECK-NEXT: pi.yield %[[V]]
pi.parameter @c_fc.weight : tensor<64x256xf32>
pi.parameter @gain : tensor<64xf32>
// A product of two normalised matrices is one parameter: its steps are not.
// CHECK: pi.parameter @c_proj.weight : tensor<256x64xf32>
// CHECK: pi.parameter @c_proj.weight.matmul : tensor<256x64xf32> derived {
// CHECK: pi.weight_norm
// CHECK: pi.matmul
// CHECK: pi.yield
pi.parameter @c_proj.weight : tensor<256x64xf32>
pi.parameter @wpe.weight : tensor<32x64xf32>
pi.parameter @rotation : tensor<64x64xf32>

// CHECK-LABEL: func.func @forward
func.func @forward(%x: tensor<1x16x64xf32>) -> (tensor<1x16x256xf32>, tensor<1x16x64xf32>) {
  // CHECK: %[[V:.*]] = pi.load @c_fc.weight.spectral_norm
  // CHECK: pi.linear %{{.*}}, %[[V]]
  %w = pi.load @c_fc.weight : tensor<64x256xf32>
  %v = pi.spectral_norm %w iterations 16 : (tensor<64x256xf32>) -> tensor<64x256xf32>
  %y = pi.linear %x, %v : (tensor<1x16x64xf32>, tensor<64x256xf32>) -> tensor<1x16x256xf32>
  %g = pi.load @gain : tensor<64xf32>
  %p = pi.load @c_proj.weight : tensor<256x64xf32>
  %n = pi.weight_norm %p gain %g : (tensor<256x64xf32>, tensor<64xf32>) -> tensor<256x64xf32>
  %r = pi.load @rotation : tensor<64x64xf32>
  // CHECK: %[[M:.*]] = pi.load @c_proj.weight.matmul
  // CHECK: pi.linear %{{.*}}, %[[M]]
  %m = pi.matmul %n, %r : (tensor<256x64xf32>, tensor<64x64xf32>) -> tensor<256x64xf32>
  %z = pi.linear %y, %m : (tensor<1x16x256xf32>, tensor<256x64xf32>) -> tensor<1x16x64xf32>
  // What stands for positions changes from one token to the next: it stays.
  // CHECK: pi.position_embedding
  %t = pi.load @wpe.weight : tensor<32x64xf32>
  %e = pi.position_embedding %t : (tensor<32x64xf32>) -> tensor<16x64xf32>
  %s = pi.add %z, %e : (tensor<1x16x64xf32>, tensor<16x64xf32>) -> tensor<1x16x64xf32>
  return %y, %s : tensor<1x16x256xf32>, tensor<1x16x64xf32>
}

// Parameters change between the runs of a function for training.
// CHECK-LABEL: func.func @training
func.func @training() -> tensor<64x256xf32> attributes {pi.training} {
  // CHECK: pi.spectral_norm
  %w = pi.load @c_fc.weight : tensor<64x256xf32>
  %n = pi.spectral_norm %w iterations 4 : (tensor<64x256xf32>) -> tensor<64x256xf32>
  return %n : tensor<64x256xf32>
}
