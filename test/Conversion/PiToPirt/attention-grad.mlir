// RUN: pi-opt %s --convert-pi-to-pirt | FileCheck %s

// Attention keeps log_sum_exp, and its gradient is a sequence of launches over
// the same buffers, two of which are its own.

// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[QKV:[^:]*]]: memref<2x200x192xbf16>
// CHECK-SAME: %[[T:[^:]*]]: memref<4x200xf32>
// CHECK-SAME: %[[DY:[^:]*]]: memref<2x200x64xbf16>
// CHECK-SAME: %[[DE:[^:]*]]: memref<2x4x200xf32>
// CHECK-DAG: pirt.launch @{{.*}}::@attention_bf16_b2_t200_h4_d16_s3E800000_causal_temperature_entropy_lse
// CHECK: pirt.launch @{{.*}}::@attention_grad_queries_bf16_b2_t200_h4_d16_s3E800000_causal_temperature_entropy
// CHECK: pirt.launch @{{.*}}::@attention_grad_keys_bf16_b2_t200_h4_d16_s3E800000_causal_temperature_entropy
// CHECK: pirt.launch @{{.*}}::@attention_grad_temperature_bf16_b2_t200_h4_d16_s3E800000_causal_temperature_entropy
func.func @gradients(%qkv: tensor<2x200x192xbf16> {pi.name = "qkv"}, %t: tensor<4x200xf32> {pi.name = "t"}, %dy: tensor<2x200x64xbf16> {pi.name = "dy"}, %de: tensor<2x4x200xf32> {pi.name = "de"})
    -> (tensor<2x200x192xbf16> {pi.name = "dqkv"}, tensor<4x200xf32> {pi.name = "dt"}) {
  %y, %e, %l = pi.attention %qkv temperature %t heads 4 scale 0.25 causal
      : (tensor<2x200x192xbf16>, tensor<4x200xf32>) -> (tensor<2x200x64xbf16>, tensor<2x4x200xf32>, log_sum_exp tensor<2x4x200xf32>)
  %dqkv, %dt = pi.attention_grad %dy, %qkv, %y, %l temperature %t entropy %e gradient %de heads 4 scale 0.25 causal
      : (tensor<2x200x64xbf16>, tensor<2x200x192xbf16>, tensor<2x200x64xbf16>, tensor<2x4x200xf32>, tensor<4x200xf32>, tensor<2x4x200xf32>, tensor<2x4x200xf32>)
        -> (tensor<2x200x192xbf16>, tensor<4x200xf32>)
  return %dqkv, %dt : tensor<2x200x192xbf16>, tensor<4x200xf32>
}
