// From a model to entry points that take one array of pointers.
// RUN: pi-opt %s --pi-execution-pipeline --pi-cpu-pipeline | FileCheck %s

// CHECK-DAG: llvm.func @pi_rt_sgemm(
// CHECK-DAG: llvm.func @pi_rt_alloc(i64) -> !llvm.ptr
// CHECK-DAG: llvm.func @pi_entry_forward(%{{.*}}: !llvm.ptr) -> i32
// CHECK-DAG: llvm.func @pi_entry_prefill(%{{.*}}: !llvm.ptr) -> i32
// CHECK-DAG: llvm.func @pi_entry_decode(%{{.*}}: !llvm.ptr) -> i32
// CHECK-DAG: llvm.func @pi_initialize_w.spectral_norm(%{{.*}}: !llvm.ptr) -> i32
// CHECK-DAG: llvm.func internal @forward(
pi.parameter @table : tensor<384x64xf32>
pi.parameter @w : tensor<64x192xf32>
func.func @forward(%ids: tensor<1x16xi32> {pi.name = "input_ids"}) -> (tensor<1x16x384xf32> {pi.name = "logits"}) {
  %table = pi.load @table : tensor<384x64xf32>
  %x = pi.embedding %ids, %table : (tensor<1x16xi32>, tensor<384x64xf32>) -> tensor<1x16x64xf32>
  %w = pi.load @w : tensor<64x192xf32>
  %n = pi.spectral_norm %w iterations 4 : (tensor<64x192xf32>) -> tensor<64x192xf32>
  %q = pi.linear %x, %n : (tensor<1x16x64xf32>, tensor<64x192xf32>) -> tensor<1x16x192xf32>
  %a = pi.attention %q heads 4 scale 0.25 causal : (tensor<1x16x192xf32>) -> tensor<1x16x64xf32>
  %y = pi.linear %a, %table transposed : (tensor<1x16x64xf32>, tensor<384x64xf32>) -> tensor<1x16x384xf32>
  return %y : tensor<1x16x384xf32>
}
