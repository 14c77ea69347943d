// Two results that start from equal zeros have a buffer each.
// RUN: pi-opt %s --pass-pipeline='builtin.module(pi-cpu-pipeline)' --mlir-print-ir-after=one-shot-bufferize -o /dev/null 2>&1 | FileCheck %s

// CHECK: func.func private @kernel.layer_norm_grad(
// CHECK-SAME: %[[DW:[^: ]*]]: memref<4xf32> loc({{[^)]*}}), %[[DB:[^: ]*]]: memref<4xf32> loc({{[^)]*}})) {
// CHECK-DAG: linalg.fill {{.*}} outs(%[[DW]] : memref<4xf32>)
// CHECK-DAG: linalg.fill {{.*}} outs(%[[DB]] : memref<4xf32>)
func.func @gradient(%g: tensor<2x4xf32> {pi.name = "g"}, %x: tensor<2x4xf32> {pi.name = "x"}, %w: tensor<4xf32> {pi.name = "w"})
    -> (tensor<2x4xf32> {pi.name = "dx"}, tensor<4xf32> {pi.name = "dw"}, tensor<4xf32> {pi.name = "db"}) {
  %dx, %dw, %db = pi.layer_norm_grad %g, %x, %w epsilon 1.0e-5 : (tensor<2x4xf32>, tensor<2x4xf32>, tensor<4xf32>) -> (tensor<2x4xf32>, tensor<4xf32>, tensor<4xf32>)
  return %dx, %dw, %db : tensor<2x4xf32>, tensor<4xf32>, tensor<4xf32>
}
