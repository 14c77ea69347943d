// RUN: pi-opt %s --convert-pi-to-linalg | FileCheck %s --implicit-check-not='= pi.'
// RUN: pi-opt %s --pi-cpu-pipeline | FileCheck %s --check-prefix=BLAS

// Two chunks of two rows and a rest of one: never logits of more than two rows,
// and a sum that goes on from chunk to chunk.
// CHECK-LABEL: func.func @chunks
// CHECK: %[[START:.*]] = linalg.fill {{.*}} -> tensor<9x4xf32>
// CHECK: %[[PART:.*]]:3 = scf.for %[[I:.*]] = {{.*}} iter_args(%{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}, %[[SUM:.*]] = %[[START]]) -> (tensor<5xf32>, tensor<5x4xf32>, tensor<9x4xf32>)
// CHECK: %[[X:.*]] = tensor.extract_slice %{{.*}} : tensor<5x4xf32> to tensor<2x4xf32>
// CHECK: %[[Y:.*]] = linalg.matmul indexing_maps = {{.*}} ins(%[[X]], %{{.*}} : tensor<2x4xf32>, tensor<9x4xf32>) outs({{.*}} : tensor<2x9xf32>)
// CHECK: %[[ROWS:.*]]:2 = scf.forall {{.*}} shared_outs(%{{.*}} = %{{.*}}, %{{.*}} = %[[Y]]) -> (tensor<2xf32>, tensor<2x9xf32>)
// CHECK: linalg.matmul ins(%[[ROWS]]#1, %{{.*}} : tensor<2x9xf32>, tensor<9x4xf32>) outs({{.*}} : tensor<2x4xf32>)
// CHECK: linalg.matmul indexing_maps = {{.*}} ins(%[[ROWS]]#1, %[[X]] : tensor<2x9xf32>, tensor<2x4xf32>) outs(%[[SUM]] : tensor<9x4xf32>)
// CHECK: scf.yield
// CHECK: linalg.matmul {{.*}} outs({{.*}} : tensor<1x9xf32>)
// CHECK: linalg.matmul {{.*}} outs(%[[PART]]#2 : tensor<9x4xf32>)
// BLAS-LABEL: llvm.func internal @kernel.linear_cross_entropy
// BLAS-COUNT-6: llvm.call @pi_rt_sgemm
// BLAS-NOT: llvm.call @pi_rt_sgemm
func.func @chunks(%x: tensor<5x4xf32> {pi.name = "x"}, %w: tensor<9x4xf32> {pi.name = "w"}, %t: tensor<5xi32> {pi.name = "t"})
    -> (tensor<f32> {pi.name = "loss"}, tensor<5x4xf32> {pi.name = "dx"}, tensor<9x4xf32> {pi.name = "dw"}) {
  %loss, %dx, %dw = pi.linear_cross_entropy %x, %w transposed, %t ignore_index -100 chunk 2
      : (tensor<5x4xf32>, tensor<9x4xf32>, tensor<5xi32>) -> (tensor<f32>, tensor<5x4xf32>, tensor<9x4xf32>)
  return %loss, %dx, %dw : tensor<f32>, tensor<5x4xf32>, tensor<9x4xf32>
}

// 64 MiB are logits of 16 rows of 2^20 f32; without gradients they are only
// read.
// CHECK-LABEL: func.func @default_chunk
// CHECK: %[[LOSSES:.*]] = scf.for {{.*}} -> (tensor<32xf32>)
// CHECK: linalg.matmul {{.*}} outs({{.*}} : tensor<16x1048576xf32>)
// CHECK: scf.forall {{.*}} -> (tensor<16xf32>)
// CHECK-NOT: linalg.matmul
// CHECK: return
// BLAS-LABEL: llvm.func internal @kernel.linear_cross_entropy.1
// BLAS: llvm.call @pi_rt_sgemm
// BLAS-NOT: llvm.call @pi_rt_sgemm
func.func @default_chunk(%x: tensor<4x8x4xf32> {pi.name = "x"}, %w: tensor<4x1048576xf32> {pi.name = "w"}, %t: tensor<4x8xi32> {pi.name = "t"})
    -> (tensor<f32> {pi.name = "loss"}) {
  %loss = pi.linear_cross_entropy %x, %w, %t ignore_index -100
      : (tensor<4x8x4xf32>, tensor<4x1048576xf32>, tensor<4x8xi32>) -> tensor<f32>
  return %loss : tensor<f32>
}
