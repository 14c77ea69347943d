// RUN: pi-opt %s --convert-pi-to-pirt | FileCheck %s

// Sums of five warps meet in 20 bytes of shared memory. What stands behind them
// is aligned all the same: LLVM joins loads of neighbours to one of 16 bytes.
// CHECK: gpu.func @row_reduce_leading{{.*}} workgroup({{.*}} : memref<{{.*}}> {llvm.align = 16 : i64}, {{.*}} : memref<5xf32, {{.*}}> {llvm.align = 16 : i64})
func.func @sums(%x: tensor<5x16x33xf32> {pi.name = "x"})
    -> (tensor<33xf32> {pi.name = "a"}, tensor<f32> {pi.name = "c"}) attributes {pi.training} {
  %a = pi.reduce_leading %x : (tensor<5x16x33xf32>) -> tensor<33xf32>
  %b = pi.reduce_leading %x : (tensor<5x16x33xf32>) -> tensor<16x33xf32>
  %c = pi.reduce_leading %x : (tensor<5x16x33xf32>) -> tensor<f32>
  %d = pi.reduce_leading %b : (tensor<16x33xf32>) -> tensor<f32>
  %e = pi.add %c, %d : (tensor<f32>, tensor<f32>) -> tensor<f32>
  return %a, %e : tensor<33xf32>, tensor<f32>
}
