// RUN: pi-opt %s --convert-pi-to-pirt | FileCheck %s
// RUN: pi-opt %s --convert-pi-to-pirt --pi-assemble-cubin -o %t

// CHECK-LABEL: func.func @train_step(
// CHECK-SAME: %[[W:[^:]*]]: memref<8x16xf32> {pi.parameter = @w}, %[[B:[^:]*]]: memref<17xf32> {pi.parameter = @b}
// CHECK-SAME: %[[WM:[^:]*]]: memref<8x16xf32> {pi.state = "w.exp_avg"}, %[[WV:[^:]*]]: memref<8x16xf32> {pi.state = "w.exp_avg_sq"}
// CHECK-SAME: %[[BM:[^:]*]]: memref<17xf32> {pi.state = "b.exp_avg"}, %[[BV:[^:]*]]: memref<17xf32> {pi.state = "b.exp_avg_sq"}
// CHECK-SAME: %[[NORM:[^:]*]]: memref<f32> {pirt.output = "grad_norm"}
func.func @train_step(%dw: tensor<8x16xf32> {pi.name = "dw"}, %db: tensor<17xf32> {pi.name = "db"},
                      %lr: tensor<f32> {pi.name = "learning_rate"}, %decay: tensor<f32> {pi.name = "weight_decay"},
                      %max: tensor<f32> {pi.name = "max_grad_norm"}, %step: tensor<i32> {pi.name = "step"},
                      %w: tensor<8x16xf32> {pi.parameter = @w}, %b: tensor<17xf32> {pi.parameter = @b},
                      %wm: tensor<8x16xf32> {pi.state = "w.exp_avg"}, %wv: tensor<8x16xf32> {pi.state = "w.exp_avg_sq"},
                      %bm: tensor<17xf32> {pi.state = "b.exp_avg"}, %bv: tensor<17xf32> {pi.state = "b.exp_avg_sq"})
    -> (tensor<f32> {pi.name = "grad_norm"},
        tensor<8x16xf32> {pi.parameter = @w}, tensor<8x16xf32> {pi.state = "w.exp_avg"}, tensor<8x16xf32> {pi.state = "w.exp_avg_sq"},
        tensor<17xf32> {pi.parameter = @b}, tensor<17xf32> {pi.state = "b.exp_avg"}, tensor<17xf32> {pi.state = "b.exp_avg_sq"})
    attributes {pi.training} {
  // The norm of all gradients: sums of pieces, then their sum.
  // CHECK: %[[SUMS:.*]] = pirt.alloc : memref<2xf32>
  // CHECK: pirt.launch @kernels::@sums_of_squares_{{.*}} grid [2, 1, 1] {{.*}}(%[[SUMS]]) table(%arg0, %arg1)
  // CHECK: pirt.launch @kernels::@root_of_sum_n2 {{.*}}(%[[SUMS]], %[[NORM]])
  %norm = pi.global_norm %dw, %db : tensor<8x16xf32>, tensor<17xf32>
  // CHECK: pirt.launch @kernels::@row_clip_coefficient{{.*}}(%[[NORM]], %arg4, %[[C:.*]])
  %c = pi.clip_coefficient %norm, %max
  // One launch updates all parameters in place.
  // CHECK: pirt.launch @kernels::@adamw_factors{{.*}}(%arg2, %arg3, %arg5, %[[FACTORS:.*]])
  // CHECK: pirt.launch @kernels::@adamw_b{{.*}} grid [2, 1, 1] {{.*}}(%[[FACTORS]], %[[C]])
  // CHECK-SAME: table(%[[B]], %[[W]], %arg1, %arg0, %[[BM]], %[[WM]], %[[BV]], %[[WV]])
  // CHECK-NEXT: return
  %w1, %wm1, %wv1 = pi.adamw %w gradient %dw moments %wm, %wv learning_rate %lr weight_decay %decay step %step
      coefficient %c beta1 0.9 beta2 0.95 epsilon 1.0e-8 decay : tensor<8x16xf32>
  %b1, %bm1, %bv1 = pi.adamw %b gradient %db moments %bm, %bv learning_rate %lr weight_decay %decay step %step
      coefficient %c beta1 0.9 beta2 0.95 epsilon 1.0e-8 : tensor<17xf32>
  return %norm, %w1, %wm1, %wv1, %b1, %bm1, %bv1
      : tensor<f32>, tensor<8x16xf32>, tensor<8x16xf32>, tensor<8x16xf32>, tensor<17xf32>, tensor<17xf32>, tensor<17xf32>
}

// CHECK-LABEL: func.func @watch(
func.func @watch(%x: tensor<3x5xbf16> {pi.name = "x"}, %e: tensor<2x4x16xf32> {pi.name = "e"})
    -> (tensor<i32> {pi.name = "finite"}, tensor<4xf32> {pi.name = "entropy"}) attributes {pi.training} {
  // CHECK: pirt.launch @kernels::@is_finite_bf16_n15_f32_n128 grid [1, 1, 1] {{.*}}(%arg0, %arg1, %arg2)
  %ok = pi.is_finite %x, %e : tensor<3x5xbf16>, tensor<2x4x16xf32>
  // CHECK: pirt.launch @kernels::@mean_entropy_b2_h4_t16 grid [4, 1, 1] {{.*}}(%arg1, %arg3)
  %m = pi.mean_entropy %e : (tensor<2x4x16xf32>) -> tensor<4xf32>
  return %ok, %m : tensor<i32>, tensor<4xf32>
}
pi.parameter @w : tensor<8x16xf32>
pi.parameter @b : tensor<17xf32>
