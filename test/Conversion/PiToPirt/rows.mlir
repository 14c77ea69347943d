// RUN: pi-opt %s -split-input-file --convert-pi-to-pirt | FileCheck %s
// RUN: pi-opt %s -split-input-file --convert-pi-to-pirt --pi-assemble-cubin | FileCheck %s --check-prefix=ASSEMBLED

// Embedding, positions, sum and LayerNorm are one kernel that writes the sum
// and its normalised form; positions repeat over the batch.

// CHECK: gpu.module @kernels
// CHECK: gpu.func @[[$KERNEL:row_embedding_position_embedding_add_layer_norm_bf16_64_[0-9a-f]+]](%{{.*}}: memref<8xi32>, %{{.*}}: memref<6144xbf16>, %{{.*}}: memref<1024xbf16>
// CHECK: nvvm.griddepcontrol wait
// CHECK: vector.load {{.*}} {alignment = 16 : i64} : memref<6144xbf16>, vector<8xbf16>
// CHECK: gpu.shuffle
// CHECK: math.rsqrt
// CHECK: vector.store {{.*}} {alignment = 16 : i64} : memref<512xbf16>, vector<8xbf16>
// CHECK: vector.store {{.*}} {alignment = 16 : i64} : memref<512xbf16>, vector<8xbf16>
// CHECK-LABEL: func.func @forward(
// CHECK-NEXT: pirt.launch @kernels::@[[$KERNEL]] grid [2, 1, 1] block [128, 1, 1] programmatic(%arg0, %arg1, %arg2, %arg3, %arg4, %arg5, %arg6)
// CHECK-NEXT: return
// ASSEMBLED: spill_bytes = 0
func.func @forward(%ids: tensor<2x4xi32> {pi.name = "input_ids"}, %wte: tensor<96x64xbf16> {pi.parameter = @wte.weight},
                   %wpe: tensor<16x64xbf16> {pi.parameter = @wpe.weight}, %g: tensor<64xf32> {pi.parameter = @ln.weight},
                   %b: tensor<64xf32> {pi.parameter = @ln.bias})
    -> (tensor<2x4x64xbf16> {pi.name = "x"}, tensor<2x4x64xbf16> {pi.name = "y"}) {
  %0 = pi.embedding %ids, %wte : (tensor<2x4xi32>, tensor<96x64xbf16>) -> tensor<2x4x64xbf16>
  %1 = pi.position_embedding %wpe : (tensor<16x64xbf16>) -> tensor<4x64xbf16>
  %2 = pi.add %0, %1 : (tensor<2x4x64xbf16>, tensor<4x64xbf16>) -> tensor<2x4x64xbf16>
  %3 = pi.layer_norm %2, %g, %b epsilon 1.0e-5 : (tensor<2x4x64xbf16>, tensor<64xf32>, tensor<64xf32>) -> tensor<2x4x64xbf16>
  return %2, %3 : tensor<2x4x64xbf16>, tensor<2x4x64xbf16>
}

// -----

// Equal computations share a kernel; an odd length is read one by one, and a
// long row takes a block.

// CHECK: gpu.module @kernels
// CHECK: gpu.func @row_polynomial_relu_f32_33_
// CHECK: memref.load
// CHECK: gpu.func @row_layer_norm_f32_6144_
// CHECK: gpu.barrier
// CHECK-NOT: gpu.func
// CHECK-LABEL: func.func @forward(
// CHECK: pirt.launch @kernels::@[[K:row_polynomial_relu_f32_33_[0-9a-f]+]] grid [2, 1, 1] block [64, 1, 1]
// CHECK: pirt.launch @kernels::@row_layer_norm_f32_6144_{{[0-9a-f]+}} grid [3, 1, 1] block [192, 1, 1]
// CHECK: pirt.launch @kernels::@[[K]] grid
// ASSEMBLED: spill_bytes = 0
// ASSEMBLED: spill_bytes = 0
func.func @forward(%x: tensor<3x33xf32> {pi.name = "x"}, %v: tensor<3x33xf32> {pi.name = "v"}, %z: tensor<3x6144xf32> {pi.name = "z"},
                   %g: tensor<6144xf32> {pi.parameter = @ln.weight}, %b: tensor<6144xf32> {pi.parameter = @ln.bias})
    -> (tensor<3x33xf32> {pi.name = "a"}, tensor<3x6144xf32> {pi.name = "b"}, tensor<3x33xf32> {pi.name = "c"}) {
  %0 = pi.polynomial %x coefficients [0.125, 0.5, 0.25] : tensor<3x33xf32>
  %1 = pi.relu %0 : tensor<3x33xf32>
  %2 = pi.layer_norm %z, %g, %b epsilon 1.0e-5 : (tensor<3x6144xf32>, tensor<6144xf32>, tensor<6144xf32>) -> tensor<3x6144xf32>
  %3 = pi.polynomial %v coefficients [0.125, 0.5, 0.25] : tensor<3x33xf32>
  %4 = pi.relu %3 : tensor<3x33xf32>
  return %1, %2, %4 : tensor<3x33xf32>, tensor<3x6144xf32>, tensor<3x33xf32>
}

// -----

// A cache is updated in place, and a scaled residual reads its scalars.

// CHECK-LABEL: func.func @prefill(
// CHECK-NEXT: pirt.launch @kernels::@row_update_cache_bf16_64_{{[0-9a-f]+}} grid [4, 1, 1] block [128, 1, 1] programmatic(%arg1, %arg0)
// CHECK-NEXT: pirt.launch @kernels::@row_scaled_residual_bf16_64_{{[0-9a-f]+}} grid [2, 1, 1] block [128, 1, 1] programmatic(%arg2, %arg3, %arg4, %arg5, %arg6)
// CHECK-NEXT: return
// ASSEMBLED: spill_bytes = 0
// ASSEMBLED: spill_bytes = 0
func.func @prefill(%qkv: tensor<2x4x192xbf16> {pi.name = "qkv"}, %cache: tensor<2x2x16x64xbf16> {pi.state = "h.0.attn.cache"},
                   %x: tensor<2x4x64xbf16> {pi.name = "x"}, %u: tensor<2x4x64xbf16> {pi.name = "u"},
                   %alpha: tensor<bf16> {pi.parameter = @alpha}, %beta: tensor<bf16> {pi.parameter = @beta})
    -> (tensor<2x4x64xbf16> {pi.name = "y"}, tensor<2x2x16x64xbf16> {pi.state = "h.0.attn.cache"}) {
  %0 = pi.update_cache %cache, %qkv : (tensor<2x2x16x64xbf16>, tensor<2x4x192xbf16>) -> tensor<2x2x16x64xbf16>
  %1 = pi.scaled_residual %x, %u alpha %alpha beta %beta
      : (tensor<2x4x64xbf16>, tensor<2x4x64xbf16>, tensor<bf16>, tensor<bf16>) -> tensor<2x4x64xbf16>
  return %1, %0 : tensor<2x4x64xbf16>, tensor<2x2x16x64xbf16>
}
